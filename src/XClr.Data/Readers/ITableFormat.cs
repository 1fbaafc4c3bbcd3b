namespace XClr.Data.Readers;

/// <summary>One row of a table of images.</summary>
internal sealed record TableRow(string? Path, string? Caption, IReadOnlyList<string> Captions, string? Label);

/// <summary>One row of a table of addresses, its captions clean.</summary>
internal sealed record AddressRow(string? Address, IReadOnlyList<string> Captions);

/// <summary>How a table's rows are written.</summary>
internal interface ITableFormat
{
    /// <summary>Whether the first row is names, not data.</summary>
    bool HasHeader { get; }

    /// <summary>Whether rows may carry labels.</summary>
    bool HasLabels { get; }

    /// <summary>One row, in UTF-8; null where it cannot be parsed.</summary>
    TableRow? Parse(ReadOnlySpan<byte> row);

    /// <summary>A row's label; null where it has none, or cannot be parsed.</summary>
    string? Label(ReadOnlySpan<byte> row) => Parse(row)?.Label;
}

/// <summary>The column names that mean something, in order of preference; case does not count.</summary>
internal static class ColumnNames
{
    public static readonly string[] Path = ["image", "path", "filepath", "file_path", "image_path", "file", "filename", "file_name", "img"];
    public static readonly string[] Caption = ["caption", "text", "title", "description", "sentence"];
    public static readonly string[] Label = ["label", "class", "cls", "category"];
    public static readonly string[] Address = ["url", "image_url", "link"];

    /// <summary>All of them.</summary>
    public static readonly string[] All = [.. Path, .. Caption, .. Label, .. Address];

    private const string AllColumns = "--columns names all columns in the file's order, such as url,caption.";

    /// <summary>The index of the first of <paramref name="wanted"/> among <paramref name="columns"/>; -1 where none is.</summary>
    public static int Find(IReadOnlyList<string> columns, string[] wanted)
    {
        foreach (var name in wanted)
        {
            for (var i = 0; i < columns.Count; i++)
            {
                if (string.Equals(columns[i].Trim(), name, StringComparison.OrdinalIgnoreCase))
                {
                    return i;
                }
            }
        }
        return -1;
    }

    /// <summary>The index of the column of addresses. <paramref name="own"/>: what the table has, for the message.</summary>
    /// <exception cref="DataException">There is none.</exception>
    public static int RequireAddress(IReadOnlyList<string> columns, string table, string own) => Find(columns, Address) is >= 0 and var found
        ? found
        : throw new DataException($"'{table}': none of the columns {string.Join(", ", columns)} is named {string.Join(" or ", Address)}; it has {own}. {AllColumns}");

    /// <summary>Refuses names for more or fewer columns than a table has.</summary>
    /// <exception cref="DataException">They are.</exception>
    public static void RequireAll(IReadOnlyList<string> columns, int count, string table, string own)
    {
        if (columns.Count != count)
        {
            throw new DataException($"'{table}' has {count} columns, not the {columns.Count} of {string.Join(", ", columns)}: {own}. {AllColumns}");
        }
    }

    /// <summary>The error for a table of web addresses, with the command that fetches them.</summary>
    public static DataException Addresses(string table, string where) =>
        new($"'{table}' holds web addresses ({where}), not images. Fetch them into shards first: xclr pack --from-urls '{table}' --out FOLDER; then open that folder.");

    /// <summary>The error for a table without a path column.</summary>
    public static DataException NoPath(string table, IReadOnlyList<string> columns) => Find(columns, Address) >= 0
        ? Addresses(table, $"columns {string.Join(", ", columns)}")
        : new($"The table '{table}' has no column that names image files: found {string.Join(", ", columns)}; name one {string.Join(", ", Path)}.");
}
