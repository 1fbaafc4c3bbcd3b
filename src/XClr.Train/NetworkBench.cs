using System.Diagnostics;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;

namespace XClr.Train;

/// <summary>What is timed: a whole training step, or the forward pass in inference mode.</summary>
public enum BenchTarget
{
    Step,
    Forward,
}

/// <summary>A measurement of a whole network on noise.</summary>
/// <param name="Target">What is timed.</param>
/// <param name="Arch">Backbone, at full width with ImageNet's stem.</param>
/// <param name="ImageSize">Side of the images in pixels.</param>
/// <param name="Rows">Images through the backbone per run; even for a step, which has two views per sample.</param>
/// <param name="Repeats">Timed runs, after one that is not timed.</param>
/// <param name="Device">See --device.</param>
/// <param name="Precision">Storage of activations and working weights.</param>
/// <param name="Shaders">Edited shaders in the place of the program's; null = none.</param>
public sealed record BenchRequest(BenchTarget Target, Arch Arch, int ImageSize, int Rows, int Repeats, string? Device, Precision Precision = Precision.Fp32, ShaderFolder? Shaders = null);

/// <summary>Medians over the runs. Times in milliseconds; CpuMs is processor time of this process over all cores; GpuMs is null without timestamps.</summary>
public sealed record BenchResult(string Device, double WallMs, double WallMinMs, double WallMaxMs, double CpuMs, double? GpuMs, double ImagesPerSecond, double GflopPerSecond, int Dispatches, int Pipelines, TuningUse Tuning);

/// <summary>The `bench` verb's work.</summary>
public static class NetworkBench
{
    /// <summary>Measures a network.</summary>
    public static BenchResult Run(BenchRequest request)
    {
        using var device = TrainSetup.OpenDevice(request.Device, shaders: request.Shaders);
        return request.Target == BenchTarget.Step ? Step(device, request) : Forward(device, request);
    }

    private static BenchResult Step(GpuDevice device, BenchRequest request)
    {
        using var graph = NetworkWorks.StepGraph(device, request.Arch, request.ImageSize, request.Rows, request.Precision);
        ModelInit.Fill(device, graph.Model, 0);
        graph.Initialize(device);
        var noise = new byte[request.ImageSize * request.ImageSize * 3];
        new Random(0).NextBytes(noise);
        PlanBuild.UploadImages(device, graph, noise, request.ImageSize);
        return Time(device, graph.Step, request);
    }

    private static BenchResult Forward(GpuDevice device, BenchRequest request)
    {
        using var model = new Model(new ModelSpec(request.Arch, Head: HeadKind.None));
        ModelInit.Fill(device, model, 0);
        var images = Tensor.Persistent("images", new Shape(request.Rows, request.ImageSize, request.ImageSize, ModelSpec.Stored(ResNetBlueprint.ImageChannels)), MemoryCategory.Inputs);
        var features = Tensor.Persistent("features", new Shape(request.Rows, model.Spec.FeatureWidth), MemoryCategory.Outputs);
        try
        {
            var pixels = new float[images.Shape.Count];
            var random = new Random(0);
            for (var i = 0; i < pixels.Length; i++)
            {
                pixels[i] = i % 4 == 3 ? 0 : random.NextSingle() - 0.5f;
            }
            device.Transfer.Upload<float>(images, pixels);
            return Time(device, device.Record(gpu => model.Forward(gpu, request.Precision.Stored(gpu, images), Mode.Eval, features)), request);
        }
        finally
        {
            images.View.Buffer.Dispose();
            features.View.Buffer.Dispose();
        }
    }

    private static BenchResult Time(GpuDevice device, Recorder gpu, BenchRequest request)
    {
        using var plan = Plan.Build(device, gpu, new PlanOptions { Timing = PlanTiming.Step });
        using var process = Process.GetCurrentProcess();
        plan.Run();
        var (wall, cpu, busy) = (new List<double>(), new List<double>(), new List<double>());
        for (var i = 0; i < request.Repeats; i++)
        {
            process.Refresh();
            var before = process.TotalProcessorTime;
            var clock = Stopwatch.StartNew();
            plan.Run();
            wall.Add(clock.Elapsed.TotalMilliseconds);
            process.Refresh();
            cpu.Add((process.TotalProcessorTime - before).TotalMilliseconds);
            if (plan.ReadStepNs() is { } ns)
            {
                busy.Add(ns * 1e-6);
            }
        }
        var walls = Samples.Of(wall);
        return new BenchResult(device.Caps.FullName, walls.Median, walls.Min, walls.Max, Samples.Of(cpu).Median, busy.Count == 0 ? null : Samples.Of(busy).Median,
            1000 * request.Rows / walls.Median, plan.Layout.Flops / walls.Median * 1e-6, gpu.Dispatches.Count, gpu.Dispatches.Select(d => d.Kernel.Key).Distinct().Count(), TuningUse.Of(gpu));
    }
}
