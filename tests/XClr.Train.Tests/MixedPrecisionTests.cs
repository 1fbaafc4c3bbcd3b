using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Optim;

namespace XClr.Train.Tests;

/// <summary>What an overflow in 16 bits does to a run's state: nothing, but that the loss scale falls and the step is counted.</summary>
public class MixedPrecisionTests
{
    private static readonly TrainConfig Config = new()
    {
        Data = "unused", Arch = Arch.ResNet18, Stem = Stem.Half, Width = 0.0625, ImageSize = 24, BatchSize = 4, Loss = LossKind.SimClr, Steps = 1, Precision = Precision.Amp,
    };

    public static TheoryData<string, OptimizerKind, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, OptimizerKind, int>();
            foreach (var device in TestDevices.All)
            {
                foreach (var optimizer in Enum.GetValues<OptimizerKind>())
                {
                    cases.Add(device, optimizer, 0);
                }
                cases.Add(device, OptimizerKind.AdamW, 2);
            }
            return cases;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void An_overflow_leaves_all_state_as_it_was_and_halves_the_scale(string name, OptimizerKind optimizer, int microBatch)
    {
        var device = TestDevices.Get(name);
        using var run = new StepRun(device, Config with { Optimizer = optimizer, MicroBatch = microBatch });
        // A batch of eight rows has larger gradients than the first scale suits.
        run.Scale = new LossScale(1024);
        run.Step();
        Assert.Equal(new LossScale(1024, GrowthCount: 1), run.Scale);
        var (before, updates) = (run.State(), run.Updates);
        Assert.Equal(1, updates);

        const float Overflowing = 1e30f;
        run.Scale = new LossScale(Overflowing, GrowthCount: 5);
        run.Step();
        Assert.Equal(new LossScale(Overflowing / 2, GrowthCount: 0, Skipped: 1, SkippedInRow: 1), run.Scale);
        Assert.Equal(updates, run.Updates);
        Assert.Equal(before, run.State());

        run.Scale = new LossScale(1024);
        run.Step();
        Assert.Equal(2, run.Updates);
        var after = run.State();
        Assert.All(before.Keys, key => Assert.NotEqual(before[key], after[key]));
        TestDevices.RequireSilence(device);
    }

    [SkippableTheory]
    [InlineData(LossKind.SimClr)]
    [InlineData(LossKind.Supervised)]
    public void The_scale_does_not_change_what_is_learnt(LossKind loss)
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        Dictionary<string, float[]> AtScale(float scale)
        {
            using var run = new StepRun(device, Config with { Optimizer = OptimizerKind.Sgd, Loss = loss });
            run.Scale = new LossScale(scale);
            run.Step();
            return run.State();
        }
        var (small, large) = (AtScale(128), AtScale(1024));
        // Powers of two move no digit of a number, but what underflows at the smaller scale.
        foreach (var (key, values) in small)
        {
            var distance = Math.Sqrt(values.Zip(large[key], (a, b) => (double)(a - b) * (a - b)).Sum() / values.Sum(v => (double)v * v));
            Assert.InRange(distance, 0, 1e-4);
        }
    }

    [SkippableFact]
    public void A_row_of_updates_doubles_the_scale_up_to_the_largest()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        using var run = new StepRun(device, Config with { Optimizer = OptimizerKind.Sgd });
        run.Scale = new LossScale(512, GrowthCount: LossScaler.GrowthInterval - 1, Skipped: 3);
        run.Step();
        Assert.Equal(new LossScale(1024, GrowthCount: 0, Skipped: 3), run.Scale);
    }

    [SkippableFact]
    public void Bf16_skips_and_counts_and_keeps_a_scale_of_one()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        using var run = new StepRun(device, Config with { Precision = Precision.Bf16, Optimizer = OptimizerKind.AdamW });
        run.Scale = new LossScale(1, GrowthCount: LossScaler.GrowthInterval - 1, Skipped: 3, SkippedInRow: 2);
        run.Step();
        Assert.Equal(new LossScale(1, GrowthCount: 0, Skipped: 3), run.Scale);
        var (before, updates) = (run.State(), run.Updates);

        // No gradient of this network overflows by itself.
        run.Scale = new LossScale(float.MaxValue, Skipped: 3, SkippedInRow: 25);
        run.Step();
        Assert.Equal((4, 26), (run.Scale.Skipped, run.Scale.SkippedInRow));
        Assert.Null(run.Scale.Problem);
        Assert.Equal(updates, run.Updates);
        Assert.Equal(before, run.State());
        run.Step();
        Assert.Contains("27 steps in a row", run.Scale.Problem, StringComparison.Ordinal);

        run.Scale = new LossScale(1);
        run.Step();
        Assert.Equal(updates + 1, run.Updates);
        TestDevices.RequireSilence(device);
    }

    [Fact]
    public void Bf16_is_refused_by_name_where_a_device_does_not_report_it()
    {
        static TrainGraph Graph(DeviceCaps caps) => TrainGraph.Create(caps, Config with { Precision = Precision.Bf16 }, new ObjectiveSpec(LossKind.SimClr, Config.BatchSize, 0.1f, 0.1f));
        var caps = PaperDevice.Caps;
        var refusal = Assert.Throws<GpuException>(() => Graph(caps)).Message;
        Assert.Contains(caps.Name, refusal, StringComparison.Ordinal);
        Assert.Contains("--precision amp or fp32", refusal, StringComparison.Ordinal);
        foreach (var able in new[] { caps with { BFloat16 = true }, caps.Lower("needsBFloat16=0") })
        {
            using var graph = Graph(able);
            Assert.Contains(graph.Step.Dispatches, d => d.Kernel.Name == "conv/conv2d_fwd_bf16");
        }
    }

    [Fact]
    public void Kept_activations_take_half_the_memory()
    {
        var device = PaperDevice.Caps with { BFloat16 = true };
        long Peak(Precision precision)
        {
            var config = Config with { Arch = Arch.ResNet50, Width = 1, Stem = Stem.ImageNet, ImageSize = 224, BatchSize = 16, Precision = precision };
            using var graph = TrainGraph.Create(device, config, new ObjectiveSpec(LossKind.SimClr, config.BatchSize, 0.1f, 0.1f));
            return PlanLayout.Create(graph.Step.Dispatches, device).TransientPeakBytes;
        }
        Assert.InRange(Peak(Precision.Amp), 0, 0.6 * Peak(Precision.Fp32));
        Assert.Equal(Peak(Precision.Amp), Peak(Precision.Bf16));
    }

    /// <summary>A graph with its plan.</summary>
    private sealed class StepRun : IDisposable
    {
        private readonly GpuDevice device;
        private readonly TrainGraph graph;
        private readonly Plan plan;

        public StepRun(GpuDevice device, TrainConfig config)
        {
            this.device = device;
            graph = TrainPlanTests.Graph(device, config);
            plan = graph.BuildPlan(device, new PlanOptions { Poison = true });
        }

        public LossScale Scale
        {
            get => graph.Scaler!.Download(device);
            set => graph.Scaler!.Upload(device, value);
        }

        public long Updates => UpdateCount.Download(device, graph.Optimizer);

        public void Step() => plan.Run();

        /// <summary>Parameters, optimiser states and running statistics, a copy.</summary>
        public Dictionary<string, float[]> State()
        {
            var parameters = graph.Model.Parameters;
            float[] Flat(GpuBuffer flat) => [.. StateDict.Download(device, parameters, flat).SelectMany(a => a.Values)];
            var state = graph.Optimizer.States.ToDictionary(s => s.Name, s => Flat(s.Flat));
            state["parameters"] = Flat(parameters.Values);
            state["statistics"] = [.. StateDict.DownloadBuffers(device, parameters).SelectMany(a => a.Values)];
            return state;
        }

        public void Dispose()
        {
            plan.Dispose();
            graph.Dispose();
        }
    }
}
