using System.Reflection;

namespace XClr.Train;

/// <summary>The recipes in the program: config files by name, from Recipes/.</summary>
public static class TrainRecipes
{
    private const string Prefix = "recipes/";
    private const string Suffix = ".json";

    private static readonly Assembly Home = typeof(TrainRecipes).Assembly;

    /// <summary>The recipes' names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Home.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Select(n => n[Prefix.Length..^Suffix.Length]).Order(StringComparer.Ordinal)];

    /// <summary>The values of a recipe. source: what asks for it, before a message; empty: the command line.</summary>
    /// <exception cref="UsageException">There is no recipe of this name.</exception>
    internal static ConfigSource Read(string name, string source = "")
    {
        using var stream = Home.GetManifestResourceStream(Prefix + name + Suffix)
            ?? throw new UsageException($"{source}There is no recipe '{name}'; there are: {string.Join(", ", Names)}.{OptionText.Suggestion(name, Names)}");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return TrainConfigJson.Parse(bytes.ToArray(), $"recipe {name}");
    }
}
