using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Train.Tests;

/// <summary>Whole compiled training plans under synchronization validation: what lavapipe's one-after-another execution would hide.</summary>
public class TrainPlanTests
{
    private static readonly TrainConfig Small = new()
    {
        Data = "unused", Arch = Arch.ResNet18, Stem = Stem.ImageNet, Width = 0.0625, ImageSize = 33, BatchSize = 3, Loss = LossKind.SimClr, Steps = 1,
    };

    public static TheoryData<string, Arch, OptimizerKind, LossKind, Precision, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, Arch, OptimizerKind, LossKind, Precision, int>();
            foreach (var device in TestDevices.All)
            {
                cases.Add(device, Arch.ResNet18, OptimizerKind.Lars, LossKind.SimClr, Precision.Fp32, 0);
                cases.Add(device, Arch.ResNet50, OptimizerKind.AdamW, LossKind.SimClr, Precision.Fp32, 0);
                cases.Add(device, Arch.ResNet18, OptimizerKind.Sgd, LossKind.Supervised, Precision.Fp32, 0);
                cases.Add(device, Arch.ResNet50, OptimizerKind.Lars, LossKind.SimClr, Precision.Amp, 0);
                cases.Add(device, Arch.ResNet18, OptimizerKind.AdamW, LossKind.Supervised, Precision.Amp, 0);
                cases.Add(device, Arch.ResNet18, OptimizerKind.Sgd, LossKind.SimClr, Precision.Fp32, 1);
                cases.Add(device, Arch.ResNet18, OptimizerKind.Sgd, LossKind.Supervised, Precision.Amp, 1);
                cases.Add(device, Arch.ResNet18, OptimizerKind.Lars, LossKind.SimClr, Precision.Bf16, 0);
            }
            return cases;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void A_step_is_silent_and_reads_nothing_unwritten(string name, Arch arch, OptimizerKind optimizer, LossKind loss, Precision precision, int microBatch)
    {
        var device = TestDevices.Get(name);
        var config = Small with { Arch = arch, Optimizer = optimizer, Loss = loss, Precision = precision, MicroBatch = microBatch };
        var poisoned = Run(device, config, new PlanOptions { Poison = true });
        var guarded = Run(device, config, new PlanOptions { Canaries = true });
        Assert.All(poisoned, v => Assert.True(float.IsFinite(v)));
        Assert.Equal(poisoned, guarded);
        TestDevices.RequireSilence(device);
    }

    [SkippableFact]
    public void Timestamps_are_only_written_where_asked_for()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        using var graph = Graph(device, Small);
        using (var off = Plan.Build(device, graph.Step))
        {
            off.Run();
            Assert.Null(off.ReadTimings());
        }
        using var each = Plan.Build(device, graph.Step, new PlanOptions { Timing = PlanTiming.Dispatches });
        each.Run();
        var times = each.ReadTimings();
        Assert.Equal(graph.Step.Dispatches.Count, times!.Spans.Count);
        Assert.All(times.Spans, t => Assert.True(t.End >= t.Start));
        TestDevices.RequireSilence(device);
    }

    [SkippableTheory]
    [InlineData("deviceLocalBytes=64M")]
    [InlineData("maxMemoryAllocationSize=16M")]
    [InlineData("maxStorageBufferRange=2M")]
    public void A_batch_that_cannot_fit_is_refused_with_the_largest_that_can(string caps)
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, caps);
        var config = Small with { Width = 0.25, ImageSize = 64, BatchSize = 500 };
        var objective = new ObjectiveSpec(LossKind.SimClr, config.BatchSize, 0.1f, 0.1f);
        var error = Assert.Throws<GpuOutOfMemoryException>(() =>
        {
            using var graph = TrainGraph.Create(device, config, objective);
            graph.RequireFit(PlanLayout.Create(graph.Step.Dispatches, device.Caps));
        });
        var largest = int.Parse(System.Text.RegularExpressions.Regex.Match(error.Message, "that fits is ([0-9]+)").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(largest, 2, 499);
        Assert.True(Fits(device.Caps, config with { BatchSize = largest }));
        Assert.False(Fits(device.Caps, config with { BatchSize = largest + 1 }));
    }

    [SkippableFact]
    public void A_run_that_is_evaluated_needs_room_for_that_too()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        var config = Small with { ImageSize = 64, BatchSize = 32 };
        var objective = new ObjectiveSpec(LossKind.SimClr, config.BatchSize, 0.1f, 0.1f);
        long needed;
        using (var graph = TrainGraph.Create(device, config, objective))
        {
            needed = PlanLayout.Create(graph.Step.Dispatches, device.Caps).TotalBytes;
        }
        var exact = device.Caps with { DeviceLocalBytes = needed };
        using var plain = TrainGraph.Create(exact, config, objective);
        plain.RequireFit(PlanLayout.Create(plain.Step.Dispatches, exact));
        using var evaluated = TrainGraph.Create(exact, config with { ValData = "held-out" }, objective);
        var error = Assert.Throws<GpuOutOfMemoryException>(() => evaluated.RequireFit(PlanLayout.Create(evaluated.Step.Dispatches, exact)));
        Assert.Contains("MiB more for its evaluations", error.Message);
        Assert.Matches("largest --batch-size that fits is (1[0-9]|2[0-9]|3[01])\\.", error.Message);
    }

    [SkippableFact]
    public void The_planner_needs_far_less_than_the_sum_of_all_activations()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        using var graph = Graph(device, Small with { Arch = Arch.ResNet50, Width = 1, ImageSize = 224, BatchSize = 4 });
        var layout = PlanLayout.Create(graph.Step.Dispatches, device.Caps);
        Assert.True(layout.TransientPeakBytes < 0.8 * layout.TransientSumBytes, $"peak {layout.TransientPeakBytes}, sum {layout.TransientSumBytes}");
        var bound = Enumerable.Range(0, graph.Step.Dispatches.Count).Max(layout.LiveBytes);
        Assert.InRange(layout.TransientPeakBytes, bound, 1.1 * bound);
    }

    private static bool Fits(DeviceCaps caps, TrainConfig config)
    {
        try
        {
            using var graph = TrainGraph.Create(caps, config, new ObjectiveSpec(config.Loss, config.BatchSize, 0.1f, 0.1f));
            return Fits(caps, PlanLayout.Create(graph.Step.Dispatches, caps));
        }
        catch (GpuOutOfMemoryException)
        {
            return false;
        }
    }

    private static bool Fits(DeviceCaps caps, PlanLayout layout) =>
        layout.TotalBytes <= caps.DeviceLocalBytes && layout.Persistent.Concat(layout.Transient.Select(t => t.Buffer)).All(b => b.Bytes <= caps.MaxMemoryAllocationSize);

    /// <summary>A graph with weights, and differing pictures in its sources.</summary>
    internal static TrainGraph Graph(GpuDevice device, TrainConfig config)
    {
        var supervised = config.Loss == LossKind.Supervised;
        var graph = TrainGraph.Create(device.Caps, config, new ObjectiveSpec(config.Loss, config.BatchSize, 0.1f, 0.1f, Classes: supervised ? 5 : 0));
        graph.Objective.Upload(device, supervised ? [.. Enumerable.Range(0, config.BatchSize).Select(i => (uint)i)] : null, null);
        device.Place(graph.Sources.Bytes.View.Buffer);
        ModelInit.Fill(device, graph.Model, 1);
        graph.Initialize(device);
        device.Transfer.Upload<byte>(graph.StepVariables, new StepVariables(0.01f).ToBytes());
        var pixels = new byte[40 * 40 * 3 * config.BatchSize];
        new Random(1).NextBytes(pixels);
        device.Transfer.Upload<byte>(graph.Sources.Bytes.View.Slice(0, pixels.Length), pixels);
        var table = Enumerable.Range(0, 2 * config.BatchSize).Select(i => AugmentEntry.Box((uint)(i % config.BatchSize * 40 * 40 * 3), 40, 40, 3, (i % 5, i % 7, 30, 33), config.ImageSize) with
        {
            Flip = (uint)i % 2, Jitter = 1, Contrast = 1.3f, Saturation = 0.7f, Blur = 1, BlurSigma = 0.8f,
        }).ToArray();
        device.Transfer.Upload<AugmentEntry>(graph.Sources.Table, table);
        return graph;
    }

    private static float[] Run(GpuDevice device, TrainConfig config, PlanOptions options)
    {
        using var graph = Graph(device, config);
        using var plan = Plan.Build(device, graph.Step, options);
        plan.Run();
        plan.Run();
        if (options.Canaries)
        {
            plan.CheckCanaries();
        }
        var weights = device.Transfer.Download(graph.Model.Parameters.Value("layer3.0.conv1.weight"), 64);
        return [.. device.Transfer.Download(graph.Objective.Statistics, config.Loss == LossKind.Supervised ? 1 : 4), .. weights];
    }
}
