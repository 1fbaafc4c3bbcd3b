using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using XClr.Train.Profiling;

namespace XClr.Cli.Profiling;

/// <summary>A profile as one HTML page that needs nothing else: styles, scripts and the profile itself, from which the scripts draw, stand in it.</summary>
internal static class ProfilePage
{
    private const string Prefix = "profile/", Template = "page.html", Style = "page.css";

    /// <summary>In the order in which they build on each other.</summary>
    private static readonly string[] Scripts = ["draw.js", "roofline.js", "treemap.js", "memory.js", "table.js", "page.js"];

    // The default encoder escapes <, > and &, so that nothing in a name can end the script element.
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The page.</summary>
    public static string Create(ProfileReport report)
    {
        (string Mark, string Text)[] parts =
        [
            ("/*style*/", Read(Style)),
            ("/*scripts*/", string.Concat(Scripts.Select(Read))),
            ("/*profile*/", JsonSerializer.Serialize(report, Options)),
        ];
        // The profile comes last: it may hold any text.
        return parts.Aggregate(Read(Template), (page, part) => page.Replace(part.Mark, part.Text, StringComparison.Ordinal));
    }

    private static string Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + name) ?? throw new InvalidOperationException($"The program lacks {Prefix}{name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
