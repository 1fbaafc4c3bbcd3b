using XClr.Gpu;

namespace XClr.Bench;

/// <summary>Measures a device's peaks by its own timestamps: the best of several runs, a second or two in all.</summary>
public static class PeakBench
{
    private const int Runs = 8, Rounds = 8, MaxRounds = 1 << 20, Invocations = 1 << 16;
    private const long CopyBytes = 256L << 20, SliceUnit = 4096;

    /// <summary>A timed run of multiply-adds should take at least this long.</summary>
    private const double EnoughNs = 2e7;

    private readonly record struct CopyParams(uint Count, uint Reps);

    private static readonly Kernel<CopyParams> Copy = new("bench/copy_peak", reads: 1, writes: 1);
    private static readonly Kernel<CopyParams> CopyWord = new("bench/copy_peak_word", reads: 1, writes: 1, texels: 1);

    /// <summary>Identifies the code that measures.</summary>
    internal static string CodeHash => string.Join('-', new[] { Copy.Name, CopyWord.Name, PeakKernels.Fma.Name, PeakKernels.HalfMatrices.Name, PeakKernels.BFloat16Matrices.Name }.Select(ShaderLibrary.Hash));

    /// <summary>Measures the peaks now.</summary>
    /// <exception cref="GpuException">The device has no timestamps.</exception>
    public static DevicePeaks Measure(GpuDevice device)
    {
        var copy = MeasureCopy(device, Copy);
        return new DevicePeaks(device.Caps.CpuKernels ? Math.Max(copy, MeasureCopy(device, CopyWord)) : copy, MeasureFma(device), MatrixKernel.Measure(device), DateTimeOffset.UtcNow);
    }

    // Back and forth, so that both buffers are really there; in slices where a binding may not cover a buffer.
    private static double MeasureCopy(GpuDevice device, Kernel<CopyParams> kernel)
    {
        var caps = device.Caps;
        var bytes = Math.Min(CopyBytes, Math.Min(caps.MaxMemoryAllocationSize, caps.DeviceLocalBytes / 16)) / SliceUnit * SliceUnit;
        var slice = Math.Min(bytes, Math.Min(caps.MaxStorageBufferRange, kernel.Texels > 0 ? caps.MaxTexelBufferBytes : long.MaxValue) / SliceUnit * SliceUnit);
        using var x = new GpuBuffer("copy_peak_x", bytes, MemoryCategory.Workspace);
        using var y = new GpuBuffer("copy_peak_y", bytes, MemoryCategory.Workspace);
        device.Place(x, y);
        using var plan = Plan.Build(device, device.Record(gpu =>
        {
            RecordCopy(gpu, kernel, x, y, slice);
            RecordCopy(gpu, kernel, y, x, slice);
        }), new PlanOptions { Timing = PlanTiming.Step });
        plan.Run();
        return 4.0 * bytes / BestNs(device, plan);
    }

    private static void RecordCopy(Recorder gpu, Kernel<CopyParams> kernel, GpuBuffer from, GpuBuffer to, long slice)
    {
        var (lanes, reps) = kernel.Texels > 0 ? (64L, 64L) : (256L, 4L);
        for (long at = 0; at < from.Bytes; at += slice)
        {
            var bytes = Math.Min(slice, from.Bytes - at);
            var quads = bytes / DeviceCaps.TexelBytes;
            gpu.Dispatch(kernel, (quads + lanes * reps - 1) / (lanes * reps), new CopyParams((uint)quads, (uint)reps), [from.Slice(at, bytes)], [to.Slice(at, bytes)]);
        }
    }

    private static double MeasureFma(GpuDevice device)
    {
        using var sums = new GpuBuffer("fma_peak_sums", 4L * Invocations, MemoryCategory.Workspace);
        device.Place(sums);
        for (var rounds = Rounds; ; rounds = Math.Min(MaxRounds, rounds * 4))
        {
            using var plan = Plan.Build(device, device.Record(gpu => gpu.Dispatch(PeakKernels.Fma, Invocations / 64, new PeakKernels.FmaParams(Invocations, (uint)rounds, 0.5f, 1), [], [sums])),
                new PlanOptions { Timing = PlanTiming.Step });
            plan.Run();
            if (BestNs(device, plan) is var ns && (ns >= EnoughNs || rounds == MaxRounds))
            {
                return (double)Invocations * PeakKernels.FmaFlopsPerRound * rounds / ns;
            }
        }
    }

    // The shortest of several runs.
    private static double BestNs(GpuDevice device, Plan plan)
    {
        var best = double.PositiveInfinity;
        for (var i = 0; i < Runs; i++)
        {
            plan.Run();
            best = Math.Min(best, plan.ReadStepNs() ?? throw new GpuException($"{device.Caps.Name} gives no timestamps, of which its peaks are read."));
        }
        return best > 0 ? best : throw new GpuException($"{device.Caps.Name}'s timestamps do not advance: its peaks cannot be measured.");
    }
}
