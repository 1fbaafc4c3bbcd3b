using System.Text;
using Microsoft.Win32.SafeHandles;
using XClr.Data.Readers;

namespace XClr.Data.Packing;

/// <summary>
/// A TSV, CSV or JSONL file of addresses and captions: CC3M's `caption[TAB]url` and CC12M's `url[TAB]caption` without a header, or named columns. 12 bytes a row
/// are held.
/// </summary>
public sealed class AddressTable : IPackSource, IDisposable
{
    /// <summary>Rows that are looked at to tell the columns apart.</summary>
    private const int Examined = 100;

    private readonly SafeFileHandle _file;
    private readonly TableIndex _index;
    private readonly char? _separator;
    private readonly IReadOnlyList<string>? _columns;
    private readonly int _address, _caption;

    /// <param name="path">A .csv, a .jsonl or .ndjson, or any other file as TSV.</param>
    /// <param name="columns">The columns in their order, one named `url` and usually one `caption`; null: recognised. Not for JSONL.</param>
    /// <exception cref="DataException">No file, no rows, or no column of addresses.</exception>
    public AddressTable(string path, IReadOnlyList<string>? columns = null)
    {
        Name = path;
        if (!File.Exists(path))
        {
            throw new DataException($"The list of addresses '{path}' does not exist.");
        }
        _separator = Path.GetExtension(path).ToLowerInvariant() switch { ".csv" => ',', ".jsonl" or ".ndjson" => null, _ => '\t' };
        _file = File.OpenHandle(path);
        try
        {
            _index = TableIndex.Build(_file, quoted: _separator == ',');
            if (_index.Count == 0)
            {
                throw new DataException($"The list of addresses '{path}' ({RandomAccess.GetLength(_file)} bytes) has no rows.");
            }
            if (_separator is not null)
            {
                (_columns, _address, _caption) = columns is null ? Recognise() : (columns, Require(columns), ColumnNames.Find(columns, ColumnNames.Caption));
            }
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long? Total => _index.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string>? Classes => null;

    /// <summary>The columns in their order as they were recognised or given; null for JSONL.</summary>
    public IReadOnlyList<string>? Columns => _columns;

    /// <inheritdoc/>
    public IEnumerable<PackItem> Read()
    {
        for (var i = 0; i < _index.Count; i++)
        {
            yield return Item(i);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private PackItem Item(int row)
    {
        var key = (row + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
        var bytes = _index.Read(_file, row);
        var (address, caption) = _separator is null ? JsonRow(bytes) : Fields(bytes) is { } fields && fields.Count == _columns!.Count
            ? (fields[_address].Trim(), _caption < 0 ? null : CaptionText.Clean(fields[_caption]))
            : (null, null);
        return string.IsNullOrEmpty(address)
            ? new(RawSample.Broken(key, Name, SampleFault.BadRow, _separator is null ? "no JSON object with a url" : $"not the {_columns!.Count} columns {string.Join(", ", _columns)}, or no address"))
            : new(Row(key, caption), address);
    }

    private RawSample Row(string key, string? caption)
    {
        var row = new RawSample(key, Name);
        if (caption is not null)
        {
            row.AddCaption(caption);
        }
        return row;
    }

    private static (string? Address, string? Caption) JsonRow(byte[] row) =>
        (JsonTable.Text(row, ColumnNames.Address), CaptionText.Clean(JsonTable.Text(row, ColumnNames.Caption)));

    private List<string>? Fields(byte[] row) => DelimitedTable.Split(Encoding.UTF8.GetString(row), _separator!.Value);

    private int Require(IReadOnlyList<string> columns) => ColumnNames.Find(columns, ColumnNames.Address) is >= 0 and var found
        ? found
        : throw new DataException($"'{Name}': none of the columns {string.Join(", ", columns)} is named {string.Join(" or ", ColumnNames.Address)}.");

    // By a header's names, or else by which of two columns holds addresses in most rows.
    private (IReadOnlyList<string> Columns, int Address, int Caption) Recognise()
    {
        var first = Fields(_index.Read(_file, 0)) ?? [];
        if (ColumnNames.Find(first, ColumnNames.Address) is >= 0 and var named)
        {
            _index.DropFirst();
            return _index.Count > 0 ? (first, named, ColumnNames.Find(first, ColumnNames.Caption)) : throw new DataException($"The list of addresses '{Name}' has a header and no rows.");
        }
        var (counts, rows) = (new int[2], 0);
        for (var i = 0; i < Math.Min(Examined, _index.Count); i++)
        {
            if (Fields(_index.Read(_file, i)) is { Count: 2 } fields)
            {
                rows++;
                counts[0] += IsAddress(fields[0]) ? 1 : 0;
                counts[1] += IsAddress(fields[1]) ? 1 : 0;
            }
        }
        return (counts[0] * 2 > rows, counts[1] * 2 > rows) switch
        {
            (true, false) => (["url", "caption"], 0, 1),
            (false, true) => (["caption", "url"], 1, 0),
            _ => throw new DataException(
                $"'{Name}': the columns cannot be told apart (of {Math.Min(Examined, _index.Count)} rows {rows} have two columns; the first holds {counts[0]} addresses, the second {counts[1]}). " +
                "Say what they are, such as --columns url,caption."),
        };
    }

    private static bool IsAddress(string field) =>
        field.TrimStart().StartsWith("http://", StringComparison.OrdinalIgnoreCase) || field.TrimStart().StartsWith("https://", StringComparison.OrdinalIgnoreCase);
}
