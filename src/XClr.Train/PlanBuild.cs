using System.Diagnostics;
using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>A kernel of a built plan: key (name and specialisation), how many dispatches, the compiler's figures (null: the driver gives none).</summary>
public sealed record BuiltKernel(string Key, int Dispatches, KernelStatistics? Statistics);

/// <summary>A whole step, allocated, compiled, recorded and submitted on its device: what `train --plan --build` prints beside the plan.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="BuildSeconds">From the opened device to the first submit: recording, compilers' figures, memory, pipelines, command buffers.</param>
/// <param name="FirstStepMs">Submit and wait of the first step, milliseconds.</param>
/// <param name="HostMs">Median time of one submit call, milliseconds: what a step costs the host.</param>
/// <param name="Kernels">By key.</param>
/// <param name="PassedOver">Kernels that this device's compiler does badly, in whose place another tile was taken where there is one.</param>
public sealed record PlanBuild(PlanReport Plan, double BuildSeconds, double FirstStepMs, double HostMs, IReadOnlyList<BuiltKernel> Kernels, IReadOnlyList<KernelFit> PassedOver)
{
    private const int Submits = 21;

    /// <summary>Builds the step of a configuration and runs it on black images.</summary>
    /// <exception cref="GpuOutOfMemoryException">The batch cannot fit; the message names the largest that can.</exception>
    public static PlanBuild Create(TrainConfig config)
    {
        config = config.Validated(requireData: false);
        using var device = TrainSetup.OpenDevice(config.Device, config.MemoryLimit);
        var clock = Stopwatch.StartNew();
        var objective = PlanReport.Objective(config);
        using var graph = TrainGraph.Create(device, config, objective);
        using var plan = graph.BuildPlan(device);
        var report = PlanReport.Create(config, graph, plan.Layout);
        ModelInit.Fill(device, graph.Model, config.Seed);
        graph.Initialize(device);
        graph.Objective.Upload(device, new uint[config.BatchSize], [.. Enumerable.Repeat(1f, config.BatchSize * objective.TextWidth)]);
        UploadImages(device, graph, new byte[config.ImageSize * config.ImageSize * 3], config.ImageSize);
        var build = clock.Elapsed.TotalSeconds;
        clock.Restart();
        plan.Run();
        var first = clock.Elapsed.TotalMilliseconds;
        var host = Enumerable.Range(0, Submits).Select(_ => HostTime(plan)).Order().ElementAt(Submits / 2);
        var kernels = graph.Step.Dispatches.GroupBy(d => d.Kernel.Key).Select(g => new BuiltKernel(g.Key, g.Count(), device.Statistics(g.First().Kernel))).OrderBy(k => k.Key, StringComparer.Ordinal);
        return new PlanBuild(report, build, first, host, [.. kernels], device.PassedOver);
    }

    /// <summary>Puts one square image, RGB bytes [size,size,3], before every view of a step, and a small learning rate.</summary>
    internal static void UploadImages(GpuDevice device, TrainGraph graph, byte[] pixels, int size)
    {
        new StepVariables(0.01f).Upload(device, graph.StepVariables);
        device.Transfer.Upload<byte>(graph.Sources.Bytes.View.Slice(0, (pixels.Length + 3) / 4 * 4), pixels);
        var entry = AugmentEntry.Box(0, size, size, 3, (0, 0, size, size), size);
        device.Transfer.Upload<AugmentEntry>(graph.Sources.Table, Enumerable.Repeat(entry, 2 * graph.Sources.Samples).ToArray());
    }

    private static double HostTime(Plan plan)
    {
        var clock = Stopwatch.StartNew();
        var ticket = plan.Submit();
        var ms = clock.Elapsed.TotalMilliseconds;
        plan.Wait(ticket);
        return ms;
    }
}
