using System.Text;

namespace XClr.Gpu;

/// <summary>
/// Whether a device's cooperative matrices are worth having. Some drivers report them where the hardware has no units for them and emulate them, up to a thousand times slower than plain multiply-adds (docs/decisions.md), so
/// both are measured: once per device and driver, some milliseconds, when a plan first wants matrices. Kept in a text file beside the pipeline cache.
/// </summary>
internal static class MatrixTrial
{
    private const int FmaInvocations = 1 << 16, Groups = 1024, Runs = 3;

    // One run is enough where it takes this long; what an emulation makes of the first one must be far from any watchdog's limit.
    private const double EnoughNs = 3e5, FirstFlops = 1e9, MostFlops = 1e12, Growth = 8;
    private const ushort One = 0x3c00;

    /// <summary>Measures now: false where products of matrices are wrong, or slower than multiply-adds; null where the device gives no times, or multiplies no fp16.</summary>
    public static bool? Run(GpuDevice device)
    {
        if (device.Caps.HalfMatrixShapes.MaxBy(s => s.M * s.N * s.K) is not { } shape)
        {
            return null;
        }
        using var sums = new GpuBuffer("trial_sums", 4L * FmaInvocations, MemoryCategory.Workspace);
        var plain = Rate(device, flops =>
        {
            var rounds = Math.Ceiling(flops / ((double)FmaInvocations * PeakKernels.FmaFlopsPerRound));
            return Built(device, gpu => gpu.Dispatch(PeakKernels.Fma, FmaInvocations / 64, new PeakKernels.FmaParams(FmaInvocations, (uint)rounds, 0.5f, 1), [], [sums], new DispatchCost(rounds * FmaInvocations * PeakKernels.FmaFlopsPerRound)));
        });
        return plain is { } speed ? Pays(device, shape, speed) : null;
    }

    /// <summary>What is kept of an earlier trial; null: nothing.</summary>
    public static bool? Read(DeviceCaps caps, string? folder)
    {
        try
        {
            return folder is not null && File.Exists(FileOf(caps, folder)) && File.ReadAllText(FileOf(caps, folder)).Split(' ') is [var code, var verdict] && code == Code && bool.TryParse(verdict, out var pays) ? pays : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Tried again.
            return null;
        }
    }

    /// <summary>Keeps what a trial said.</summary>
    public static void Write(DeviceCaps caps, string folder, bool pays) => CacheFile.TryReplace(FileOf(caps, folder), Encoding.UTF8.GetBytes($"{Code} {pays}"));

    private static string Code => ShaderLibrary.Hash(PeakKernels.HalfMatrices.Name);

    private static string FileOf(DeviceCaps caps, string folder) => Path.Combine(folder, $"matrices-{caps.FileKey}-{caps.DriverVersion:x}.txt");

    /// <summary>Whether products of matrices of this shape are right and at least as fast as <paramref name="plain"/> floating-point operations per nanosecond; null where the device gives no times. All values are one, so that every sum is a whole number that fp32 holds.</summary>
    internal static bool? Pays(GpuDevice device, CooperativeMatrixShape shape, double plain)
    {
        var subgroups = PeakKernels.MatrixInvocations / device.Caps.MatrixSubgroupSize;
        using var a = new GpuBuffer("trial_a", 2L * PeakKernels.MatrixRows * shape.M * shape.K, MemoryCategory.Inputs);
        using var b = new GpuBuffer("trial_b", 2L * PeakKernels.MatrixColumns * shape.K * shape.N, MemoryCategory.Inputs);
        using var c = new GpuBuffer("trial_c", 4L * Groups * subgroups * shape.M * shape.N, MemoryCategory.Outputs);
        using var count = new GpuBuffer("trial_subgroups", 4, MemoryCategory.Outputs);
        foreach (var operand in new[] { a, b })
        {
            device.Transfer.Upload<ushort>(operand, [.. Enumerable.Repeat(One, (int)operand.Bytes / 2)]);
        }
        var flopsPerStep = Groups * PeakKernels.MatrixFlopsPerStep(shape, subgroups);
        var steps = 0u;
        var kernel = PeakKernels.HalfMatrices.With((uint)shape.M, (uint)shape.N, (uint)shape.K);
        var matrices = Rate(device, flops =>
        {
            steps = (uint)Math.Ceiling(flops / flopsPerStep);
            return Built(device, gpu => gpu.Dispatch(kernel, Groups, new PeakKernels.MatrixParams(Groups, steps), [a, b], [c, count], new DispatchCost((double)steps * flopsPerStep)));
        });
        var sum = (float)steps * PeakKernels.MatrixRows * PeakKernels.MatrixColumns * shape.K;
        return matrices is { } speed ? speed >= plain && device.Transfer.Download(c, shape.M * shape.N).All(v => v == sum) : null;
    }

    private static Plan Built(GpuDevice device, Action<Recorder> record)
    {
        var gpu = new Recorder(device.Caps);
        record(gpu);
        return Plan.Build(device, gpu, new PlanOptions { Timing = PlanTiming.Step });
    }

    // Floating-point operations per nanosecond of work that grows until it takes long enough, the fastest of several runs; null where the device gives no times.
    private static double? Rate(GpuDevice device, Func<double, Plan> build)
    {
        for (var flops = FirstFlops; ; flops *= Growth)
        {
            using var plan = build(flops);
            var best = double.PositiveInfinity;
            for (var run = 0; run < Runs; run++)
            {
                plan.Run();
                if (plan.ReadStepNs() is not { } ns || ns <= 0)
                {
                    return null;
                }
                best = Math.Min(best, ns);
            }
            if (best >= EnoughNs || flops >= MostFlops)
            {
                return plan.Layout.Flops / best;
            }
        }
    }
}
