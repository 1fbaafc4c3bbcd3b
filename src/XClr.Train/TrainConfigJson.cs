using System.Text;
using System.Text.Json;

namespace XClr.Train;

/// <summary>Option values read from a JSON object, and where they come from.</summary>
internal sealed record ConfigSource(string Source, string? Recipe, IReadOnlyList<KeyValuePair<string, string>> Values);

/// <summary>Configurations as JSON objects whose keys are option names.</summary>
internal static class TrainConfigJson
{
    /// <summary>The key by which a config file names a recipe; the saved configuration has none, it is complete.</summary>
    private const string RecipeKey = "recipe";

    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Reads a config file; comments and trailing commas are allowed.</summary>
    /// <exception cref="UsageException">The file is missing, no JSON object, or has an unknown key or a value of another kind.</exception>
    public static ConfigSource ReadFile(string path)
    {
        try
        {
            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--config {path}: cannot be read: {e.Message}");
        }
    }

    /// <summary>As <see cref="ReadFile"/>, from bytes.</summary>
    public static ConfigSource Parse(ReadOnlyMemory<byte> json, string source)
    {
        try
        {
            // Some editors begin a file with a byte order mark.
            using var document = JsonDocument.Parse(json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json, Lenient);
            return FromElement(document.RootElement, source);
        }
        catch (JsonException e)
        {
            throw Invalid(source, e);
        }
    }

    /// <summary>As <see cref="ReadFile"/>, from an element.</summary>
    public static ConfigSource FromElement(JsonElement root, string source)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new UsageException($"{source}: must hold one object of option names and values, such as {{\"batch-size\": 128}}.");
        }
        try
        {
            return FromObject(root, source);
        }
        catch (InvalidOperationException e)
        {
            // An escape that is half a surrogate pair, or bytes that are no UTF-8.
            throw Invalid(source, e);
        }
    }

    private static ConfigSource FromObject(JsonElement root, string source)
    {
        string? recipe = null;
        var values = new List<KeyValuePair<string, string>>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.NameEquals(RecipeKey))
            {
                recipe = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : throw Kind(source, RecipeKey, "a string", property.Value);
            }
            else
            {
                values.Add(new(property.Name, Text(property, source)));
            }
        }
        return new ConfigSource(source, recipe, values);
    }

    public static TrainConfig Apply(TrainConfig config, ConfigSource source) => TrainOptions.Apply(config, source.Values, source.Source);

    public static JsonElement Write(TrainConfig config)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            foreach (var option in TrainOptions.All)
            {
                json.WritePropertyName(option.Name);
                if (option.Get(config) is not { } text)
                {
                    json.WriteNullValue();
                }
                else if (option.Form == OptionForm.Text || (option.Form == OptionForm.NumberOrText && !char.IsAsciiDigit(text[0])))
                {
                    json.WriteStringValue(text);
                }
                else
                {
                    json.WriteRawValue(text);
                }
            }
            json.WriteEndObject();
        }
        using var document = JsonDocument.Parse(stream.ToArray());
        return document.RootElement.Clone();
    }

    private static string Text(JsonProperty property, string source)
    {
        var (form, value) = (TrainOptions.Find(property.Name, source).Form, property.Value);
        return (value.ValueKind, form) switch
        {
            (JsonValueKind.Null, _) => "",
            (JsonValueKind.String, OptionForm.Text or OptionForm.NumberOrText) => value.GetString()!,
            (JsonValueKind.Number, OptionForm.Number or OptionForm.NumberOrText) => value.GetRawText(),
            (JsonValueKind.True or JsonValueKind.False, OptionForm.Switch) => value.GetRawText(),
            _ => throw Kind(source, property.Name, form switch { OptionForm.Text => "a string", OptionForm.Number => "a number", OptionForm.NumberOrText => "a number or a string", _ => "true or false" }, value),
        };
    }

    private static UsageException Invalid(string source, Exception e) => new($"{source}: is no valid JSON in UTF-8: {e.Message}");

    private static UsageException Kind(string source, string name, string expected, JsonElement value) =>
        new($"{source}: {name} must be {expected}, not {value.GetRawText()}.");
}
