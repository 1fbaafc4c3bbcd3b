using System.Security.Cryptography;
using System.Text;

namespace XClr.Data.Packing;

/// <summary>One row that is to be packed: its sample and, where the image has yet to be fetched, the address.</summary>
public sealed record PackItem(RawSample Sample, string? Address = null);

/// <summary>Rows in a fixed order, the same in every run.</summary>
public interface IPackSource
{
    /// <summary>The path or specification, for messages and for telling sources apart.</summary>
    string Name { get; }

    /// <summary>Number of rows where it is known at once.</summary>
    long? Total { get; }

    /// <summary>Class names in index order; null where they are not known.</summary>
    IReadOnlyList<string>? Classes { get; }

    /// <summary>How the rows are read, by the options' names; null: not given. A folder of shards that were read otherwise is refused.</summary>
    IReadOnlyList<(string Name, string? Value)> Choices { get; }

    /// <summary>All rows, faulty ones too.</summary>
    IEnumerable<PackItem> Read();
}

/// <summary>Any data set, in its files' own order.</summary>
/// <param name="dataset">The set.</param>
/// <param name="options">What it was opened with.</param>
public sealed class DatasetSource(IImageDataset dataset, DatasetOptions? options = null) : IPackSource
{
    /// <inheritdoc/>
    public string Name => dataset.Name;

    /// <inheritdoc/>
    public long? Total => dataset is Readers.IndexedDataset or Readers.ParquetShardReader ? dataset.Count : null;

    /// <inheritdoc/>
    public IReadOnlyList<string>? Classes => dataset.Classes;

    /// <inheritdoc/>
    public IReadOnlyList<(string Name, string? Value)> Choices =>
        [("data-format", dataset.Format), ("caption-template", options?.CaptionTemplate), ("classes", options?.ClassesFile is null ? null : Describe(dataset.Classes))];

    /// <inheritdoc/>
    public IEnumerable<PackItem> Read() => dataset.Read(ReadOrder.Sequential).Select(s => new PackItem(s));

    // By its content: the file may be moved, or come from a pipe.
    private static string? Describe(IReadOnlyList<string>? classes) =>
        classes is null ? null : $"{classes.Count} names, sha256 {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', classes))))}";
}
