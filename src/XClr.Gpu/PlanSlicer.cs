using System.Diagnostics;

namespace XClr.Gpu;

/// <summary>
/// Runs a plan in slices of about a given device time. Dispatches are grouped by the times that they took in earlier sliced runs, the first of which runs them one by one; one that takes longer than a slice is divided by its
/// workgroups. Results equal those of a whole run to the bit.
/// </summary>
/// <param name="plan">Is cut anew for each budget; nothing else cuts it.</param>
/// <param name="caps">The device's.</param>
public sealed class PlanSlicer(Plan plan, DeviceCaps caps)
{
    private readonly SliceTimes times = new(plan.Layout.Dispatches, caps);
    private (double Budget, bool Measured)? cutFor;
    private int next;

    /// <summary>Device times of the last run's slices, by its timestamps; empty after the run that measured, and where the device has no timestamps.</summary>
    public IReadOnlyList<TimeSpan> Times { get; private set; } = [];

    /// <summary>Runs the next slice, and waits for it. True where the run has ended; the next slice begins another one.</summary>
    /// <param name="budget">Device time. A run keeps to the one that its first slice was given.</param>
    /// <param name="wait">What the slice's work waits for; null = nothing.</param>
    /// <param name="signal">Signalled when the slice's work has ended; null = nothing.</param>
    public bool Run(TimeSpan budget, HostSemaphore? wait = null, HostSemaphore? signal = null)
    {
        if (next == 0)
        {
            CutFor(budget.TotalNanoseconds);
        }
        if (wait is { } before)
        {
            plan.Await(before);
        }
        var clock = Stopwatch.StartNew();
        var longest = TimeSpan.Zero;
        do
        {
            var start = clock.Elapsed;
            plan.Wait(plan.SubmitSegment(next++));
            longest = clock.Elapsed - start > longest ? clock.Elapsed - start : longest;
        }
        while (!times.Measured && next < plan.SegmentCount && clock.Elapsed + longest <= budget);
        if (signal is { } after)
        {
            plan.Signal(after);
        }
        if (next < plan.SegmentCount)
        {
            return false;
        }
        next = 0;
        TakeTimes();
        return true;
    }

    private void TakeTimes()
    {
        Times = [];
        if (plan.ReadTimings() is { } read)
        {
            var nanoseconds = read.Spans.Select(s => s.End - s.Start).ToList();
            Times = times.Measured ? [.. nanoseconds.Select(n => TimeSpan.FromMicroseconds(n / 1e3))] : [];
            times.Take(plan.Starts, nanoseconds);
        }
    }

    // Commands are recorded anew only where that makes a difference: it takes the host's time.
    private void CutFor(double budget)
    {
        if (cutFor != (budget, times.Measured) || (times.Measured && !times.Serve(plan.Starts, budget)))
        {
            plan.Cut(times.Cut(budget));
            cutFor = (budget, times.Measured);
        }
    }
}
