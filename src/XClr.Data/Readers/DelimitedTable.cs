using System.Text;

namespace XClr.Data.Readers;

/// <summary>
/// CSV (RFC 4180: quoted fields may hold commas, line ends and doubled quotes) and TSV (a line is a row; a field that is quoted
/// as a whole is unquoted), with a header row or, for two columns, without.
/// </summary>
internal sealed class DelimitedTable : ITableFormat
{
    private readonly char separator;
    private readonly int columns, path, caption, label;

    private DelimitedTable(char separator, bool hasHeader, int columns, int path, int caption, int label)
    {
        (this.separator, HasHeader, this.columns, this.path, this.caption, this.label) = (separator, hasHeader, columns, path, caption, label);
    }

    public bool HasHeader { get; }

    public bool HasLabels => label >= 0;

    /// <summary>Finds the columns from the first row.</summary>
    /// <exception cref="DataException">No column names image files.</exception>
    public static DelimitedTable Open(ReadOnlySpan<byte> firstRow, char separator, string table, string folder)
    {
        var first = Split(Encoding.UTF8.GetString(firstRow), separator)
            ?? throw new DataException($"The first row of '{table}' has a quote that does not close.");
        var path = ColumnNames.Find(first, ColumnNames.Path);
        var (caption, label) = (ColumnNames.Find(first, ColumnNames.Caption), ColumnNames.Find(first, ColumnNames.Label));
        if (path >= 0)
        {
            return new(separator, hasHeader: true, first.Count, path, caption, label);
        }
        if (caption >= 0 || label >= 0 || ColumnNames.Find(first, ColumnNames.Address) >= 0)
        {
            throw ColumnNames.NoPath(table, first);
        }
        path = first.FindIndex(f => ImageFolderReader.IsImage(f) || File.Exists(Path.Combine(folder, f)) || f.Contains("://", StringComparison.Ordinal));
        return path >= 0 && first.Count == 2
            ? new(separator, hasHeader: false, 2, path, 1 - path, -1)
            : throw ColumnNames.NoPath(table, first);
    }

    public TableRow? Parse(ReadOnlySpan<byte> row)
    {
        var fields = Split(Encoding.UTF8.GetString(row), separator);
        if (fields is null || fields.Count != columns)
        {
            return null;
        }
        var caption = this.caption >= 0 ? CaptionText.Clean(fields[this.caption]) : null;
        return new(NullIfBlank(fields[path]), caption, caption is null ? [] : [caption], label >= 0 ? NullIfBlank(fields[label]) : null);
    }

    private static string? NullIfBlank(string field) => field.Trim() is { Length: > 0 } text ? text : null;

    // As a whole: a caption may begin with one quotation and end with another.
    private static bool IsQuoted(string field) => field.Length >= 2 && field[0] == '"' && field[^1] == '"' && !field[1..^1].Replace("\"\"", "", StringComparison.Ordinal).Contains('"');

    /// <summary>The fields of one row; null where a quoted field does not close or goes on after its closing quote.</summary>
    public static List<string>? Split(string row, char separator)
    {
        if (separator == '\t')
        {
            return [.. row.Split('\t').Select(f => IsQuoted(f) ? f[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal) : f)];
        }
        var fields = new List<string>();
        for (var at = 0; ; at++)
        {
            if (at < row.Length && row[at] == '"')
            {
                var close = ClosingQuote(row, at + 1);
                if (close < 0 || (close + 1 < row.Length && row[close + 1] != separator))
                {
                    return null;
                }
                fields.Add(row[(at + 1)..close].Replace("\"\"", "\"", StringComparison.Ordinal));
                at = close + 1;
            }
            else
            {
                var end = row.IndexOf(separator, at) is >= 0 and var found ? found : row.Length;
                fields.Add(row[at..end]);
                at = end;
            }
            if (at >= row.Length)
            {
                return fields;
            }
        }
    }

    private static int ClosingQuote(string row, int from)
    {
        for (var i = from; i < row.Length; i++)
        {
            if (row[i] == '"')
            {
                if (i + 1 >= row.Length || row[i + 1] != '"')
                {
                    return i;
                }
                i++;
            }
        }
        return -1;
    }
}
