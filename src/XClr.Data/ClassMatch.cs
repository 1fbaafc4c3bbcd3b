namespace XClr.Data;

/// <summary>
/// A set whose labels are those of another one: each class gets the index that the class of its name has there. Without this, a validation folder with fewer classes than the
/// training folder would have indices of its own.
/// </summary>
public sealed class ClassMatch : IImageDataset
{
    private readonly IImageDataset dataset;
    private readonly int[] labels;

    private ClassMatch(IImageDataset dataset, IReadOnlyList<string> classes, int[] labels)
    {
        (this.dataset, Classes, this.labels) = (dataset, classes, labels);
    }

    /// <inheritdoc/>
    public string Name => dataset.Name;

    /// <inheritdoc/>
    public string Format => dataset.Format;

    /// <inheritdoc/>
    public IReadOnlyList<string>? Classes { get; }

    /// <inheritdoc/>
    public long Count => dataset.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Folders => dataset.Folders;

    /// <summary>
    /// The set itself where either has no class names or both have the same; else one with the labels of <paramref name="reference"/>, that may have classes which the set lacks. The
    /// result owns the set.
    /// </summary>
    /// <exception cref="DataException">The set has a class that the reference lacks, or whose name two of its classes have.</exception>
    public static IImageDataset To(IImageDataset reference, IImageDataset dataset)
    {
        if (reference.Classes is not { } names || dataset.Classes is not { } own || names.SequenceEqual(own))
        {
            return dataset;
        }
        var indices = names.Select((name, i) => (name, i)).ToLookup(p => p.name, p => p.i, StringComparer.Ordinal);
        var labels = own.Select(name => indices[name].ToList() switch
        {
            [var one] => one,
            [] => throw new DataException(
                $"'{dataset.Name}' has the class '{name}', which '{reference.Name}' lacks ({names.Count} classes, first '{names[0]}'); remove it, or name both sets' classes in one classes file."),
            var several => throw new DataException($"'{reference.Name}' has {several.Count} classes called '{name}', so that '{name}' in '{dataset.Name}' may be any of them; give each a name of its own."),
        });
        return new ClassMatch(dataset, names, [.. labels]);
    }

    /// <inheritdoc/>
    public IEnumerable<RawSample> Read(ReadOrder order)
    {
        foreach (var sample in dataset.Read(order))
        {
            if (sample.Label is { } label && sample.Fault is null)
            {
                sample.Label = labels[label];
            }
            yield return sample;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => dataset.Dispose();
}
