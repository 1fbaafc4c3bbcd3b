using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace XClr.Data.Readers;

/// <summary>Where the rows of a text table start, 12 bytes a row. A row ends at the first line end outside quotes, where the dialect has them.</summary>
internal sealed class TableIndex
{
    private const int MaxRow = 1 << 20;
    private const double Mega = 1e6;

    private readonly List<long> starts = [];
    private readonly List<int> lengths = [];
    private int first;

    /// <summary>Rows, blank ones not counted.</summary>
    public int Count => starts.Count - first;

    /// <summary>Scans the file <paramref name="name"/> once. A row longer than 1 MiB (a quote that never closes) is cut at its first line end. dialect: null for JSONL. <paramref name="options"/>: what ends the scan, and who is told of it.</summary>
    public static TableIndex Build(SafeFileHandle file, TableDialect? dialect, string name, DatasetOptions options)
    {
        var index = new TableIndex();
        var buffer = new byte[2 * MaxRow];
        var (held, start, length) = (0, 0L, RandomAccess.GetLength(file));
        using var walk = new DatasetWalk(options, () => string.Create(CultureInfo.InvariantCulture, $"reading '{name}': {start / Mega:0} of {length / Mega:0} MB, {index.Count} rows"));
        while (true)
        {
            walk.Step();
            held += FileRead.Fill(file, buffer.AsSpan(held), start + held);
            if (held == 0)
            {
                return index;
            }
            var used = 0;
            if (start == 0 && buffer.AsSpan(0, held).StartsWith<byte>([0xEF, 0xBB, 0xBF]))
            {
                used = 3;
            }
            var whole = held < buffer.Length;
            while (used < held && (whole || held - used > MaxRow))
            {
                var row = buffer.AsSpan(used, Math.Min(MaxRow, held - used));
                var rowLength = RowLength(row, dialect, isLast: whole && used + row.Length == held);
                index.Add(start + used, row[..rowLength]);
                used += rowLength;
            }
            buffer.AsSpan(used, held - used).CopyTo(buffer);
            (held, start) = (held - used, start + used);
        }
    }

    /// <summary>The bytes of a row, without its line end.</summary>
    public byte[] Read(SafeFileHandle file, int row)
    {
        var bytes = new byte[lengths[first + row]];
        return FileRead.Fill(file, bytes, starts[first + row]) == bytes.Length
            ? bytes
            : throw new IOException("The table became shorter while it was being read.");
    }

    /// <summary>Leaves out the header row.</summary>
    public void DropFirst() => first++;

    private void Add(long start, ReadOnlySpan<byte> row)
    {
        var length = row.TrimEnd("\r\n"u8).Length;
        if (length > 0)
        {
            starts.Add(start);
            lengths.Add(length);
        }
    }

    // The length of the first row in `text`, its line end included.
    private static int RowLength(ReadOnlySpan<byte> text, TableDialect? dialect, bool isLast)
    {
        var lineEnd = text.IndexOf((byte)'\n');
        var firstLine = lineEnd < 0 ? text.Length : lineEnd + 1;
        if (dialect is not { IsQuoted: true } || !text[..firstLine].Contains((byte)'"'))
        {
            return firstLine;
        }
        var (inQuotes, fieldStart) = (false, true);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '"' && (inQuotes || fieldStart))
            {
                inQuotes = !inQuotes;
                // A doubled quote inside a quoted field closes and opens again.
                fieldStart = !inQuotes && i + 1 < text.Length && text[i + 1] == '"';
                continue;
            }
            if (c == '\n' && !inQuotes)
            {
                return i + 1;
            }
            fieldStart = c == dialect.Separator && !inQuotes;
        }
        return isLast && !inQuotes ? text.Length : firstLine;
    }
}
