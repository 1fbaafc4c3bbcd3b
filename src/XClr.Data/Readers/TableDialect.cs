using System.Text;
using Microsoft.Win32.SafeHandles;

namespace XClr.Data.Readers;

/// <summary>How a delimited table separates its fields.</summary>
/// <param name="Separator">Between fields.</param>
/// <param name="IsQuoted">
/// RFC 4180: quoted fields may hold separators, line ends and doubled quotes. Otherwise a line is a row, and a field that is quoted as a whole is unquoted.
/// </param>
internal sealed record TableDialect(char Separator, bool IsQuoted)
{
    private const int LongestFirstLine = 1 << 20;

    /// <summary>Commas, tabs, or semicolons (spreadsheets where the comma is the decimal mark).</summary>
    private static readonly char[] Separators = [',', '\t', ';'];

    /// <summary>Tab-separated values.</summary>
    public static TableDialect Tsv { get; } = new('\t', IsQuoted: false);

    /// <summary>Of a `.csv`: the first separator by which its first line has several fields, and among them a column's known name, an image file or a web address. None: the comma.</summary>
    public static TableDialect Csv(SafeFileHandle file)
    {
        var bytes = new byte[Math.Min(LongestFirstLine, RandomAccess.GetLength(file))];
        var read = bytes.AsSpan(0, FileRead.Fill(file, bytes, 0));
        var end = read.IndexOf((byte)'\n');
        var line = Encoding.UTF8.GetString(end < 0 ? read : read[..end]).Trim('\uFEFF', '\r');
        return Separators.Select(s => new TableDialect(s, IsQuoted: true)).FirstOrDefault(d => d.Split(line) is { Count: > 1 } fields && fields.Exists(IsKnown)) ?? new(',', IsQuoted: true);
    }

    private static bool IsKnown(string field) =>
        ColumnNames.All.Contains(field.Trim(), StringComparer.OrdinalIgnoreCase) || (ImageFolderReader.IsImage(field) && !field.AsSpan().ContainsAny(Separators)) || ShardDownloads.IsAddress(field.TrimStart());

    /// <summary>The fields of one row; null where a quoted field does not close or goes on after its closing quote.</summary>
    public List<string>? Split(string row)
    {
        if (!IsQuoted)
        {
            return [.. row.Split(Separator).Select(f => IsWhole(f) ? Unquoted(f[1..^1]) : f)];
        }
        var fields = new List<string>();
        for (var at = 0; ; at++)
        {
            if (at < row.Length && row[at] == '"')
            {
                var close = ClosingQuote(row, at + 1);
                if (close < 0 || (close + 1 < row.Length && row[close + 1] != Separator))
                {
                    return null;
                }
                fields.Add(Unquoted(row[(at + 1)..close]));
                at = close + 1;
            }
            else
            {
                var end = row.IndexOf(Separator, at) is >= 0 and var found ? found : row.Length;
                fields.Add(row[at..end]);
                at = end;
            }
            if (at >= row.Length)
            {
                return fields;
            }
        }
    }

    // Quoted as a whole: a caption may begin with one quotation and end with another.
    private static bool IsWhole(string field) => field.Length >= 2 && field[0] == '"' && field[^1] == '"' && !field[1..^1].Replace("\"\"", "", StringComparison.Ordinal).Contains('"');

    private static string Unquoted(string inner) => inner.Replace("\"\"", "\"", StringComparison.Ordinal);

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
