namespace XClr.Gpu;

/// <summary>When a run's dispatches (or, with <see cref="PlanTiming.Step"/>, the run as one) began and ended.</summary>
/// <param name="FirstTick">The run's first timestamp, as the device gives it.</param>
/// <param name="Spans">Nanoseconds after <paramref name="FirstTick"/>, by index of the dispatch; timestamps that wrapped are unrolled.</param>
public sealed record PlanTimings(ulong FirstTick, IReadOnlyList<(double Start, double End)> Spans)
{
    /// <summary>
    /// The timings of a run's timestamps: start and end of each dispatch in turn. A start may be written while earlier dispatches still run; where a barrier stands before the
    /// dispatch it cannot have begun before all of those had ended, so its start is the later of the two.
    /// </summary>
    /// <param name="clock">The device's timestamps.</param>
    /// <param name="ticks">Two per dispatch.</param>
    /// <param name="barrierBefore">By dispatch; empty = none.</param>
    public static PlanTimings Create(TimestampClock clock, ReadOnlySpan<ulong> ticks, IReadOnlyList<bool> barrierBefore)
    {
        var at = clock.Unroll(ticks);
        var spans = new (double Start, double End)[at.Length / 2];
        var ended = 0.0;
        for (var i = 0; i < spans.Length; i++)
        {
            var (start, end) = (at[2 * i], at[2 * i + 1]);
            if (i < barrierBefore.Count && barrierBefore[i])
            {
                start = Math.Clamp(ended, start, Math.Max(start, end));
            }
            spans[i] = (start, end);
            ended = Math.Max(ended, end);
        }
        return new PlanTimings(ticks[0], spans);
    }
}
