using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>Which part of the class names "adjective noun" is the class, as in MIT-States' folders "ancient bear".</summary>
public enum NamePart
{
    Whole,
    Adjective,
    Noun,
}

/// <summary>A set whose classes are one part of its class names: the first word, or the rest. The placeholder "adj" (MIT-States: no adjective) is no adjective: its images are left out then.</summary>
internal sealed class ClassPart : IImageDataset
{
    private const string Placeholder = "adj";
    private readonly IImageDataset dataset;
    private readonly int?[] labels;

    private ClassPart(IImageDataset dataset, IReadOnlyList<string> classes, int?[] labels) => (this.dataset, Classes, this.labels) = (dataset, classes, labels);

    public string Name => dataset.Name;

    public string Format => dataset.Format;

    public IReadOnlyList<string>? Classes { get; }

    public long Count => dataset.Count;

    public IReadOnlyList<string> Folders => dataset.Folders;

    /// <summary>The set itself for the whole name; else one that owns it.</summary>
    /// <exception cref="DataException">The set has no class names, or one without a space or underscore.</exception>
    public static IImageDataset Of(IImageDataset dataset, NamePart part)
    {
        if (part == NamePart.Whole)
        {
            return dataset;
        }
        var names = dataset.Classes ?? throw new DataException($"'{dataset.Name}' has no class names, of which --class-part takes a part.");
        var parts = names.Select(n => PartOf(dataset.Name, n, part)).ToList();
        List<string> classes = [.. parts.OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        return new ClassPart(dataset, classes, [.. parts.Select(p => p is null ? (int?)null : classes.IndexOf(p))]);
    }

    public IEnumerable<RawSample> Read(ReadOrder order)
    {
        foreach (var sample in dataset.Read(order))
        {
            if (sample.Fault is null && sample.Label is { } whole)
            {
                if (labels[whole] is not { } label)
                {
                    continue;
                }
                sample.Label = label;
            }
            yield return sample;
        }
    }

    public void Dispose() => dataset.Dispose();

    private static string? PartOf(string set, string name, NamePart part)
    {
        var cut = name.AsSpan().IndexOfAny(' ', '_');
        if (cut <= 0 || cut == name.Length - 1)
        {
            throw new DataException($"'{set}' has the class '{name}', which is no \"adjective noun\", as --class-part asks for.");
        }
        return part == NamePart.Noun ? name[(cut + 1)..] : name[..cut] == Placeholder ? null : name[..cut];
    }
}
