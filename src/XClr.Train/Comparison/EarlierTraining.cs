using System.Text.Json;

namespace XClr.Train.Comparison;

/// <summary>What a run's log has of its processes before this one.</summary>
/// <param name="Seconds">Time of the logged steps that were kept; opening and saving what they need, and steps after the last logged one, are not in it.</param>
/// <param name="OwnView">The last target_own_view; null where there is none.</param>
internal sealed record EarlierTraining(double Seconds, double? OwnView)
{
    /// <summary>Reads a metrics.jsonl that this process has gone on with. firstStep: the first that this process logged, null where it logged none; views: images through the backbone in a step.</summary>
    public static EarlierTraining Read(string metrics, long? firstStep, int views)
    {
        var (seconds, ownView, last) = (0.0, (double?)null, 0L);
        foreach (var line in MetricsLog.Read(metrics).Where(l => l.TryGetProperty("images_per_s", out _)))
        {
            var step = line.GetProperty("step").GetInt64();
            if (step >= firstStep)
            {
                break;
            }
            if (Number(line, "images_per_s") is { } speed and > 0)
            {
                seconds += views * (step - last) / speed;
            }
            (ownView, last) = (Number(line, "target_own_view") ?? ownView, step);
        }
        return new EarlierTraining(seconds, ownView);
    }

    private static double? Number(JsonElement line, string name) =>
        line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
}
