using System.Diagnostics;
using XClr.Gpu;
using XClr.Nn;

namespace XClr.Bench;

/// <summary>Runs of one op, in milliseconds each, and what one of them does.</summary>
/// <param name="Name">The case's.</param>
/// <param name="Milliseconds">Times of the runs, by the device's timestamps where it has them, else by the host's clock; sorted.</param>
/// <param name="Flops">Floating-point operations, a multiply-add counting two.</param>
/// <param name="Bytes">Memory traffic, every binding counted once.</param>
/// <param name="LeastMs">What the device's peaks would allow.</param>
/// <param name="Kernels">Names of the kernels that were chosen.</param>
public sealed record OpTiming(string Name, IReadOnlyList<double> Milliseconds, double Flops, long Bytes, double LeastMs, IReadOnlyList<string> Kernels)
{
    public double MedianMs => Samples.Of(Milliseconds).Median;
    public double GigaflopsPerSecond => Flops / MedianMs * 1e-6;
    public double GigabytesPerSecond => Bytes / MedianMs * 1e-6;

    /// <summary>Share of the device's roof; above 1 where caches serve what counts as memory traffic.</summary>
    public double OfRoof => LeastMs / MedianMs;
}

/// <summary>Times op cases one by one.</summary>
public static class OpBench
{
    /// <summary>Runs the case once to warm up, then <paramref name="runs"/> times.</summary>
    public static OpTiming Measure(GpuDevice device, OpCase op, DevicePeaks peaks, int runs)
    {
        var tensors = op.NewTensors();
        try
        {
            device.Place(tensors.Values.Select(t => t.View.Buffer));
            Upload(device, op, tensors);
            var recorded = device.Record(gpu => op.Record(gpu, tensors));
            using var plan = Plan.Build(device, recorded, new PlanOptions { Timing = PlanTiming.Step });
            plan.Run();
            double[] times = [.. Enumerable.Range(0, runs).Select(_ => Time(plan)).Order()];
            var least = recorded.Dispatches.Sum(d => peaks.LeastNs(d.Kernel, d.Flops, d.Bytes));
            return new OpTiming(op.Name, times, plan.Layout.Flops, recorded.Dispatches.Sum(d => d.Bytes), least * 1e-6, [.. recorded.Dispatches.Select(d => d.Kernel.Name).Distinct()]);
        }
        finally
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.View.Buffer.Dispose();
            }
        }
    }

    /// <summary>Bytes of transient memory that a case takes on a device, its inputs and outputs not counted; nothing is allocated.</summary>
    public static long TransientBytes(DeviceCaps caps, OpCase op)
    {
        var tensors = op.NewTensors();
        var gpu = new Recorder(caps);
        op.Record(gpu, tensors);
        return PlanLayout.Create(gpu.Dispatches, caps).TransientPeakBytes;
    }

    private static double Time(Plan plan)
    {
        var clock = Stopwatch.StartNew();
        plan.Run();
        var wall = clock.Elapsed.TotalMilliseconds;
        return plan.ReadStepNs() * 1e-6 ?? wall;
    }

    /// <summary>Fills the inputs with ordinary numbers, or the case's own.</summary>
    internal static void Upload(GpuDevice device, OpCase op, IReadOnlyDictionary<string, Tensor> tensors)
    {
        foreach (var input in op.Inputs)
        {
            if (input.Values is { } values)
            {
                device.Transfer.Upload<uint>(tensors[input.Name], values());
            }
            else if (input.Type == DType.Float16)
            {
                UploadRepeated<Half>(device, tensors[input.Name], [.. Ordinary(input.Shape.Count).Select(v => (Half)v)]);
            }
            else if (input.Type == DType.BFloat16)
            {
                UploadRepeated<ushort>(device, tensors[input.Name], [.. Ordinary(input.Shape.Count).Select(BFloat16.Round)]);
            }
            else
            {
                UploadRepeated<float>(device, tensors[input.Name], [.. Ordinary(input.Shape.Count)]);
            }
        }
    }

    // Not zeros: a CPU's multiplier is slow on denormal numbers and fast on none, so the values must be ordinary. A multiple of 97 numbers and of four.
    private static IEnumerable<float> Ordinary(long count) => Enumerable.Range(0, (int)Math.Min(count, 97 << 14)).Select(i => 0.5f - i % 97 / 97f);

    private static void UploadRepeated<T>(GpuDevice device, Tensor tensor, T[] values) where T : unmanaged
    {
        var size = tensor.Bytes / tensor.Shape.Count;
        for (long at = 0; at < tensor.Shape.Count; at += values.Length)
        {
            var count = (int)Math.Min(values.Length, tensor.Shape.Count - at);
            device.Transfer.Upload<T>(tensor.View.Slice(at * size, count * size), values.AsSpan(0, count));
        }
    }
}
