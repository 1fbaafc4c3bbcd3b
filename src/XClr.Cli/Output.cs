using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace XClr.Cli;

/// <summary>Where text goes: results to standard output, everything else to standard error.</summary>
internal static class Output
{
    private static readonly JsonSerializerOptions JsonOptions = new()
    {
        WriteIndented = true,
        // A fidelity of equal images is no number: "NaN", not an exception.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonSerializerOptions Reading = new(JsonOptions) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>Columns of tables that go to a file or a pipe, where no line should be folded.</summary>
    private const int UnboundedWidth = 400;

    /// <summary>Standard output.</summary>
    public static IAnsiConsole Results { get; } = Create(Console.Out, Console.IsOutputRedirected);

    /// <summary>Standard error.</summary>
    public static IAnsiConsole Messages { get; } = Create(Console.Error, Console.IsErrorRedirected);

    /// <summary>Prints a result as one JSON object, properties in camel case.</summary>
    public static void Json<T>(T value) => Console.Out.WriteLine(JsonSerializer.Serialize(value, JsonOptions));

    /// <summary>Reads what <see cref="Json"/> printed.</summary>
    /// <exception cref="JsonException">It is no such object.</exception>
    public static T? FromJson<T>(string text) => JsonSerializer.Deserialize<T>(text, Reading);

    /// <summary>Tells of something that the user should look at, on standard error.</summary>
    public static void Warn(string line) => Console.Error.WriteLine($"warning: {line}");

    /// <summary>A table in the style of all verbs; the texts are no markup.</summary>
    public static Table Table(params string[] columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(Markup.Escape(column)).NoWrap());
        }
        return table;
    }

    /// <summary>A row of plain texts.</summary>
    public static void Row(this Table table, params string[] cells) => table.AddRow([.. cells.Select(Markup.Escape)]);

    /// <summary>Two columns of names and values.</summary>
    public static void WriteFacts(IEnumerable<(string Name, string Value)> facts)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
        foreach (var (name, value) in facts)
        {
            grid.AddRow(Markup.Escape(name), Markup.Escape(value));
        }
        Results.Write(grid);
    }

    private static IAnsiConsole Create(TextWriter writer, bool redirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (redirected)
        {
            console.Profile.Width = UnboundedWidth;
        }
        return console;
    }
}
