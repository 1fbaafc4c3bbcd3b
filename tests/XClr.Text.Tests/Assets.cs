using System.Text.Json;
using XClr.TestKit;

namespace XClr.Text.Tests;

/// <summary>One text with what the reference makes of it.</summary>
internal sealed record Golden(string What, string Text, int[] Ids, float[] Embedding);

/// <summary>Where the tests' models and goldens lie; what is not part of the repository is skipped by name.</summary>
internal static class Assets
{
    public static string StaticModel => Path.Combine(AppContext.BaseDirectory, "Models", CaptionEmbedder.Default);

    /// <summary>A folder of the text encoders' assets.</summary>
    public static string TextEncoder(string name)
    {
        var path = Path.Combine(Repository.Assets, "text-encoder", name);
        Skip.IfNot(Path.Exists(path), $"no {path}");
        return path;
    }

    public static List<Golden> ReadGoldens(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        var items = document.RootElement.ValueKind == JsonValueKind.Array ? document.RootElement : document.RootElement.GetProperty("items");
        return [.. items.EnumerateArray().Select(i => new Golden(
            i.TryGetProperty("what", out var what) ? what.GetString()! : "", i.GetProperty("text").GetString()!,
            [.. i.GetProperty("ids").EnumerateArray().Select(x => x.GetInt32())],
            [.. i.GetProperty("embedding").EnumerateArray().Select(x => x.GetSingle())]))];
    }
}
