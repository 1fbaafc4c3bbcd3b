using XClr.Gpu;

namespace XClr.Train;

/// <summary>One row of a plan's table: dispatches of one phase.</summary>
public sealed record PlanPhase(StepPhase Phase, int Dispatches, double Flops, long Bytes);

/// <summary>A compiled step without any device memory: what `train --plan` prints.</summary>
/// <param name="Device">The device it is for.</param>
/// <param name="Rows">Images through the backbone per step.</param>
/// <param name="Fingerprint">See <see cref="TrainGraph.Fingerprint"/>.</param>
/// <param name="Layout">Dispatches, memory, barriers.</param>
public sealed record PlanReport(DeviceInfo Device, int Rows, string Fingerprint, PlanLayout Layout)
{
    /// <summary>Dispatches, FLOPs and bytes by phase, in the order of the step.</summary>
    public IReadOnlyList<PlanPhase> Phases => [.. Layout.Dispatches.GroupBy(d => d.Phase)
        .Select(g => new PlanPhase(g.Key, g.Count(), g.Sum(d => d.Flops), g.Sum(d => d.Bytes)))];

    /// <summary>The same by kernel, most FLOPs first.</summary>
    public IReadOnlyList<(string Kernel, int Dispatches, double Flops, long Bytes)> Kernels => [.. Layout.Dispatches.GroupBy(d => d.Kernel.Name)
        .Select(g => (g.Key, g.Count(), g.Sum(d => d.Flops), g.Sum(d => d.Bytes))).OrderByDescending(k => k.Item3)];

    /// <summary>Compiles the step of a configuration for the device that it would run on. Needs no data where the loss needs none of its properties.</summary>
    /// <exception cref="GpuOutOfMemoryException">The batch cannot fit; the message names the largest that can.</exception>
    public static PlanReport Create(TrainConfig config)
    {
        config = config.Validated(requireData: false);
        var device = DeviceSelector.Pick(GpuDevice.List(), config.Device ?? Environment.GetEnvironmentVariable(DeviceSelector.Variable));
        device = device with { Caps = device.Caps.Lower(Environment.GetEnvironmentVariable(DeviceCaps.LoweringVariable)) };
        using var data = config.Data is null ? null : TrainSetup.Open(config, validation: false);
        using var captions = config.NeedsText ? CaptionSource.Open(config.TextEncoder, config.TextProvider) : null;
        var objective = data is null ? new ObjectiveSpec(config.Loss, config.BatchSize, (float)config.Tau, (float)config.TauS, captions?.Width ?? 0) : TrainSetup.CreateObjective(config, data, captions);
        using var graph = TrainGraph.Create(device.Caps, config, objective, captions?.Width ?? 0);
        var layout = PlanLayout.Create(graph.Step.Dispatches, device.Caps);
        TrainGraph.RequireFit(device.Caps, config, objective, captions?.Width ?? 0, layout);
        return new PlanReport(device, 2 * config.BatchSize, graph.Fingerprint(), layout);
    }
}
