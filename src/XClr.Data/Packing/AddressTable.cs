using System.Globalization;
using XClr.Data.Readers;

namespace XClr.Data.Packing;

/// <summary>The rows of a list of addresses, in the file's order.</summary>
internal interface IAddressRows : IDisposable
{
    /// <summary>Number of rows.</summary>
    long Count { get; }

    /// <summary>See <see cref="AddressTable.Columns"/>.</summary>
    IReadOnlyList<string>? Columns { get; }

    /// <summary>All rows; null: one that cannot be parsed.</summary>
    IEnumerable<AddressRow?> Read();
}

/// <summary>
/// A TSV, CSV, JSONL or Parquet file of addresses and captions: CC3M's `caption[TAB]url` and CC12M's `url[TAB]caption` without a header, or named columns.
/// </summary>
public sealed class AddressTable : IPackSource, IDisposable
{
    private readonly IAddressRows rows;

    /// <param name="path">A .csv, a .jsonl or .ndjson, a .parquet, or any other file as TSV.</param>
    /// <param name="columns">The columns in their order, one named `url` and usually one `caption`; null: recognised. Not for JSONL.</param>
    /// <param name="options">What ends the reading of a long list, and who is told of it; the rest is not used.</param>
    /// <exception cref="DataException">No file, a pipe, no rows, no column of addresses, or columns that are not the file's.</exception>
    public AddressTable(string path, IReadOnlyList<string>? columns = null, DatasetOptions? options = null)
    {
        Name = path;
        if (!File.Exists(path))
        {
            throw new DataException($"The list of addresses '{path}' does not exist.");
        }
        rows = ShardList.IsShard(path, ShardKind.Parquet) ? new ParquetAddresses(path, columns) : new TextAddresses(path, columns, options ?? new());
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long? Total => rows.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string>? Classes => null;

    /// <inheritdoc/>
    public IReadOnlyList<(string Name, string? Value)> Choices => [("data-format", "addresses"), ("columns", Columns is null ? null : string.Join(',', Columns))];

    /// <summary>The columns in their order as they were recognised or given; null for JSONL.</summary>
    public IReadOnlyList<string>? Columns => rows.Columns;

    /// <inheritdoc/>
    public IEnumerable<PackItem> Read() => rows.Read().Select(Item);

    /// <inheritdoc/>
    public void Dispose() => rows.Dispose();

    private PackItem Item(AddressRow? row, int index)
    {
        var key = (index + 1).ToString(CultureInfo.InvariantCulture);
        if (row is null || string.IsNullOrEmpty(row.Address))
        {
            return new(RawSample.Broken(
                key, Name, SampleFault.BadRow, Columns is null ? "no JSON object with a url" : $"not the {Columns.Count} columns {string.Join(", ", Columns)}, or no address"));
        }
        var sample = new RawSample(key, Name);
        foreach (var caption in row.Captions)
        {
            sample.AddCaption(caption);
        }
        return new(sample, row.Address);
    }
}
