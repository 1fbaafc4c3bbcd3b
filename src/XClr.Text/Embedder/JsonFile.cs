using System.Text.Json;

namespace XClr.Text;

/// <summary>A JSON file of a model directory: read whole, and asked key by key with errors that name the file.</summary>
internal sealed class JsonFile
{
    private static readonly JsonDocumentOptions Options = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private JsonFile(string path, JsonElement root)
    {
        Path = path;
        Root = root;
    }

    public string Path { get; }

    public JsonElement Root { get; }

    /// <summary>Reads a file; null where there is none.</summary>
    public static JsonFile? ReadIfPresent(string? path) => path is not null && File.Exists(path) ? Read(path) : null;

    public static JsonFile Read(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            using var document = JsonDocument.Parse(stream, Options);
            RequireTexts(document.RootElement);
            return new JsonFile(path, document.RootElement.Clone());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TextException($"{path} is not valid JSON in UTF-8 ({e.Message}). Download the file again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TextException($"{path} cannot be read ({e.Message}). Check that it exists and that you may read it.", e);
        }
    }

    // The parser takes bytes that are no UTF-8, and escapes that are half a surrogate pair; asking for them is what throws InvalidOperationException.
    private static void RequireTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    RequireTexts(item);
                }
                break;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    RequireTexts(property.Value);
                }
                break;
        }
    }

    /// <summary>The value under a key; null where the key, or an object to hold it, is missing or the value is null.</summary>
    public static JsonElement? Get(JsonElement element, string key) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null
            ? value : null;

    public JsonElement? Get(string key) => Get(Root, key);

    public string? Text(string key) => Text(Root, key);

    public bool? Flag(string key) => Flag(Root, key);

    public int? Whole(string key) => Whole(Root, key);

    public string? Text(JsonElement element, string key) => Get(element, key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(key, value, "text");

    public bool? Flag(JsonElement element, string key) => Get(element, key) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, value, "true or false");

    /// <summary>A whole number; what is beyond int (some tokenizers write 1e30 for "no limit") is int.MaxValue.</summary>
    public int? Whole(JsonElement element, string key)
    {
        if (Get(element, key) is not { } value)
        {
            return null;
        }
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || number < 0 || number != Math.Floor(number))
        {
            throw Wrong(key, value, "a whole number from 0 on");
        }
        return number >= int.MaxValue ? int.MaxValue : (int)number;
    }

    public TextException Wrong(string key, JsonElement value, string expected)
    {
        var found = value.GetRawText();
        return new TextException($"{Path}: \"{key}\" is {(found.Length > 80 ? found[..80] + "..." : found)}, expected {expected}. " +
                                 "Download the file again, or correct it.");
    }
}
