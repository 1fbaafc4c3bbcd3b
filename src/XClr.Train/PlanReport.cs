using XClr.Gpu;

namespace XClr.Train;

/// <summary>One row of a plan's table: dispatches of one phase.</summary>
public sealed record PlanPhase(StepPhase Phase, int Dispatches, double Flops, long Bytes);

/// <summary>A compiled step without any device memory: what `train --plan` prints.</summary>
/// <param name="Caps">The device it is for.</param>
/// <param name="Rows">Images through the backbone per step.</param>
/// <param name="Fingerprint">See <see cref="TrainGraph.Fingerprint"/>.</param>
/// <param name="Layout">Dispatches, memory, barriers.</param>
/// <param name="MicroBatch">Samples that the network works on at a time.</param>
/// <param name="Tuning">Which of its convolutions were chosen by measurement.</param>
public sealed record PlanReport(DeviceCaps Caps, int Rows, string Fingerprint, PlanLayout Layout, int MicroBatch, TuningUse Tuning)
{
    /// <summary>Bytes per image that a step of ResNet-50 at 224x224 moves by the cost model (docs/performance.md): fp16, every element-wise function fused.</summary>
    public const double ModelBytesPerImage = 300e6;

    /// <summary>Bytes read and written per image of the step: each dispatch's operands once, as if caches served all that it reads again.</summary>
    public double BytesPerImage => (double)Layout.TrafficBytes / Rows;

    /// <summary>Dispatches, FLOPs and bytes by phase, in the order of the step.</summary>
    public IReadOnlyList<PlanPhase> Phases => [.. Layout.Dispatches.GroupBy(d => d.Phase)
        .Select(g => new PlanPhase(g.Key, g.Count(), g.Sum(d => d.Times * d.Flops), g.Sum(d => d.Times * d.Bytes)))];

    /// <summary>The same by kernel, most FLOPs first.</summary>
    public IReadOnlyList<(string Kernel, int Dispatches, double Flops, long Bytes)> Kernels => [.. Layout.Dispatches.GroupBy(d => d.Kernel.Name)
        .Select(g => (g.Key, g.Count(), g.Sum(d => d.Times * d.Flops), g.Sum(d => d.Times * d.Bytes))).OrderByDescending(k => k.Item3)];

    /// <summary>Compiles the step of a configuration for the device that it would run on. Needs no data where the loss needs none of its properties.</summary>
    /// <exception cref="GpuOutOfMemoryException">The batch cannot fit; the message names the largest that can.</exception>
    public static PlanReport Create(TrainConfig config)
    {
        config = config.Validated(requireData: false);
        var device = DeviceSelector.Pick(GpuDevice.List(), config.Device ?? Environment.GetEnvironmentVariable(DeviceSelector.Variable));
        var caps = GpuDevice.Limit(device.Caps, TrainSetup.DeviceOptions(config.Device, config.MemoryLimit));
        var objective = Objective(config);
        using var graph = TrainGraph.Create(caps, config, objective);
        var layout = PlanLayout.Create(graph.Step.Dispatches, caps);
        graph.RequireFit(layout);
        return Create(config, graph, layout);
    }

    /// <summary>The report of a step that is laid out already, and fits.</summary>
    internal static PlanReport Create(TrainConfig config, TrainGraph graph, PlanLayout layout) => new(graph.Caps, 2 * config.BatchSize, graph.Fingerprint(), layout, graph.MicroBatches?.Size ?? config.BatchSize, TuningUse.Of(graph.Step));

    /// <summary>The loss of a configuration, with the data set's class captions where there is a data set.</summary>
    internal static ObjectiveSpec Objective(TrainConfig config)
    {
        using var data = config.Data is null ? null : TrainSetup.Open(config, validation: false);
        using var captions = config.NeedsText ? CaptionSource.Open(config.TextEncoder, config.TextProvider, [data]) : null;
        return data is null ? ObjectiveSpec.Of(config, captions?.Width ?? 0) : TrainSetup.CreateObjective(config, data, captions);
    }
}
