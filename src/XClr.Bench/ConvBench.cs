using System.Diagnostics;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench;

/// <summary>A convolution of a network and how often it occurs.</summary>
public sealed record ConvLayer(ConvGeometry Geometry, int Count);

/// <summary>Time of one run of a convolution, in seconds: the shortest of several by the clock, and the mean processor time of this process (what a CPU driver used).</summary>
public sealed record ConvTiming(Conv2dCase Case, double WallSeconds, double CpuSeconds)
{
    /// <summary>10^9 floating-point operations per second by the clock.</summary>
    public double GigaflopsPerSecond => Case.Geometry.Flops / WallSeconds / 1e9;
}

/// <summary>Times the convolutions of ResNet-50 one by one.</summary>
public static class ConvBench
{
    /// <summary>The distinct convolutions of ResNet-50 (stride in the 3x3) for n square images of this many pixels a side; the stem's input is padded to 4 channels.</summary>
    public static IReadOnlyList<ConvLayer> ResNet50(int size, int n)
    {
        ConvGeometry Conv(int pixels, int c, int k, int kernel, int stride) => new(n, pixels, pixels, c, k, kernel, kernel, stride, kernel / 2);
        List<ConvLayer> layers = [new(Conv(size, 4, 64, 7, 2), 1)];
        var (pixels, channels) = ((size + 3) / 4, 64);
        foreach (var (width, blocks) in new[] { (64, 3), (128, 4), (256, 6), (512, 3) })
        {
            var stride = width == 64 ? 1 : 2;
            layers.Add(new(Conv(pixels, channels, width, 1, 1), 1));
            layers.Add(new(Conv(pixels, width, width, 3, stride), 1));
            layers.Add(new(Conv(pixels, channels, 4 * width, 1, stride), 1));
            (pixels, channels) = ((pixels + stride - 1) / stride, 4 * width);
            layers.Add(new(Conv(pixels, width, channels, 1, 1), blocks));
            layers.Add(new(Conv(pixels, channels, width, 1, 1), blocks - 1));
            layers.Add(new(Conv(pixels, width, width, 3, 1), blocks - 1));
        }
        return layers;
    }

    /// <summary>Runs the case once to warm up, then <paramref name="runs"/> times.</summary>
    public static ConvTiming Measure(GpuDevice device, Conv2dCase conv, int runs)
    {
        var op = conv.ToOpCase(device.Caps);
        var tensors = op.Inputs.Concat(op.Outputs).DistinctBy(t => t.Name).ToDictionary(t => t.Name, t => Tensor.Persistent(t.Name, t.Shape, MemoryCategory.Inputs, t.Type));
        try
        {
            device.Place(tensors.Values.Select(t => t.View.Buffer));
            foreach (var input in op.Inputs)
            {
                // Not zeros: a CPU's multiplier is slow on denormal numbers and fast on none, so the values must be ordinary.
                device.Transfer.Upload<float>(tensors[input.Name], [.. Enumerable.Range(0, (int)input.Shape.Count).Select(i => 0.5f - i % 97 / 97f)]);
            }
            using var plan = Plan.Build(device, device.Record(gpu => op.Record(gpu, tensors)));
            plan.Run();
            var best = double.PositiveInfinity;
            var processor = Process.GetCurrentProcess().TotalProcessorTime;
            for (var i = 0; i < runs; i++)
            {
                var clock = Stopwatch.StartNew();
                plan.Run();
                best = Math.Min(best, clock.Elapsed.TotalSeconds);
            }
            using var process = Process.GetCurrentProcess();
            return new ConvTiming(conv, best, (process.TotalProcessorTime - processor).TotalSeconds / runs);
        }
        finally
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.View.Buffer.Dispose();
            }
        }
    }
}
