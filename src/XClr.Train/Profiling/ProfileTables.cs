using XClr.Gpu;

namespace XClr.Train.Profiling;

/// <summary>Sums over the dispatches of a profile.</summary>
internal sealed class ProfileTables(Profile profile)
{
    private readonly double[] sumNs = [.. profile.Steps.Select(s => s.Spans.Sum(Length))];

    /// <summary>Some dispatches as one row.</summary>
    public ProfileRow Row(string name, IReadOnlyList<Dispatch> dispatches, bool compiler = false)
    {
        var times = Samples.OfNs(profile.Steps.Select(s => dispatches.Sum(d => Length(s.Spans[d.Index]))));
        var wall = Samples.OfNs(profile.Steps.Select(s => Intervals.Union(dispatches.Select(d => s.Spans[d.Index])))).Median;
        var share = Samples.Of([.. profile.Steps.Select((s, i) => dispatches.Sum(d => Length(s.Spans[d.Index])) / sumNs[i])]).Median;
        var (flops, bytes) = (dispatches.Sum(d => d.Flops), dispatches.Sum(d => (double)d.Bytes));
        var least = dispatches.Sum(d => profile.Peaks.LeastNs(d.Kernel, d.Flops, d.Bytes));
        var memoryBound = dispatches.Sum(d => d.Bytes / profile.Peaks.GigabytesPerSecond) > dispatches.Sum(d => d.Flops / profile.Peaks.ArithmeticOf(d.Kernel));
        var ns = times.Median * 1e6;
        return new ProfileRow(name, dispatches.Count, flops, bytes, times, wall, share, Rate(flops, ns), Rate(bytes, ns), Rate(least, ns), memoryBound, compiler ? Compiler(dispatches) : null);
    }

    /// <summary>An isolated dispatch's row.</summary>
    public IsolatedRow Isolated(IsolatedDispatch isolated)
    {
        var d = isolated.Dispatch;
        var times = Samples.OfNs(isolated.TimesNs);
        var ns = times.Median * 1e6;
        return new IsolatedRow(d.Kernel.Name, d.Kernel.Key, d.Detail, d.Layer, isolated.Calls, times, Row("", [d]).TimeMs.Median, Rate(d.Flops, ns), Rate(d.Bytes, ns),
            Rate(profile.Peaks.LeastNs(d.Kernel, d.Flops, d.Bytes), ns));
    }

    /// <summary>The runs as a whole.</summary>
    public ProfileTotals Totals()
    {
        var steps = profile.Steps;
        var wall = Samples.OfNs(steps.Select(s => (double)(s.EndNs - s.BeginNs)));
        return new ProfileTotals(
            Samples.OfNs(steps.Select(Extent)), Samples.OfNs(sumNs), Samples.OfNs(steps.Select(s => Intervals.Union(s.Spans))), Samples.OfNs(steps.Select(s => Extent(s) - Intervals.Union(s.Spans))),
            wall, Host(HostTimeline.Upload, HostTimeline.SubmitPlan), Host(HostTimeline.WaitForData), profile.Rows / wall.Median * 1000);
    }

    /// <summary>The longest idle stretches by their medians, longest first.</summary>
    public IReadOnlyList<ProfileGap> Gaps(int count)
    {
        var gaps = profile.Steps.Select(s => Intervals.Gaps(s.Spans).ToDictionary(g => g.Index, g => g.Gap)).ToList();
        return [.. profile.Layout.Dispatches.Select(d => new ProfileGap(d.Label, Samples.OfNs(gaps.Select(g => g.GetValueOrDefault(d.Index))).Median))
            .Where(g => g.Ms > 0).OrderByDescending(g => g.Ms).Take(count)];
    }

    private Samples Host(params string[] names) => Samples.OfNs(profile.Steps.Select(s =>
        (double)profile.Host.Where(h => h.Track == HostTimeline.Submit && names.Contains(h.Name) && h.BeginNs >= s.BeginNs && h.EndNs <= s.EndNs).Sum(h => h.EndNs - h.BeginNs)));

    private CompilerColumns? Compiler(IReadOnlyList<Dispatch> dispatches)
    {
        var found = dispatches.Select(d => d.Kernel.Key).Distinct().Select(k => profile.Statistics.GetValueOrDefault(k)).OfType<KernelStatistics>().ToList();
        return found.Count == 0 ? null : new CompilerColumns(found.Max(s => s.Registers), found.Max(s => s.Spills), found.Min(s => s.Occupancy));
    }

    private static double Extent(ProfiledStep step) => step.Spans.Max(s => s.End) - step.Spans.Min(s => s.Start);

    private static double Length((double Start, double End) span) => span.End - span.Start;

    // Per nanosecond is giga per second. A time of zero is one tick's too short: no rate.
    private static double Rate(double amount, double ns) => ns > 0 ? amount / ns : 0;
}
