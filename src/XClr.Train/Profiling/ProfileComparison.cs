using XClr.Gpu;

namespace XClr.Train.Profiling;

/// <summary>How a time compares with an earlier one.</summary>
public enum Verdict
{
    /// <summary>Within the noise, or a difference too small to matter.</summary>
    Same,
    Slower,
    Faster,

    /// <summary>The earlier profile has no such kernel.</summary>
    New,

    /// <summary>This profile has no such kernel.</summary>
    Gone,
}

/// <summary>A row of a comparison; times are medians, 0 where there is none.</summary>
/// <param name="What">run, phase or kernel.</param>
/// <param name="Name">Its name; empty for the run.</param>
/// <param name="BeforeMs">Earlier.</param>
/// <param name="AfterMs">Now.</param>
/// <param name="Percent">Change of the time in percent of the earlier one.</param>
/// <param name="Verdict">What that means.</param>
public sealed record ComparedRow(string What, string Name, double BeforeMs, double AfterMs, double Percent, Verdict Verdict);

/// <summary>
/// A profile against an earlier one of the same network. A time is slower (faster) where every run of the one is beyond every run of the other, the medians differ by more than the tolerance, and it
/// is at least a hundredth of the run. With 10 runs each, chance alone puts all of one side beyond all of the other once in 184,756 times, with 3 once in 20.
/// </summary>
/// <param name="TolerancePercent">Smaller changes are no verdict.</param>
/// <param name="Baseline">Device, driver and date of the earlier profile.</param>
/// <param name="Rows">The run, its phases, its kernels, longest first.</param>
public sealed record ProfileComparison(double TolerancePercent, string Baseline, IReadOnlyList<ComparedRow> Rows)
{
    private const double SmallestShare = 0.01;

    /// <summary>True where something got slower: the run, a phase or a kernel.</summary>
    public bool IsSlower => Rows.Any(r => r.Verdict == Verdict.Slower);

    /// <summary>Throws where a profile cannot be compared with an earlier one.</summary>
    /// <param name="before">The earlier one.</param>
    /// <param name="subject">What is profiled now.</param>
    /// <param name="source">What messages call the earlier one: its file.</param>
    /// <exception cref="UsageException">They are not of the same network, images and batch, or the earlier one's tables are confined to some kernels.</exception>
    public static void RequireComparable(ProfileReport before, ProfileSubject subject, string source)
    {
        if (before.Subject != subject)
        {
            throw new UsageException($"--baseline {source} is a profile of {before.Subject}; this one is of {subject}. Profile the same with both.");
        }
        if (before.Filter is { } filter)
        {
            throw new UsageException($"--baseline {source} was made with --filter {filter}; make it without, so that all of it can be compared.");
        }
    }

    /// <summary>Compares two profiles of the same, of all kernels.</summary>
    /// <param name="before">The earlier one.</param>
    /// <param name="after">The present one.</param>
    /// <param name="tolerancePercent">Changes of medians up to this are no verdict.</param>
    public static ProfileComparison Create(ProfileReport before, ProfileReport after, double tolerancePercent)
    {
        var run = after.Totals.SumMs.Median;
        ComparedRow Compare(string what, string name, Samples? old, Samples? now) => Row(what, name, old, now, tolerancePercent, SmallestShare * run);
        IEnumerable<ComparedRow> Tables(string what, IReadOnlyList<ProfileRow> old, IReadOnlyList<ProfileRow> now) => old.Select(r => r.Name).Union(now.Select(r => r.Name))
            .Select(name => Compare(what, name, old.FirstOrDefault(r => r.Name == name)?.TimeMs, now.FirstOrDefault(r => r.Name == name)?.TimeMs)).OrderByDescending(r => Math.Max(r.BeforeMs, r.AfterMs));
        return new ProfileComparison(tolerancePercent, $"{before.Device}, {before.Driver}, {before.Date:u}",
            [Compare("run", "", before.Totals.GpuMs, after.Totals.GpuMs), .. Tables("phase", before.Phases, after.Phases), .. Tables("kernel", before.Kernels, after.Kernels)]);
    }

    private static ComparedRow Row(string what, string name, Samples? old, Samples? now, double tolerancePercent, double leastMs)
    {
        if (old is null || now is null)
        {
            return new ComparedRow(what, name, old?.Median ?? 0, now?.Median ?? 0, 0, old is null ? Verdict.New : Verdict.Gone);
        }
        var percent = old.Median > 0 ? 100 * (now.Median / old.Median - 1) : 0;
        var matters = Math.Abs(percent) > tolerancePercent && Math.Max(old.Median, now.Median) >= leastMs;
        var verdict = matters && now.Min > old.Max ? Verdict.Slower : matters && now.Max < old.Min ? Verdict.Faster : Verdict.Same;
        return new ComparedRow(what, name, old.Median, now.Median, percent, verdict);
    }
}
