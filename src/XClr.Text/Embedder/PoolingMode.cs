using System.Text.Json;

namespace XClr.Text;

/// <summary>How token vectors become one vector.</summary>
internal enum PoolingMode
{
    /// <summary>The mean over a text's own tokens, special tokens included.</summary>
    Mean,
    /// <summary>The first token's vector.</summary>
    Cls,
}

/// <summary>Reads 1_Pooling/config.json: old style (pooling_mode_mean_tokens: true, ...) and today's ("pooling_mode": "mean").</summary>
internal static class PoolingConfig
{
    private const string OldPrefix = "pooling_mode_";

    public static PoolingMode Read(string path, bool hasPrompt)
    {
        if (!File.Exists(path))
        {
            throw new TextException($"{path} is missing, and the model does not pool by itself. Download it from where the model came from, " +
                                    "or write it: {\"pooling_mode\": \"mean\"} (or \"cls\").");
        }
        var file = JsonFile.Read(path);
        if (hasPrompt && file.Flag("include_prompt") == false)
        {
            throw new TextException($"{path} leaves the prompt's tokens out of the pooling (include_prompt), which is not supported with a default prompt (config_sentence_transformers.json). Choose another model, or remove default_prompt_name.");
        }
        var modes = Modes(file);
        if (modes.Count != 1)
        {
            throw new TextException($"{path} asks for {(modes.Count == 0 ? "no pooling" : string.Join(" and ", modes))}: exactly one of mean or cls can be used.");
        }
        return modes[0] switch
        {
            // Dividing by the root of the length instead changes the norm alone, and embeddings are normalised.
            "mean" or "mean_tokens" or "mean_sqrt_len_tokens" => PoolingMode.Mean,
            "cls" or "cls_token" => PoolingMode.Cls,
            var other => throw new TextException($"{path}: the pooling mode {other} is not known; mean and cls are. Choose a model that pools so."),
        };
    }

    private static List<string> Modes(JsonFile file)
    {
        switch (file.Get("pooling_mode"))
        {
            case { ValueKind: JsonValueKind.String } text:
                return [text.GetString()!];
            case { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(e => e.ValueKind == JsonValueKind.String):
                return [.. list.EnumerateArray().Select(e => e.GetString()!)];
            case { } other:
                throw file.Wrong("pooling_mode", other, "mean or cls");
        }
        if (file.Root.ValueKind != JsonValueKind.Object)
        {
            throw file.Wrong("(root)", file.Root, "an object");
        }
        return [.. file.Root.EnumerateObject().Where(p => p.Name.StartsWith(OldPrefix, StringComparison.Ordinal) && file.Flag(p.Name) == true)
            .Select(p => p.Name[OldPrefix.Length..])];
    }
}
