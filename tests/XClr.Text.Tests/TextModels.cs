using System.Text.Json;

namespace XClr.Text.Tests;

/// <summary>One text with what the reference makes of it.</summary>
internal sealed record Golden(string What, string Text, int[] Ids, float[] Embedding);

/// <summary>The built-in model, others with their goldens, and what the reference makes of texts.</summary>
internal static class TextModels
{
    public static string StaticModel => Path.Combine(AppContext.BaseDirectory, "Models", CaptionEmbedder.Default);

    /// <summary>A copy of the built-in model, which a test may change.</summary>
    public static TempFolder CopyStatic(params string[] without)
    {
        var folder = new TempFolder();
        folder.Copy(StaticModel, takes: name => name is not ("goldens.json" or "README.md") && !without.Contains(name));
        return folder;
    }

    /// <summary>A folder or file of the text encoders' assets; skips the calling test where there is none.</summary>
    public static string TextEncoder(string name) => Assets.Require($"text-encoder/{name}");

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
