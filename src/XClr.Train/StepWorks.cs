using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>What a training step computes in one of several ways.</summary>
public static class StepWorks
{
    /// <summary>Every distinct direction of a convolution or linear layer in a step, and how often it has it. rows: images through the backbone, even.</summary>
    /// <exception cref="GpuOutOfMemoryException">One of the step's tensors is more than a kernel can bind.</exception>
    public static IReadOnlyList<(ConvWork Work, int Count)> Of(GpuDevice device, Arch arch, int imageSize, int rows, Precision precision)
    {
        var config = new TrainConfig { Arch = arch, ImageSize = imageSize, BatchSize = rows / 2, Loss = LossKind.SimClr, Precision = precision };
        using var graph = TrainGraph.Create(device, config, new ObjectiveSpec(LossKind.SimClr, config.BatchSize, 0.1f, 0.1f));
        return [.. graph.Step.Works.OfType<ConvWork>().GroupBy(w => w).Select(g => (g.Key, g.Count()))];
    }
}

/// <summary>How many of a plan's choices were measured (`xclr tune`), of how many; Problem: why measured ones that are there are not used.</summary>
public sealed record TuningUse(int Measured, int Works, string? Problem)
{
    /// <summary>Of recorded work, where every repetition counts.</summary>
    public static TuningUse Of(Recorder gpu) => new(gpu.Works.Count(w => gpu.Caps.Tuning.Ways.ContainsKey(w.Name)), gpu.Works.Count, gpu.Caps.Tuning.Problem);

    public override string ToString() => Measured == 0 ? $"all {Works} by the cost model" : $"{Measured} of {Works} as measured by 'xclr tune'";
}
