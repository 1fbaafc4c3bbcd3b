using System.Text;
using Microsoft.Win32.SafeHandles;
using XClr.Data.Readers;

namespace XClr.Data.Packing;

/// <summary>TSV, CSV and JSONL. 12 bytes a row are held.</summary>
internal sealed class TextAddresses : IAddressRows
{
    /// <summary>Rows that are looked at to tell the columns apart.</summary>
    private const int Examined = 100;
    private const int MostShown = 200;

    private readonly SafeFileHandle file;
    private readonly TableIndex index;
    private readonly TableDialect? dialect;
    private readonly int address, caption;

    public TextAddresses(string path, IReadOnlyList<string>? columns, DatasetOptions options)
    {
        file = FileRead.OpenTable(path);
        try
        {
            dialect = Path.GetExtension(path).ToLowerInvariant() switch { ".csv" => TableDialect.Csv(file), ".jsonl" or ".ndjson" => null, _ => TableDialect.Tsv };
            index = TableIndex.Build(file, dialect, path, options);
            if (index.Count == 0)
            {
                throw new DataException($"The list of addresses '{path}' ({RandomAccess.GetLength(file)} bytes) has no rows.");
            }
            if (dialect is not null)
            {
                (Columns, address, caption) = columns is null ? Recognise(path) : Named(columns, path);
            }
            else
            {
                RequireObjects(columns, path);
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public long Count => index.Count;

    public IReadOnlyList<string>? Columns { get; }

    public IEnumerable<AddressRow?> Read()
    {
        for (var i = 0; i < index.Count; i++)
        {
            var row = index.Read(file, i);
            yield return dialect is null ? JsonTable.Address(row) : Row(row);
        }
    }

    public void Dispose() => file.Dispose();

    private AddressRow? Row(byte[] row) => Fields(row) is { } fields && fields.Count == Columns!.Count
        ? new(fields[address].Trim(), this.caption >= 0 && CaptionText.Clean(fields[this.caption]) is { } caption ? [caption] : [])
        : null;

    private List<string>? Fields(byte[] row) => dialect!.Split(Encoding.UTF8.GetString(row));

    // The first row's bytes as they are, cut where they are many.
    private string First()
    {
        var text = Encoding.UTF8.GetString(index.Read(file, 0));
        return text.Length <= MostShown ? text : text[..MostShown] + "...";
    }

    // Some rows may be broken, but not all of the first ones.
    private void RequireObjects(IReadOnlyList<string>? columns, string path)
    {
        if (columns is not null)
        {
            throw new DataException($"--columns {string.Join(',', columns)}: the rows of '{path}' are JSON objects, which name what they hold themselves: {First()}. Leave --columns out.");
        }
        var examined = Math.Min(Examined, index.Count);
        if (Enumerable.Range(0, examined).All(i => JsonTable.Address(index.Read(file, i))?.Address is null))
        {
            throw new DataException($"'{path}': none of its first {examined} rows is a JSON object with a {string.Join(" or ", ColumnNames.Address)}; the first is {First()}");
        }
    }

    // The same.
    private (IReadOnlyList<string> Columns, int Address, int Caption) Named(IReadOnlyList<string> columns, string path)
    {
        List<int> counts = [.. Enumerable.Range(0, Math.Min(Examined, index.Count)).Select(i => Fields(index.Read(file, i))?.Count ?? 0)];
        if (!counts.Contains(columns.Count))
        {
            ColumnNames.RequireAll(columns, counts[0], path, First());
        }
        return (columns, ColumnNames.RequireAddress(columns, path, First()), ColumnNames.Find(columns, ColumnNames.Caption));
    }

    // By a header's names, or else by which of two columns holds addresses in most rows.
    private (IReadOnlyList<string> Columns, int Address, int Caption) Recognise(string path)
    {
        var first = Fields(index.Read(file, 0)) ?? [];
        if (ColumnNames.Find(first, ColumnNames.Address) is >= 0 and var named)
        {
            index.DropFirst();
            return index.Count > 0 ? (first, named, ColumnNames.Find(first, ColumnNames.Caption)) : throw new DataException($"The list of addresses '{path}' has a header and no rows.");
        }
        var (counts, rows) = (new int[2], 0);
        for (var i = 0; i < Math.Min(Examined, index.Count); i++)
        {
            if (Fields(index.Read(file, i)) is { Count: 2 } fields)
            {
                rows++;
                counts[0] += ShardDownloads.IsAddress(fields[0].TrimStart()) ? 1 : 0;
                counts[1] += ShardDownloads.IsAddress(fields[1].TrimStart()) ? 1 : 0;
            }
        }
        return (counts[0] * 2 > rows, counts[1] * 2 > rows) switch
        {
            (true, false) => (["url", "caption"], 0, 1),
            (false, true) => (["caption", "url"], 1, 0),
            _ => throw new DataException(
                $"'{path}': the columns cannot be told apart (of {Math.Min(Examined, index.Count)} rows {rows} have two columns; the first holds {counts[0]} addresses, the second {counts[1]}). " +
                "Say what they are, such as --columns url,caption."),
        };
    }
}
