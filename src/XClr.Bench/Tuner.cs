using System.Diagnostics;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench;

/// <summary>What was measured of one work.</summary>
/// <param name="Work">Its name.</param>
/// <param name="Count">How often the network has it.</param>
/// <param name="Before">The cost model's way; "several" where it takes another tile for each class of pixels.</param>
/// <param name="Best">The way that is kept: the cost model's, unless another one is faster beyond the noise.</param>
/// <param name="BeforeMs">Median of the cost model's way, milliseconds.</param>
/// <param name="BestMs">Median of the kept way.</param>
/// <param name="Measured">Ways that were measured, with the median of each, milliseconds.</param>
/// <param name="PassedOver">Ways that were not, since the compiler does their kernels badly.</param>
public sealed record TunedWork(string Work, int Count, string Before, string Best, double BeforeMs, double BestMs, IReadOnlyDictionary<string, double> Measured, int PassedOver)
{
    /// <summary>How many times as fast the kept way is.</summary>
    public double Ratio => BeforeMs / BestMs;

    /// <summary>Whether it is a convolution's direction, which has a place of its own in a step.</summary>
    public required bool IsConvolution { get; init; }

    /// <summary>Whether the cost model's way is left.</summary>
    public bool Changed => Best != Before;
}

/// <summary>
/// Measures all ways that a device has for a convolution's direction or a block's end, whole ops in turns: with the statistics' pass or the sum of parts that a way needs. What is clearly slower is left out after a first round.
/// The fastest is measured beside the cost model's way once more, and taken only where it is faster by more than <see cref="Noise"/> both times.
/// </summary>
public static class Tuner
{
    /// <summary>Gains up to this are no gains.</summary>
    public const double Noise = 0.03;

    /// <summary>Slower than the fastest by this factor in the first round: not measured further.</summary>
    private const double Hopeless = 1.5;

    private const string Several = "several";

    /// <summary>Measures one work.</summary>
    /// <param name="device">The device, whose own measured choices do not count here.</param>
    /// <param name="work">What.</param>
    /// <param name="count">How often the network has it.</param>
    /// <param name="repeats">Timed runs of each way, and as many to confirm the fastest.</param>
    public static TunedWork Tune(GpuDevice device, ITunable work, int count, int repeats)
    {
        var op = CaseOf(device.Caps, work);
        var tensors = op.NewTensors();
        var ways = new List<Way>();
        try
        {
            device.Place(tensors.Values.Select(t => t.View.Buffer));
            OpBench.Upload(device, op, tensors);
            var passedOver = Build(device, op, work, tensors, ways);
            return Choose(ways, work, count, repeats) with { PassedOver = passedOver };
        }
        finally
        {
            foreach (var way in ways)
            {
                way.Plan.Dispose();
            }
            foreach (var tensor in tensors.Values)
            {
                tensor.View.Buffer.Dispose();
            }
        }
    }

    // The cost model's way first, and all others whose kernels the compiler does well; the number of the rest.
    private static int Build(GpuDevice device, OpCase op, ITunable work, Dictionary<string, Tensor> tensors, List<Way> ways)
    {
        Recorder Record(Tuning tuning)
        {
            var gpu = new Recorder(device.Caps with { Tuning = tuning });
            op.Record(gpu, tensors);
            return gpu;
        }
        List<(string Name, Recorder Gpu)> named = [.. work.Ways(device.Caps).Select(name => (name, Record(new Tuning(new Dictionary<string, string> { [work.Name] = name }))))];
        // All at once: the compilers run on all cores.
        device.RunWell([.. named.SelectMany(n => Convolutions(n.Gpu.Dispatches)).Select(d => d.Kernel)]);
        var model = Record(Tuning.None);
        var same = named.FirstOrDefault(n => Signature(n.Gpu) == Signature(model));
        ways.Add(new Way(same.Name ?? Several, Plan.Build(device, model, new PlanOptions { Timing = PlanTiming.Dispatches }), work));
        var passedOver = 0;
        foreach (var (name, gpu) in named.Where(n => n.Name != same.Name))
        {
            if (device.RunWell([.. Convolutions(gpu.Dispatches).Select(d => d.Kernel)]))
            {
                ways.Add(new Way(name, Plan.Build(device, gpu, new PlanOptions { Timing = PlanTiming.Dispatches }), work));
            }
            else
            {
                passedOver++;
            }
        }
        return passedOver;
    }

    private static TunedWork Choose(List<Way> ways, ITunable work, int count, int repeats)
    {
        var model = ways[0];
        foreach (var way in ways)
        {
            way.Run();
        }
        foreach (var way in ways)
        {
            way.Time();
        }
        var fastest = ways.Min(w => w.Median);
        List<Way> left = [.. ways.Where(w => w == model || w.Median <= Hopeless * fastest)];
        InTurns(left, repeats - 1);
        var best = left.MinBy(w => w.Median)!;
        if (best != model && IsFaster(best, model))
        {
            InTurns([model, best], repeats);
        }
        best = best != model && IsFaster(best, model) ? best : model;
        return new TunedWork(work.Name, count, model.Name, best.Name, model.Median, best.Median, ways.ToDictionary(w => w.Name, w => w.Median), 0) { IsConvolution = work is ConvWork };
    }

    private static bool IsFaster(Way way, Way than) => way.Median < (1 - Noise) * than.Median;

    private static void InTurns(List<Way> ways, int rounds)
    {
        for (var i = 0; i < rounds; i++)
        {
            foreach (var way in ways)
            {
                way.Time();
            }
        }
    }

    private static OpCase CaseOf(DeviceCaps caps, ITunable work) => work switch
    {
        ConvWork convolution => CaseOf(caps, convolution),
        // As below it in the network.
        MomentNormWork end => new MomentNormCase(end.Geometry, end.Residual, Below: ReluMask.Recomputed).ToOpCase().In(end.Storage, [.. MomentNormCase.Activations]),
        _ => throw new ArgumentException($"{work.Name}: no case measures it.", nameof(work)),
    };

    private static OpCase CaseOf(DeviceCaps caps, ConvWork work)
    {
        if (work.Norm is { } mask)
        {
            var op = new ConvNormCase(work.Geometry, mask, work.AddEvery, work.Second).ToOpCase();
            return op.In(work.Storage, "dy", "w", "x", "norm_x", "norm_y", "dx", "dnorm");
        }
        if (work.Residual != ResidualKind.None)
        {
            return new ConvResidualCase(work.Geometry, work.Residual).ToOpCase().In(work.Storage, "x", "w", "residual", "y");
        }
        // As the network does for its projections (ConvBnLayer.Backward).
        var leaves = work is { Pass: ConvPass.BackwardData, AddEvery: 0, Geometry.ReachedEvery: > 1 };
        return new Conv2dCase(work.Pass, work.Geometry, work.Prologue, work.Relu, work.Statistics, work.AddEvery, work.OnStore, leaves).ToOpCase(caps).In(work.Storage, "x", "w", "y", "dx", "dy");
    }

    private static IEnumerable<Dispatch> Convolutions(IEnumerable<Dispatch> dispatches) => dispatches.Where(d => d.Kernel.Name.StartsWith("conv/", StringComparison.Ordinal));

    private static string Signature(Recorder gpu) => string.Join('\n', gpu.Dispatches.Select(d => $"{d.Kernel.Key} {d.Groups} {Convert.ToHexString(d.PushConstants)}"));

    /// <summary>One way's plan and its times.</summary>
    private sealed class Way(string name, Plan plan, ITunable work)
    {
        private readonly List<double> times = [];

        // The convolution with what belongs to it; of a data gradient not the batch normalisation's own passes around it.
        private readonly List<int> timed = [.. (work is ConvWork { Pass: ConvPass.BackwardData } ? Convolutions(plan.Layout.Dispatches) : plan.Layout.Dispatches).Select(d => d.Index)];

        public string Name => name;

        public Plan Plan { get; } = plan;

        public double Median => Samples.Of(times).Median;

        public void Run() => Plan.Run();

        public void Time()
        {
            var clock = Stopwatch.StartNew();
            Plan.Run();
            var wall = clock.Elapsed.TotalMilliseconds;
            times.Add(Plan.ReadTimings() is { Spans: var spans } ? Intervals.Union(timed.Select(i => spans[i])) * 1e-6 : wall);
        }
    }
}
