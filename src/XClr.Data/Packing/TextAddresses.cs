using System.Text;
using Microsoft.Win32.SafeHandles;
using XClr.Data.Readers;

namespace XClr.Data.Packing;

/// <summary>TSV, CSV and JSONL. 12 bytes a row are held.</summary>
internal sealed class TextAddresses : IAddressRows
{
    /// <summary>Rows that are looked at to tell the columns apart.</summary>
    private const int Examined = 100;

    private readonly SafeFileHandle _file;
    private readonly TableIndex _index;
    private readonly char? _separator;
    private readonly int _address, _caption;

    public TextAddresses(string path, IReadOnlyList<string>? columns)
    {
        _separator = Path.GetExtension(path).ToLowerInvariant() switch { ".csv" => ',', ".jsonl" or ".ndjson" => null, _ => '\t' };
        _file = FileRead.OpenTable(path);
        try
        {
            _index = TableIndex.Build(_file, quoted: _separator == ',');
            if (_index.Count == 0)
            {
                throw new DataException($"The list of addresses '{path}' ({RandomAccess.GetLength(_file)} bytes) has no rows.");
            }
            if (_separator is not null)
            {
                (Columns, _address, _caption) = columns is null
                    ? Recognise(path)
                    : (columns, ColumnNames.RequireAddress(columns, path), ColumnNames.Find(columns, ColumnNames.Caption));
            }
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public long Count => _index.Count;

    public IReadOnlyList<string>? Columns { get; }

    public IEnumerable<AddressRow?> Read()
    {
        for (var i = 0; i < _index.Count; i++)
        {
            var row = _index.Read(_file, i);
            yield return _separator is null ? JsonTable.Address(row) : Row(row);
        }
    }

    public void Dispose() => _file.Dispose();

    private AddressRow? Row(byte[] row) => Fields(row) is { } fields && fields.Count == Columns!.Count
        ? new(fields[_address].Trim(), _caption >= 0 && CaptionText.Clean(fields[_caption]) is { } caption ? [caption] : [])
        : null;

    private List<string>? Fields(byte[] row) => DelimitedTable.Split(Encoding.UTF8.GetString(row), _separator!.Value);

    // By a header's names, or else by which of two columns holds addresses in most rows.
    private (IReadOnlyList<string> Columns, int Address, int Caption) Recognise(string path)
    {
        var first = Fields(_index.Read(_file, 0)) ?? [];
        if (ColumnNames.Find(first, ColumnNames.Address) is >= 0 and var named)
        {
            _index.DropFirst();
            return _index.Count > 0 ? (first, named, ColumnNames.Find(first, ColumnNames.Caption)) : throw new DataException($"The list of addresses '{path}' has a header and no rows.");
        }
        var (counts, rows) = (new int[2], 0);
        for (var i = 0; i < Math.Min(Examined, _index.Count); i++)
        {
            if (Fields(_index.Read(_file, i)) is { Count: 2 } fields)
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
                $"'{path}': the columns cannot be told apart (of {Math.Min(Examined, _index.Count)} rows {rows} have two columns; the first holds {counts[0]} addresses, the second {counts[1]}). " +
                "Say what they are, such as --columns url,caption."),
        };
    }
}
