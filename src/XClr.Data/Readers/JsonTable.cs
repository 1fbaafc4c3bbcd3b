using System.Text;
using System.Text.Json;

namespace XClr.Data.Readers;

/// <summary>JSONL: an object a line, with a path, `caption` or `captions`, and `label` (an index or a name).</summary>
internal sealed class JsonTable : ITableFormat
{
    public bool HasHeader => false;

    public bool HasLabels => true;

    /// <summary>Checks the first row.</summary>
    /// <exception cref="DataException">It is no object, or names no image file.</exception>
    public static JsonTable Open(ReadOnlySpan<byte> firstRow, string table)
    {
        var format = new JsonTable();
        var first = format.Parse(firstRow) ?? throw new DataException($"The first line of '{table}' is no JSON object.");
        return first.Path is not null ? format : throw ColumnNames.NoPath(table, Keys(firstRow));
    }

    public TableRow? Parse(ReadOnlySpan<byte> row)
    {
        try
        {
            using var document = JsonDocument.Parse(Encoding.UTF8.GetString(row));
            return document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The first of a row's properties of these names that is a non-blank string or a number; null where there is none, or no object.</summary>
    public static string? Text(ReadOnlySpan<byte> row, string[] names)
    {
        try
        {
            using var document = JsonDocument.Parse(Encoding.UTF8.GetString(row));
            return document.RootElement.ValueKind == JsonValueKind.Object ? Value(document.RootElement, names) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static List<string> Keys(ReadOnlySpan<byte> row)
    {
        using var document = JsonDocument.Parse(Encoding.UTF8.GetString(row));
        return [.. document.RootElement.EnumerateObject().Select(p => p.Name)];
    }

    private static TableRow Read(JsonElement root)
    {
        var caption = CaptionText.Clean(Value(root, ColumnNames.Caption));
        IReadOnlyList<string> captions = [];
        if (root.TryGetProperty("captions", out var all) && all.ValueKind == JsonValueKind.Array)
        {
            captions = [.. all.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.String).Select(e => CaptionText.Clean(e.GetString())).OfType<string>()];
        }
        caption ??= captions.Count > 0 ? captions[0] : null;
        captions = caption is null || captions.Contains(caption) ? captions : [caption, .. captions];
        return new(Value(root, ColumnNames.Path), caption, captions, Value(root, ColumnNames.Label));
    }

    // The first property of these names that is a non-blank string or a number.
    private static string? Value(JsonElement root, string[] names)
    {
        foreach (var name in names)
        {
            foreach (var property in root.EnumerateObject())
            {
                if (string.Equals(property.Name, name, StringComparison.OrdinalIgnoreCase)
                    && property.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number
                    && property.Value.ToString().Trim() is { Length: > 0 } text)
                {
                    return text;
                }
            }
        }
        return null;
    }
}
