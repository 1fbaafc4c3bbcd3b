using XClr.Gpu;
using XClr.Train.Profiling;

namespace XClr.Train.Tests.Profiling;

/// <summary>A profile of four made-up dispatches, whose times are chosen; no device is touched.</summary>
internal static class MadeProfile
{
    private readonly record struct NoParams(uint Zero);

    private static readonly Kernel<NoParams> Produce = new("made/produce", reads: 0, writes: 1);
    private static readonly Kernel<NoParams> ProduceTwo = new("made/produce", reads: 0, writes: 2);
    private static readonly Kernel<NoParams> Copy = new("made/copy", reads: 1, writes: 1);

    public static DeviceCaps Caps { get; } = PaperDevice.Caps with { DriverName = "made", DriverInfo = "1" };

    /// <summary>
    /// conv1: produce 0 to 100, copy 100 to 300; layer "a,b": produce 200 to 400 beside it; no layer: copy 500 to 600, after a gap. All times scale with the step's factor, in microseconds.
    /// </summary>
    public static Profile Create(params double[] factors)
    {
        if (factors.Length == 0)
        {
            factors = [1, 1.1, 0.9];
        }
        (double, double)[] spans = [(0, 100e3), (100e3, 300e3), (200e3, 400e3), (500e3, 600e3)];
        var steps = factors.Select((f, i) => new ProfiledStep(i * 1_000_000L, i * 1_000_000L + 800_000, i * 1e6 + 50e3, [.. spans.Select(s => (s.Item1 * f, s.Item2 * f))])).ToList();
        return new Profile
        {
            Request = new ProfileRequest(new TrainConfig { BatchSize = 4 }, ProfileMode.Train, steps.Count),
            Date = DateTimeOffset.UnixEpoch,
            Caps = Caps,
            Peaks = new DevicePeaks(100, 1000, null, DateTimeOffset.UnixEpoch),
            Rows = 8,
            Layout = PlanLayout.Create(Record().Dispatches, Caps),
            Steps = steps,
            Host = [.. steps.SelectMany((s, i) => new HostSpan[]
            {
                new(HostTimeline.Submit, HostTimeline.WaitForData, s.BeginNs, s.BeginNs + 10_000), new(HostTimeline.Submit, HostTimeline.Upload, s.BeginNs + 10_000, s.BeginNs + 30_000),
                new(HostTimeline.Submit, HostTimeline.SubmitPlan, s.BeginNs + 30_000, s.BeginNs + 35_000), new(HostTimeline.Batches, "batch", s.BeginNs, s.BeginNs + 500_000),
                new($"{HostTimeline.Decode}{i % 2}", "sample", s.BeginNs, s.BeginNs + 20_000),
            })],
            ClockCalibrated = true,
            ClockDeviationNs = 20,
            Cost = new TimingCost([10, 11, 12], [10, 11.11, 13]),
            Isolated = [],
            Statistics = new Dictionary<string, KernelStatistics>
            {
                ["made/copy"] = new("made/copy", 32, [new CompilerFigure("VGPRs", "", 40), new CompilerFigure("Spilled VGPRs", "", 0), new CompilerFigure("Spilled SGPRs", "", 0)], []),
            },
        };
    }

    private static Recorder Record()
    {
        var gpu = new Recorder(Caps);
        GpuBuffer Buffer(string name) => gpu.Transient(name, 1 << 20, MemoryCategory.Activations);
        var (a, b, c, d) = (Buffer("a"), Buffer("b"), Buffer("c"), Buffer("d"));
        using (gpu.Phase(StepPhase.Forward))
        {
            using (gpu.Layer("conv1"))
            {
                gpu.Dispatch(Produce, 1, new NoParams(), [], [a], new DispatchCost(50e6, 1_000_000), "2x3");
                gpu.Dispatch(Copy, 1, new NoParams(), [a], [b], new DispatchCost(0, 10_000_000), "4x5");
            }
            using (gpu.Layer("a,b"))
            {
                // It writes b too, and so stays behind the dispatch that does.
                gpu.Dispatch(ProduceTwo, 1, new NoParams(), [], [c, b], new DispatchCost(100e6, 1_000_000), "say \"6x7\"");
            }
        }
        using (gpu.Phase(StepPhase.Optimizer))
        {
            gpu.Dispatch(Copy, 1, new NoParams(), [b], [d], new DispatchCost(0, 5_000_000));
        }
        return gpu;
    }
}
