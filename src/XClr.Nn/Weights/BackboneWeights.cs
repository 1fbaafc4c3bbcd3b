using XClr.Nn.Models;

namespace XClr.Nn.Weights;

/// <summary>A file of weights under torchvision's names, whatever a training program put before them; says what was removed and left out.</summary>
public sealed class BackboneWeights : IWeightFile
{
    private const string FirstConv = "conv1.weight", FirstOfBlocks = "layer1.0.conv1.weight", Tracked = ".num_batches_tracked";
    private const int Listed = 12;
    // Of DistributedDataParallel, torch.compile, Lightning's modules, MoCo's trained half and the image half of CLIP's kind among others.
    private static readonly string[] Prefixes = ["module.", "_orig_mod.", "model.", "net.", "backbone.", "encoder.", "encoder_q.", "base_encoder.", "visual.", "trunk."];

    private readonly IWeightFile file;

    private BackboneWeights(IWeightFile file)
    {
        this.file = file;
        Prefix = FindPrefix(file);
        Tensors = Prefix.Length == 0 ? file.Tensors : [.. file.Tensors.Where(t => HasPrefix(t.Name)).Select(t => t with { Name = t.Name[Prefix.Length..] })];
    }

    public string Path => file.Path;

    /// <summary>What stood before the names, such as "module.backbone."; empty where nothing did.</summary>
    public string Prefix { get; }

    public IReadOnlyList<WeightTensor> Tensors { get; }
    public IReadOnlyDictionary<string, string> Metadata => file.Metadata;

    /// <summary>Opens a file of any kind that <see cref="WeightFiles"/> knows.</summary>
    /// <exception cref="SafetensorsException">The file cannot be read, or has two backbones under different prefixes, or one under a prefix that is not known.</exception>
    /// <exception cref="CheckpointException">A file of PyTorch is not accepted.</exception>
    public static BackboneWeights Open(string path)
    {
        var file = WeightFiles.Open(path);
        try
        {
            return new BackboneWeights(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public bool Contains(string name) => file.Contains(Prefix + name);

    public WeightTensor this[string name] => file[Prefix + name];

    public float[] ReadFloat32(string name) => file.ReadFloat32(Prefix + name);

    public void Dispose() => file.Dispose();

    /// <summary><see cref="Describe"/> with the file's name.</summary>
    public string Report => $"weights of {Path}: {Describe()}";

    /// <summary>One line: how many tensors a backbone takes from the file, what was opened, removed and converted, and what is left out.</summary>
    public string Describe()
    {
        var taken = Tensors.Where(t => Model.IsBackbone(t.Name)).ToList();
        var converted = taken.Where(t => t.DType is SafetensorsDType.F16 or SafetensorsDType.BF16 or SafetensorsDType.F64).Select(t => t.DType).Distinct().Order().ToList();
        var leftOut = file.Tensors.Where(t => !HasPrefix(t.Name) || !Model.IsBackbone(t.Name[Prefix.Length..])).Select(t => t.Name).ToList();
        return string.Join("; ", new[]
        {
            $"{taken.Count} tensors",
            file is TorchFile { Wrapper: { } wrapper } ? $"found under '{wrapper}'" : null,
            Prefix.Length > 0 ? $"prefix '{Prefix}' removed" : null,
            converted.Count > 0 ? $"{string.Join(" and ", converted)} converted to F32" : null,
            leftOut.Count > 0 ? $"left out: {List(leftOut)}" : null,
        }.OfType<string>());
    }

    /// <summary>The first names of a list, and how many more there are.</summary>
    internal static string List(IReadOnlyList<string> names) => string.Join(", ", names.Take(Listed)) + (names.Count > Listed ? $" and {names.Count - Listed} more" : "");

    /// <summary>True for PyTorch's counters of training batches.</summary>
    internal static bool IsCounter(string name) => name.EndsWith(Tracked, StringComparison.Ordinal);

    private bool HasPrefix(string name) => name.StartsWith(Prefix, StringComparison.Ordinal);

    private static string FindPrefix(IWeightFile file)
    {
        var found = file.Tensors.Select(t => t.Name).Where(n => n.EndsWith(FirstConv, StringComparison.Ordinal)).Select(n => n[..^FirstConv.Length]).Where(IsPrefix).ToList();
        return found.Count switch
        {
            0 => UnknownPrefix(file) is not { } unknown ? "" : throw new SafetensorsException(
                $"{file.Path}: has a network under '{unknown}', which is none of the prefixes that are removed ({string.Join(' ', Prefixes)}); save that part alone, such as model.{unknown}state_dict()."),
            1 => found[0],
            _ when found.Contains("") => "",
            _ => throw new SafetensorsException($"{file.Path}: has {found.Count} networks, under {string.Join(" and ", found.Select(f => $"'{f}'"))}; save the one to be used alone."),
        };
    }

    private static string? UnknownPrefix(IWeightFile file) =>
        file.Tensors.Where(t => t.Name.EndsWith(FirstOfBlocks, StringComparison.Ordinal)).Select(t => t.Name[..^FirstOfBlocks.Length]).FirstOrDefault(p => !IsPrefix(p));

    private static bool IsPrefix(string text)
    {
        while (Prefixes.FirstOrDefault(p => text.StartsWith(p, StringComparison.Ordinal)) is { } prefix)
        {
            text = text[prefix.Length..];
        }
        return text.Length == 0;
    }
}
