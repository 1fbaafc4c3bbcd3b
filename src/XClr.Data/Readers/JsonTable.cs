using System.Buffers;
using System.Text;
using System.Text.Json;

namespace XClr.Data.Readers;

/// <summary>JSONL: an object a line, with a path, `caption` or `captions` (a text or a list), and `label` (an index or a name).</summary>
internal sealed class JsonTable : ITableFormat
{
    private static readonly SearchValues<string> LabelNames = SearchValues.Create(ColumnNames.Label, StringComparison.OrdinalIgnoreCase);

    public bool HasHeader => false;

    public bool HasLabels => true;

    /// <summary>Checks the first row.</summary>
    /// <exception cref="DataException">It is no object, or names no image file.</exception>
    public static JsonTable Open(ReadOnlySpan<byte> firstRow, string table)
    {
        try
        {
            using var first = Document(firstRow);
            return Value(first.RootElement, ColumnNames.Path) is not null
                ? new()
                : throw ColumnNames.NoPath(table, [.. first.RootElement.EnumerateObject().Select(p => p.Name)]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new DataException($"The first line of '{table}' is no JSON object: {e.Message}", e);
        }
    }

    public TableRow? Parse(ReadOnlySpan<byte> row) => TryRead(row, Read);

    /// <inheritdoc/>
    // All rows are asked, most of which have none: parsing takes ten times as long as looking for a label's name (which may be written with escapes).
    public string? Label(ReadOnlySpan<byte> row)
    {
        var text = Encoding.UTF8.GetString(row).AsSpan();
        return text.ContainsAny(LabelNames) || text.Contains("\\u", StringComparison.Ordinal) ? Parse(row)?.Label : null;
    }

    /// <summary>A row of a table of addresses; null where it is no object.</summary>
    public static AddressRow? Address(ReadOnlySpan<byte> row) => TryRead(row, root => new AddressRow(Value(root, ColumnNames.Address), Read(root).Captions));

    private static T? TryRead<T>(ReadOnlySpan<byte> row, Func<JsonElement, T> read)
        where T : class
    {
        try
        {
            using var document = Document(row);
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // An object: what else a row is is an error.
    private static JsonDocument Document(ReadOnlySpan<byte> row)
    {
        var text = Encoding.UTF8.GetString(row);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(text);
        }
        catch (JsonException) when (PythonJson.WithNulls(Encoding.UTF8.GetBytes(text)) is { } json)
        {
            document = JsonDocument.Parse(json);
        }
        return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw new JsonException($"it is of the kind {document.RootElement.ValueKind}");
    }

    private static TableRow Read(JsonElement root)
    {
        var own = Captions(root);
        IReadOnlyList<string> captions = root.TryGetProperty("captions", out var all) ? Texts(all) : [];
        return new(Value(root, ColumnNames.Path), own.Concat(captions).FirstOrDefault(), [.. own.Except(captions), .. captions], Value(root, ColumnNames.Label));
    }

    // Of the first property of a caption's names that has a text, a number or a list with a text in it.
    private static IReadOnlyList<string> Captions(JsonElement root) => ColumnNames.Caption
        .SelectMany(name => root.EnumerateObject().Where(p => string.Equals(p.Name, name, StringComparison.OrdinalIgnoreCase)))
        .Select(p => Texts(p.Value)).FirstOrDefault(t => t.Count > 0) ?? [];

    private static IReadOnlyList<string> Texts(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => [.. value.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.String).Select(e => CaptionText.Clean(e.GetString())).OfType<string>()],
        JsonValueKind.String or JsonValueKind.Number => CaptionText.Clean(value.ToString()) is { } text ? [text] : [],
        _ => [],
    };

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
