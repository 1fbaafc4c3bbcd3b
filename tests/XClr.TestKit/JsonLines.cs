using System.Text.Json;

namespace XClr.TestKit;

/// <summary>Files of a JSON object a line, as a run writes them.</summary>
public static class JsonLines
{
    public static List<JsonElement> Read(string path) => [.. File.ReadAllLines(path).Select(l => JsonDocument.Parse(l).RootElement)];

    /// <summary>The steps in a run's metrics.jsonl, without its evaluations.</summary>
    public static List<JsonElement> ReadSteps(string run) => [.. Read(Path.Combine(run, "metrics.jsonl")).Where(l => l.TryGetProperty("loss", out _))];
}
