using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace XClr.Cli;

/// <summary>Pages that need nothing else: styles, scripts and the data, from which the scripts draw, stand in one file.</summary>
internal static class HtmlPage
{
    // The default encoder escapes <, > and &, so that nothing in a name can end the script element.
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Puts a page together.</summary>
    /// <param name="template">Resource with the places /*style*/, /*scripts*/ and the mark.</param>
    /// <param name="styles">Resources, in order.</param>
    /// <param name="scripts">Resources, in the order in which they build on each other.</param>
    /// <param name="mark">Name of the data's place: /*mark*/.</param>
    /// <param name="data">The data.</param>
    public static string Create<T>(string template, IEnumerable<string> styles, IEnumerable<string> scripts, string mark, T data)
    {
        (string Mark, string Text)[] parts = [("/*style*/", string.Concat(styles.Select(Read))), ("/*scripts*/", string.Concat(scripts.Select(Read))), ($"/*{mark}*/", JsonSerializer.Serialize(data, Options))];
        // The data come last: they may hold any text.
        return parts.Aggregate(Read(template), (page, part) => page.Replace(part.Mark, part.Text, StringComparison.Ordinal));
    }

    private static string Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The program lacks {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
