using System.Text;

namespace XClr.Data.Readers;

/// <summary>CSV and TSV (<see cref="TableDialect"/>) with a header row or, for two columns, without.</summary>
internal sealed class DelimitedTable : ITableFormat
{
    private readonly TableDialect dialect;
    private readonly int columns, path, caption, label;

    private DelimitedTable(TableDialect dialect, bool hasHeader, int columns, int path, int caption, int label)
    {
        (this.dialect, HasHeader, this.columns, this.path, this.caption, this.label) = (dialect, hasHeader, columns, path, caption, label);
    }

    public bool HasHeader { get; }

    public bool HasLabels => label >= 0;

    /// <summary>Finds the columns from the first row.</summary>
    /// <exception cref="DataException">No column names image files.</exception>
    public static DelimitedTable Open(ReadOnlySpan<byte> firstRow, TableDialect dialect, string table, string folder)
    {
        var first = dialect.Split(Encoding.UTF8.GetString(firstRow))
            ?? throw new DataException($"The first row of '{table}' has a quote that does not close.");
        var path = ColumnNames.Find(first, ColumnNames.Path);
        var (caption, label) = (ColumnNames.Find(first, ColumnNames.Caption), ColumnNames.Find(first, ColumnNames.Label));
        if (path >= 0)
        {
            return new(dialect, hasHeader: true, first.Count, path, caption, label);
        }
        if (caption >= 0 || label >= 0 || ColumnNames.Find(first, ColumnNames.Address) >= 0)
        {
            throw ColumnNames.NoPath(table, first);
        }
        path = first.FindIndex(f => ImageFolderReader.IsImage(f) || File.Exists(Path.Combine(folder, f)) || f.Contains("://", StringComparison.Ordinal));
        return path >= 0 && first.Count == 2
            ? new(dialect, hasHeader: false, 2, path, 1 - path, -1)
            : throw ColumnNames.NoPath(table, first);
    }

    public TableRow? Parse(ReadOnlySpan<byte> row)
    {
        var fields = dialect.Split(Encoding.UTF8.GetString(row));
        if (fields is null || fields.Count != columns)
        {
            return null;
        }
        var caption = this.caption >= 0 ? CaptionText.Clean(fields[this.caption]) : null;
        return new(NullIfBlank(fields[path]), caption, caption is null ? [] : [caption], label >= 0 ? NullIfBlank(fields[label]) : null);
    }

    private static string? NullIfBlank(string field) => field.Trim() is { Length: > 0 } text ? text : null;
}
