using System.Text.Json;

namespace XClr.Text;

/// <summary>
/// A sentence-transformer directory as it is downloaded: where its files lie, and what its modules do. modules.json may move the
/// transformer's and the pooling's files into folders of their own; without it everything lies at the root.
/// </summary>
internal sealed class ModelDirectory
{
    /// <summary>Encoders that ship with the program, found by name.</summary>
    public static readonly IReadOnlyList<string> BuiltIn = [CaptionEmbedder.Default];

    private readonly string transformer;
    private readonly string? poolingFolder;

    private ModelDirectory(string root)
    {
        Root = root;
        transformer = root;
        if (JsonFile.ReadIfPresent(PromptFile) is { } settings && settings.Text("default_prompt_name") is { } name)
        {
            Prompt = settings.Get("prompts") is { } prompts && settings.Text(prompts, name) is { } prompt ? prompt
                : throw new TextException($"{settings.Path}: its prompts lack the default one, \"{name}\". Download the file again.");
        }
        var modules = JsonFile.ReadIfPresent(Path.Combine(root, "modules.json"));
        if (modules is null)
        {
            return;
        }
        if (modules.Root.ValueKind != JsonValueKind.Array)
        {
            throw modules.Wrong("(root)", modules.Root, "a list of modules");
        }
        foreach (var module in modules.Root.EnumerateArray())
        {
            var type = modules.Text(module, "type") ?? "";
            var path = modules.Text(module, "path") ?? "";
            switch (type[(type.LastIndexOf('.') + 1)..])
            {
                case "Transformer": transformer = Inside(modules, path); break;
                case "Pooling": poolingFolder = Inside(modules, path); break;
                case "Normalize": break;
                default: OtherModule ??= $"{type} ({path})"; break;
            }
        }
    }

    public string Root { get; }

    /// <summary>What sentence-transformers puts before every text (config_sentence_transformers.json's default prompt); null where it puts nothing.</summary>
    public string? Prompt { get; }

    /// <summary>A module that is neither transformer, pooling nor normalisation (a Dense layer, say); null where there is none.</summary>
    public string? OtherModule { get; }

    private string PromptFile => Path.Combine(Root, "config_sentence_transformers.json");

    /// <summary>The pooling's config.json, whether or not it exists.</summary>
    public string PoolingFile => Path.Combine(poolingFolder ?? Path.Combine(Root, "1_Pooling"), "config.json");

    public static ModelDirectory Open(string nameOrDirectory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(nameOrDirectory);
        if (BuiltIn.Contains(nameOrDirectory))
        {
            var shipped = Path.Combine(AppContext.BaseDirectory, "Models", nameOrDirectory);
            return Directory.Exists(shipped) ? new ModelDirectory(shipped) : throw new TextException(
                $"The built-in encoder {nameOrDirectory} is missing: no folder {shipped}. Build the program again, or copy src/XClr.Text/Models beside it.");
        }
        if (!Directory.Exists(nameOrDirectory))
        {
            var what = !File.Exists(nameOrDirectory) ? "does not exist"
                : nameOrDirectory.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase) ? "is a file; name the directory that holds it" : "is a file; embeddings computed elsewhere are not read";
            throw new TextException($"Text encoder {nameOrDirectory}: {what}. Give a sentence-transformer directory " +
                                    $"(onnx/model.onnx, 1_Pooling/config.json, tokenizer files) or a built-in name: {string.Join(", ", BuiltIn)}.");
        }
        return new ModelDirectory(Path.GetFullPath(nameOrDirectory));
    }

    /// <summary>A file of the transformer by name, in its own folder or at the root; null where there is none.</summary>
    public string? Find(string name)
    {
        var own = Path.Combine(transformer, name);
        if (File.Exists(own))
        {
            return own;
        }
        var atRoot = Path.Combine(Root, name);
        return File.Exists(atRoot) ? atRoot : null;
    }

    /// <summary>The ONNX model: onnx/model.onnx, or model.onnx.</summary>
    public string FindModel()
    {
        if ((Find("onnx/model.onnx") ?? Find("model.onnx")) is { } model)
        {
            RefusePointer(model);
            return model;
        }
        var others = Directory.EnumerateFiles(Root, "*.onnx", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Root, f)).Order(StringComparer.Ordinal).Take(8).ToList();
        var found = others.Count == 0 ? "" : $" It has {string.Join(", ", others)}: copy the one you want to onnx/model.onnx.";
        throw new TextException($"{Root} has neither onnx/model.onnx nor model.onnx.{found} " +
                                "Download the model's ONNX file, or export it (optimum-cli export onnx --task feature-extraction).");
    }

    /// <summary>Every file that an embedding depends on, with the name it goes by in the fingerprint, in a fixed order.</summary>
    public IEnumerable<(string Name, string File)> FingerprintFiles()
    {
        var model = FindModel();
        yield return ("model", model);
        // Weights beyond 2 GB lie beside the model, under a name the model chose: model.onnx_data, model.onnx.data, ...
        foreach (var data in Directory.EnumerateFiles(Path.GetDirectoryName(model)!, "model.onnx?*").Order(StringComparer.Ordinal))
        {
            yield return ("weights:" + Path.GetFileName(data), data);
        }
        foreach (var name in (string[])["vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                        "added_tokens.json", "sentence_bert_config.json", "config.json"])
        {
            if (Find(name) is { } file)
            {
                yield return (name, file);
            }
        }
        if (File.Exists(PoolingFile))
        {
            yield return ("pooling", PoolingFile);
        }
        if (Prompt is not null)
        {
            yield return ("prompt", PromptFile);
        }
    }

    private string Inside(JsonFile modules, string path)
    {
        // No file system has a name with a zero in it.
        var folder = path.Contains('\0') ? "" : Path.GetFullPath(Path.Combine(Root, path));
        return folder == Root || folder.StartsWith(Root.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? folder
            : throw new TextException($"{modules.Path}: the module path \"{path}\" leads out of the directory. Download the file again.");
    }

    private static void RefusePointer(string model)
    {
        var head = new byte[8];
        using var stream = File.OpenRead(model);
        if (stream.Length < 1024 && stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.AsSpan().SequenceEqual("version "u8))
        {
            throw new TextException($"{model} is a Git LFS pointer, not the model. Run `git lfs pull` in {Path.GetDirectoryName(model)}, or download the file itself.");
        }
    }
}
