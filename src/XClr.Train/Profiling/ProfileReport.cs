using System.Globalization;
using XClr.Gpu;

namespace XClr.Train.Profiling;

/// <summary>What the driver's compiler says of a kernel: of its specialisations the most registers and spills and the least occupancy; null where it does not say.</summary>
public sealed record CompilerColumns(int? Registers, int? Spills, int? Occupancy);

/// <summary>A row of a table: some dispatches of each run together.</summary>
/// <param name="Name">Kernel, layer, phase or dispatch.</param>
/// <param name="Calls">Dispatches per run.</param>
/// <param name="Flops">Floating-point operations per run.</param>
/// <param name="Bytes">Bytes per run, read and written.</param>
/// <param name="TimeMs">Sum of the dispatches' times.</param>
/// <param name="WallMs">Median of the time that at least one of them ran: less than their sum where they overlap.</param>
/// <param name="Share">Of the sum over all dispatches of the run, 0 to 1.</param>
/// <param name="GigaflopsPerSecond">By the median time.</param>
/// <param name="GigabytesPerSecond">The same.</param>
/// <param name="Roofline">The least time that the device's peaks allow over the median time; above 1 where caches serve what counts as memory traffic.</param>
/// <param name="MemoryBound">True where memory traffic takes more of that least time than arithmetic.</param>
/// <param name="Compiler">For kernels; null where the driver says nothing.</param>
public sealed record ProfileRow(
    string Name, int Calls, double Flops, double Bytes, Samples TimeMs, double WallMs, double Share, double GigaflopsPerSecond, double GigabytesPerSecond, double Roofline, bool MemoryBound, CompilerColumns? Compiler);

/// <summary>A dispatch of the run, and its row.</summary>
public sealed record ProfileDispatch(int Index, string Phase, string Layer, string Kernel, string Key, string Detail, ProfileRow Row);

/// <summary>An isolated dispatch: repeated alone, beside its time within the run.</summary>
public sealed record IsolatedRow(string Kernel, string Key, string Detail, string Layer, int Calls, Samples TimeMs, double InRunMs, double GigaflopsPerSecond, double GigabytesPerSecond, double Roofline);

/// <summary>An idle stretch of the device, by its median.</summary>
/// <param name="Before">Label of the dispatch that it ends with.</param>
/// <param name="Ms">Milliseconds.</param>
public sealed record ProfileGap(string Before, double Ms);

/// <summary>Runs as a whole.</summary>
/// <param name="GpuMs">From the first dispatch's start to the last one's end.</param>
/// <param name="SumMs">Sum of all dispatches' times.</param>
/// <param name="BusyMs">Time in which at least one ran: sum less overlap.</param>
/// <param name="GapMs">Time between first and last in which none ran.</param>
/// <param name="WallMs">By the host's clock, from the beginning of the preparation to the end.</param>
/// <param name="HostMs">Of which the host prepared and submitted.</param>
/// <param name="LoaderWaitMs">Of which it waited for data.</param>
/// <param name="ImagesPerSecond">Images through the backbone per second of the wall clock.</param>
public sealed record ProfileTotals(Samples GpuMs, Samples SumMs, Samples BusyMs, Samples GapMs, Samples WallMs, Samples HostMs, Samples LoaderWaitMs, double ImagesPerSecond);

/// <summary>What timestamps cost: medians of the same run without and with them, and the difference in percent of the first.</summary>
public sealed record ProfileCost(Samples OffMs, Samples OnMs, double Percent);

/// <summary>How device times were put on the host's clock.</summary>
/// <param name="Calibrated">True: by the driver; false: by a measured offset.</param>
/// <param name="DeviationNs">How far off they may be.</param>
/// <param name="PeriodNs">timestampPeriod.</param>
/// <param name="ValidBits">timestampValidBits.</param>
public sealed record ProfileClock(bool Calibrated, double DeviationNs, double PeriodNs, int ValidBits);

/// <summary>Device memory of a plan over a run.</summary>
/// <param name="PersistentBytes">What stays: weights, optimiser state, inputs.</param>
/// <param name="ArenaBytes">What the plan allocates for buffers that live within a run.</param>
/// <param name="LiveBytes">Of the arena, by dispatch, what is alive.</param>
/// <param name="PeakCategories">Bytes by kind at the moment of most.</param>
/// <param name="LargestAtPeak">The largest buffers alive then, largest first.</param>
public sealed record ProfileMemory(long PersistentBytes, long ArenaBytes, IReadOnlyList<long> LiveBytes, IReadOnlyDictionary<string, long> PeakCategories, IReadOnlyList<ProfileBuffer> LargestAtPeak);

/// <summary>A buffer and the dispatches between which it lives.</summary>
public sealed record ProfileBuffer(string Name, long Bytes, string First, string Last);

/// <summary>What was run; two profiles can be compared where these agree. Loss and optimiser are empty for inference, data are for noise.</summary>
public sealed record ProfileSubject(string Mode, string Arch, string Stem, double Width, int ImageSize, int Rows, string Precision, string Loss, string Optimizer, string Data)
{
    public static ProfileSubject Of(ProfileRequest request)
    {
        var (c, train) = (request.Config, request.Mode == ProfileMode.Train);
        return new ProfileSubject(request.Mode.LowerName(), c.Arch.LowerName(), c.Stem.LowerName(), c.Width, c.ImageSize, train ? 2 * c.BatchSize : c.BatchSize, c.Precision.LowerName(), train ? c.Loss.LowerName() : "", train ? c.Optimizer.LowerName() : "", c.Data ?? "");
    }

    /// <summary>In the words of the options.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Mode}, {Arch} (stem {Stem}, width {Width}), {ImageSize} px, {Rows} rows, {Precision}{(Loss.Length > 0 ? $", {Loss}, {Optimizer}" : "")}, {(Data.Length > 0 ? Data : "noise")}");
}

/// <summary>A profile in tables. `xclr profile --json` prints it; --baseline reads it.</summary>
public sealed record ProfileReport
{
    /// <summary>Changes when a property changes its meaning.</summary>
    public const string CurrentSchema = "xclr-profile-1";

    private const int LargestGaps = 3, LargestBuffers = 10;

    public required string Schema { get; init; }
    public required DateTimeOffset Date { get; init; }
    public required string Device { get; init; }
    public required string Driver { get; init; }
    public required ProfileSubject Subject { get; init; }

    /// <summary>Pattern of the kernels that the tables are confined to; null: all kernels.</summary>
    public string? Filter { get; init; }
    public required int Steps { get; init; }
    public required DevicePeaks Peaks { get; init; }
    public required ProfileClock Clock { get; init; }
    public required ProfileTotals Totals { get; init; }
    public required ProfileCost TimestampCost { get; init; }

    /// <summary>The longest idle stretches.</summary>
    public required IReadOnlyList<ProfileGap> Gaps { get; init; }

    /// <summary>In the order of the run.</summary>
    public required IReadOnlyList<ProfileRow> Phases { get; init; }

    /// <summary>In the order of the run; dispatches outside any layer go by their phase, in brackets.</summary>
    public required IReadOnlyList<ProfileRow> Layers { get; init; }

    /// <summary>Longest first.</summary>
    public required IReadOnlyList<ProfileRow> Kernels { get; init; }
    public required IReadOnlyList<ProfileDispatch> Dispatches { get; init; }
    public required ProfileMemory Memory { get; init; }
    public required IReadOnlyList<IsolatedRow> Isolated { get; init; }

    /// <summary>Against an earlier profile; null where there was none to compare with.</summary>
    public ProfileComparison? Comparison { get; init; }

    /// <summary>Makes the tables.</summary>
    /// <param name="profile">What was measured.</param>
    /// <param name="filter">Only kernels of these names in the tables; shares are still of the whole run. Null: all.</param>
    /// <exception cref="UsageException">No kernel has such a name.</exception>
    public static ProfileReport Create(Profile profile, NameGlob? filter = null)
    {
        var all = profile.Layout.Dispatches;
        filter?.RequireSome("filter", all.Select(d => d.Kernel.Name));
        var tables = new ProfileTables(profile);
        var shown = all.Where(d => filter?.Matches(d.Kernel.Name) ?? true).ToList();
        return new ProfileReport
        {
            Schema = CurrentSchema,
            Date = profile.Date,
            Device = profile.Caps.Name,
            Driver = $"{profile.Caps.DriverName} {profile.Caps.DriverInfo}".Trim(),
            Subject = ProfileSubject.Of(profile.Request),
            Filter = filter?.Pattern,
            Steps = profile.Steps.Count,
            Peaks = profile.Peaks,
            Clock = new ProfileClock(profile.ClockCalibrated, profile.ClockDeviationNs, profile.Caps.TimestampPeriod, profile.Caps.TimestampValidBits),
            Totals = tables.Totals(),
            TimestampCost = CostOf(profile.Cost),
            Gaps = tables.Gaps(LargestGaps),
            Phases = [.. shown.GroupBy(d => d.Phase).Select(g => tables.Row(g.Key.LowerName(), [.. g]))],
            Layers = [.. shown.GroupBy(LayerOf).Select(g => tables.Row(g.Key, [.. g]))],
            Kernels = [.. shown.GroupBy(d => d.Kernel.Name).Select(g => tables.Row(g.Key, [.. g], compiler: true)).OrderByDescending(r => r.TimeMs.Median)],
            Dispatches = [.. shown.Select(d => new ProfileDispatch(d.Index, d.Phase.LowerName(), d.Layer, d.Kernel.Name, d.Kernel.Key, d.Detail, tables.Row(d.Label, [d], compiler: true)))],
            Memory = MemoryOf(profile.Layout),
            Isolated = [.. profile.Isolated.Select(tables.Isolated)],
        };
    }

    internal static string LayerOf(Dispatch d) => d.Layer.Length > 0 ? d.Layer : $"({d.Phase.LowerName()})";

    private static ProfileCost CostOf(TimingCost cost)
    {
        var (off, on) = (Samples.Of(cost.OffMs), Samples.Of(cost.OnMs));
        return new ProfileCost(off, on, 100 * (on.Median / off.Median - 1));
    }

    private static ProfileMemory MemoryOf(PlanLayout layout)
    {
        long[] live = [.. Enumerable.Range(0, layout.Dispatches.Count).Select(layout.LiveBytes)];
        var peak = Array.IndexOf(live, live.Max());
        string Label(int index) => layout.Dispatches[index].Label;
        var largest = layout.Transient.Where(t => t.First <= peak && peak <= t.Last).OrderByDescending(t => t.Buffer.Bytes).Take(LargestBuffers)
            .Select(t => new ProfileBuffer(t.Buffer.Name, t.Buffer.Bytes, Label(t.First), Label(t.Last)));
        return new ProfileMemory(layout.PersistentBytes, layout.TransientPeakBytes, live, layout.BytesByCategory().ToDictionary(c => c.Key.LowerName(), c => c.Value), [.. largest]);
    }
}
