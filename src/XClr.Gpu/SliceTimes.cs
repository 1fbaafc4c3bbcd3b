namespace XClr.Gpu;

/// <summary>
/// What the dispatches of a plan take, and where a run is cut so that no slice takes more than a budget. Every run's timestamps are taken up, so that the cuts follow a device whose load changes: a dispatch counts with the
/// upper quartile of its latest times, which one stall does not move.
/// </summary>
/// <param name="dispatches">The plan's.</param>
/// <param name="caps">The device's: before the first run times are estimated by its kind.</param>
public sealed class SliceTimes(IReadOnlyList<Dispatch> dispatches, DeviceCaps caps)
{
    private const int Kept = 8;
    private const double Quartile = 0.75;

    // Of an estimate, which may be too high by far: each part is a submit.
    private const int EstimatedParts = 64;

    // How far a slice may be above its budget before the run is cut anew, and how many slices too many there may be.
    private const double SliceSlack = 1.25, CountSlack = 1.1;
    private readonly List<double>[] latest = [.. dispatches.Select(_ => new List<double>())];

    private readonly SlowDevice slow = SlowDevice.Of(caps);

    /// <summary>A run was measured.</summary>
    public bool Measured => latest[0].Count > 0;

    /// <summary>
    /// Slices of at most <paramref name="budget"/> nanoseconds each. A dispatch that takes longer is divided, as far as it has workgroups. Before the first measured run every dispatch is a slice of its own, or several where
    /// its operations and bytes make it look long.
    /// </summary>
    public IReadOnlyList<PlanCut> Cut(double budget) => PlanCut.Within(dispatches, caps, Time, budget, Measured ? uint.MaxValue : EstimatedParts, join: Measured);

    /// <summary>Whether slices that begin at <paramref name="starts"/> still serve a budget of so many nanoseconds: new ones would be neither much shorter nor much fewer.</summary>
    public bool Serve(IReadOnlyList<PlanCut> starts, double budget)
    {
        var fresh = Cut(budget);
        return starts.Count <= CountSlack * fresh.Count && Longest(starts) <= SliceSlack * Math.Max(budget, Longest(fresh));
    }

    /// <summary>
    /// Takes up the nanoseconds that the slices of a run took. The time of a slice is spread over its dispatches as they were expected; each part of a divided dispatch speaks for the whole, so that a stall in one of many
    /// does not count.
    /// </summary>
    public void Take(IReadOnlyList<PlanCut> starts, IReadOnlyList<double> nanoseconds)
    {
        var found = dispatches.Select(_ => new List<double>()).ToArray();
        for (var s = 0; s < starts.Count; s++)
        {
            var expected = Parts(starts, s).Sum(part => part.Time);
            foreach (var part in Parts(starts, s))
            {
                found[part.Dispatch].Add(nanoseconds[s] * Time(part.Dispatch) / expected);
            }
        }
        for (var i = 0; i < found.Length; i++)
        {
            latest[i].Add(UpperQuartile(found[i]));
            if (latest[i].Count > Kept)
            {
                latest[i].RemoveAt(0);
            }
        }
    }

    private static double UpperQuartile(List<double> values) => values.Order().ElementAt((int)(Quartile * (values.Count - 1)));

    // Never 0, so that a slice can be spread.
    private double Time(int dispatch) => Math.Max(1, Measured
        ? UpperQuartile(latest[dispatch])
        : 1e9 * slow.Seconds(dispatches[dispatch]));

    private double Longest(IReadOnlyList<PlanCut> starts) => Enumerable.Range(0, starts.Count).Max(s => Parts(starts, s).Sum(part => part.Time));

    // The dispatches of a slice, with the time that what it runs of them should take.
    private IEnumerable<(int Dispatch, double Time)> Parts(IReadOnlyList<PlanCut> starts, int slice) =>
        PartRange.Between(starts[slice], slice + 1 < starts.Count ? starts[slice + 1] : new PlanCut(dispatches.Count)).Select(p => (p.Dispatch, Time(p.Dispatch) * (p.Part.To - p.Part.From) / p.Part.Parts));
}
