using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;

namespace XClr.Train.Tests;

/// <summary>Steps in micro-batches beside steps at once: memory, choice of the size, and results; against PyTorch in <see cref="ParityTests"/>.</summary>
public sealed class MicroBatchTests : IDisposable
{
    private static readonly TrainConfig Large = new() { Data = "unused", Arch = Arch.ResNet50, ImageSize = 224, BatchSize = 256, MicroBatch = 16, Loss = LossKind.SimClr, Steps = 1 };
    private static readonly DeviceCaps Card = PaperDevice.Caps with { MaxStorageBufferRange = 1L << 32, DeviceLocalBytes = 1L << 36, MaxMemoryAllocationSize = 1L << 32 };
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    // One micro-batch of the whole batch: the loops run once, and gradients are added to zeros.
    [SkippableTheory]
    [InlineData("bottleneck-simclr-lars", LossKind.SimClr)]
    [InlineData("bottleneck-clip-lars", LossKind.Clip)]
    [InlineData("bottleneck-supervised-sgd", LossKind.Supervised)]
    public void A_micro_batch_of_the_whole_batch_changes_no_bit(string name, LossKind loss)
    {
        using var golden = GoldenFile.Open($"network/{name}.safetensors");
        string Path(string file) => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(golden.Path)!, golden.Metadata[file]);
        SafetensorsFile Run(int microBatch)
        {
            var output = folder.File($"{microBatch}.safetensors");
            ParityRun.Run(new ParityRequest
            {
                Arch = Arch.ResNet50, Stages = [1, 1, 1, 1], Weights = Path("weights"), Batch = Path("batch"), Out = output, Loss = loss, MicroBatch = microBatch,
                Optimizer = new OptimizerSettings(OptimizerKind.AdamW, 0.01, 0.9, false),
            });
            return SafetensorsFile.Open(output);
        }
        using var whole = Run(0);
        using var once = Run(4);
        Assert.All(whole.Tensors.Where(t => t.DType != SafetensorsDType.I64), t => Assert.Equal(whole.ReadFloat32(t.Name), once.ReadFloat32(t.Name)));
        using var halves = Run(2);
        Assert.NotEqual(whole.ReadFloat32("features"), halves.ReadFloat32("features"));
    }

    [Fact]
    public void Memory_grows_with_the_micro_batch_and_hardly_with_the_batch()
    {
        long Transient(int batch, int micro)
        {
            using var graph = Graph(Card, Large with { BatchSize = batch, MicroBatch = micro });
            return PlanLayout.Create(graph.Step.Dispatches, Card).TransientPeakBytes;
        }
        var sixteen = Transient(16, 0);
        // Projections, their gradient and the loss's state; and a hundredth, since the loops' barriers let buffers share memory in another way.
        const long PerSample = 2 * 2 * 128 * sizeof(float) + 1024;
        Assert.InRange(Transient(256, 16), sixteen / 2, 1.01 * sixteen + 256 * PerSample);
        Assert.InRange(Transient(1024, 16), sixteen / 2, 1.01 * sixteen + 1024 * PerSample);
        Assert.True(Transient(256, 0) > 10 * sixteen);
    }

    [Fact]
    public void Auto_takes_the_largest_part_of_the_batch_that_fits()
    {
        using (var roomy = Graph(Card with { DeviceLocalBytes = 1L << 40 }, Large with { MicroBatch = null }))
        {
            Assert.Null(roomy.MicroBatches);
        }
        using var graph = Graph(Card with { DeviceLocalBytes = 16L << 30 }, Large with { MicroBatch = null });
        var layout = PlanLayout.Create(graph.Step.Dispatches, graph.Caps);
        graph.RequireFit(layout);
        using var next = Graph(graph.Caps, Large with { MicroBatch = 2 * graph.MicroBatches!.Size });
        var error = Assert.Throws<GpuOutOfMemoryException>(() => next.RequireFit(PlanLayout.Create(next.Step.Dispatches, next.Caps)));
        Assert.Contains($"--micro-batch {graph.MicroBatches.Size} trains the whole batch", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_size_that_does_not_divide_the_batch_is_refused_with_one_that_does() =>
        Assert.Contains("--micro-batch 100 does not divide --batch-size 256; the next smaller one that does is 64", Assert.Throws<UsageException>(() => (Large with { MicroBatch = 100 }).Validated()).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("auto", null)]
    [InlineData("0", 0)]
    [InlineData("32", 32)]
    public void The_option_goes_through_the_saved_configuration(string text, int? value)
    {
        var config = TrainConfig.Resolve(null, null, [new("micro-batch", text), new("batch-size", "64")]);
        Assert.Equal(value, config.MicroBatch);
        Assert.Equal(config, TrainConfig.FromJson(config.ToJson(), "saved"));
    }

    private static TrainGraph Graph(DeviceCaps caps, TrainConfig config) => TrainGraph.Create(caps, config, new ObjectiveSpec(config.Loss, config.BatchSize, 0.1f, 0.1f));
}
