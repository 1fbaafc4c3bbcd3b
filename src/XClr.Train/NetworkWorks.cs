using XClr.Gpu;
using XClr.Nn.Models;

namespace XClr.Train;

/// <summary>What a training step, or an encoder's pass in inference mode, computes in one of several ways.</summary>
public static class NetworkWorks
{
    /// <summary>Every distinct direction of a convolution or linear layer in a step, and every end of a block that has two ways, and how often it has it. rows: images through the backbone, even.</summary>
    /// <exception cref="GpuOutOfMemoryException">One of the step's tensors is more than a kernel can bind.</exception>
    public static IReadOnlyList<(ITunable Work, int Count)> OfStep(GpuDevice device, Arch arch, int imageSize, int rows, Precision precision)
    {
        using var graph = StepGraph(device, arch, imageSize, rows, precision);
        return Counted(graph.Step);
    }

    /// <summary>The step that is benchmarked and tuned: SimCLR's, which needs no targets. rows: images through the backbone, even.</summary>
    internal static TrainGraph StepGraph(GpuDevice device, Arch arch, int imageSize, int rows, Precision precision)
    {
        var config = new TrainConfig { Arch = arch, ImageSize = imageSize, BatchSize = rows / 2, Loss = LossKind.SimClr, Precision = precision };
        return TrainGraph.Create(device, config, new ObjectiveSpec(LossKind.SimClr, config.BatchSize, 0.1f, 0.1f));
    }

    /// <summary>The same of a pass that embeds images, as evaluations and `embed-images` run it: float32, batch norm folded. rows: images of a pass.</summary>
    /// <exception cref="GpuOutOfMemoryException">One of the pass's tensors is more than a kernel can bind.</exception>
    public static IReadOnlyList<(ITunable Work, int Count)> OfForward(GpuDevice device, Arch arch, int imageSize, int rows)
    {
        using var model = new Model(new ModelSpec(arch, Head: HeadKind.None));
        using var graph = new EncoderGraph(device.Caps, model, TrainSetup.Images(new TrainConfig { ImageSize = imageSize }), rows);
        return Counted(device.Record(graph.Record));
    }

    private static IReadOnlyList<(ITunable Work, int Count)> Counted(Recorder gpu) => [.. gpu.Works.GroupBy(w => w).Select(g => (g.Key, g.Count()))];
}

/// <summary>How many of a plan's choices were measured (`xclr tune`), of how many; Problem: why measured ones that are there are not used.</summary>
public sealed record TuningUse(int Measured, int Works, string? Problem)
{
    /// <summary>Of recorded work, where every repetition counts.</summary>
    public static TuningUse Of(Recorder gpu) => new(gpu.Works.Count(w => gpu.Caps.Tuning.Ways.ContainsKey(w.Name)), gpu.Works.Count, gpu.Caps.Tuning.Problem);

    /// <summary>The measured choices of recorded work, by its name.</summary>
    public static IReadOnlyDictionary<string, string> WaysOf(Recorder gpu) =>
        gpu.Works.Select(w => w.Name).Distinct().Where(gpu.Caps.Tuning.Ways.ContainsKey).ToDictionary(name => name, name => gpu.Caps.Tuning.Ways[name]);

    public override string ToString() => Measured == 0 ? $"all {Works} by the cost model" : $"{Measured} of {Works} as measured by 'xclr tune'";
}
