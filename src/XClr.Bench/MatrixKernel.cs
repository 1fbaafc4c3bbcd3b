using System.Diagnostics;
using XClr.Gpu;
using XClr.Nn;

namespace XClr.Bench;

/// <summary>Rate of a device's matrix units at one shape, with inputs of 16 bits and fp32 accumulators: 10^9 floating-point operations per second, a multiply-add counting two.</summary>
public sealed record MatrixRate(CooperativeMatrixShape Shape, double GigaflopsPerSecond);

/// <summary>
/// The matrix peak of a device: cooperative matrices (VK_KHR_cooperative_matrix) multiplied in registers, with many independent accumulators. See shaders/bench/matrix_fwd_coopmat.comp.
/// </summary>
public static class MatrixKernel
{
    private const int Rows = PeakKernels.MatrixRows, Columns = PeakKernels.MatrixColumns, Invocations = PeakKernels.MatrixInvocations, TimedGroups = 4096, Runs = 5, MaxSteps = 1 << 20;

    /// <summary>A timed run should take at least this long: longer than clocks' and submits' noise, shorter than any watchdog.</summary>
    private static readonly TimeSpan Enough = TimeSpan.FromMilliseconds(40);

    /// <summary>The shapes of a device that can be measured: fp16 or bf16 operands, sums in fp32.</summary>
    public static IReadOnlyList<CooperativeMatrixShape> Shapes(DeviceCaps caps) => [.. caps.HalfMatrixShapes, .. caps.BFloat16MatrixShapes];

    /// <summary>The best rate of all shapes, GFLOP/s; null where the device has no cooperative matrices.</summary>
    /// <exception cref="GpuException">The device computes wrong products.</exception>
    public static double? Measure(GpuDevice device) => MeasureAll(device) is { Count: > 0 } rates ? rates.Max(r => r.GigaflopsPerSecond) : null;

    /// <summary>The rates of all shapes; empty where the device has no cooperative matrices. A fraction of a second each.</summary>
    /// <exception cref="GpuException">The device computes wrong products.</exception>
    public static IReadOnlyList<MatrixRate> MeasureAll(GpuDevice device) => [.. Shapes(device.Caps).Select(s => new MatrixRate(s, Rate(device, s)))];

    /// <summary>Sum over i, j of steps * (a[i] * b[j]), once per subgroup. a: [R,M,K], b: [C,K,N] (<see cref="PeakKernels.MatrixRows"/>, <see cref="PeakKernels.MatrixColumns"/>), both rounded to the shape's type; result: [groups,subgroups,M,N].</summary>
    public static float[] Run(GpuDevice device, CooperativeMatrixShape shape, ReadOnlySpan<float> a, ReadOnlySpan<float> b, int groups, int steps)
    {
        using var work = new Work(device, shape, groups);
        work.Upload(a, b);
        using var plan = work.Build(steps);
        plan.Run();
        return work.Download();
    }

    private static Kernel<PeakKernels.MatrixParams> Specialised(CooperativeMatrixShape shape) => (IsBFloat16(shape) ? PeakKernels.BFloat16Matrices : PeakKernels.HalfMatrices).With((uint)shape.M, (uint)shape.N, (uint)shape.K);

    private static bool IsBFloat16(CooperativeMatrixShape shape) => shape.A == "bfloat16";

    private static ushort[] Rounded(CooperativeMatrixShape shape, ReadOnlySpan<float> values)
    {
        var bits = new ushort[values.Length];
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] = IsBFloat16(shape) ? BFloat16.Round(values[i]) : BitConverter.HalfToUInt16Bits((Half)values[i]);
        }
        return bits;
    }

    private static double Rate(GpuDevice device, CooperativeMatrixShape shape)
    {
        // Small multiples of 1/8: every product and sum is exact in fp32, so that the check below needs no tolerance.
        float[] a = [.. Enumerable.Range(0, Rows * shape.M * shape.K).Select(i => (i * 5 % 17 - 8) / 8f)];
        float[] b = [.. Enumerable.Range(0, Columns * shape.K * shape.N).Select(i => (i * 7 % 13 - 6) / 8f)];
        Check(device, shape, a, b);
        using var work = new Work(device, shape, TimedGroups);
        work.Upload(a, b);
        var steps = 1;
        var seconds = work.Seconds(steps, out var subgroups);
        for (; seconds < Enough.TotalSeconds && steps < MaxSteps; seconds = work.Seconds(steps, out _))
        {
            steps = (int)Math.Min(MaxSteps, steps * Math.Clamp(1.2 * Enough.TotalSeconds / seconds, 2, 8));
        }
        var best = Math.Min(seconds, Enumerable.Range(1, Runs - 1).Min(_ => work.Seconds(steps, out var _)));
        return (double)TimedGroups * steps * PeakKernels.MatrixFlopsPerStep(shape, subgroups) / best / 1e9;
    }

    // A driver that emulates matrices badly, or executes nothing, must not have its speed measured.
    private static void Check(GpuDevice device, CooperativeMatrixShape shape, float[] a, float[] b)
    {
        const int Steps = 3;
        var found = Run(device, shape, a, b, groups: 2, Steps);
        var (m, n, k) = (shape.M, shape.N, shape.K);
        for (var at = 0; at < found.Length; at++)
        {
            var (row, column, sum) = (at / n % m, at % n, 0.0);
            for (var inner = 0; inner < k; inner++)
            {
                sum += Enumerable.Range(0, Rows).Sum(i => (double)a[(i * m + row) * k + inner]) * Enumerable.Range(0, Columns).Sum(j => (double)b[(j * k + inner) * n + column]);
            }
            if (found[at] != Steps * sum)
            {
                throw new GpuException($"{device.Caps.Name} multiplies matrices of {m}x{n}x{k} wrongly: element [{row},{column}] is {found[at]}, not {Steps * sum}. XCLR_CAPS=cooperativeMatrix=0 goes without them.");
            }
        }
    }

    /// <summary>The kernel's buffers at one shape and number of workgroups.</summary>
    private sealed class Work(GpuDevice device, CooperativeMatrixShape shape, int groups) : IDisposable
    {
        private readonly GpuBuffer a = new("a", 2L * Rows * shape.M * shape.K, MemoryCategory.Inputs);
        private readonly GpuBuffer b = new("b", 2L * Columns * shape.K * shape.N, MemoryCategory.Inputs);
        private readonly GpuBuffer c = new("c", 4L * groups * (Invocations / device.Caps.MinSubgroupSize) * shape.M * shape.N, MemoryCategory.Outputs);
        private readonly GpuBuffer subgroups = new("subgroups", 4, MemoryCategory.Outputs);

        public void Upload(ReadOnlySpan<float> first, ReadOnlySpan<float> second)
        {
            device.Transfer.Upload<ushort>(a, Rounded(shape, first));
            device.Transfer.Upload<ushort>(b, Rounded(shape, second));
        }

        public Plan Build(int steps) => Plan.Build(
            device,
            device.Record(gpu => gpu.Dispatch(Specialised(shape), groups, new PeakKernels.MatrixParams((uint)groups, (uint)steps), [a, b], [c, subgroups], detail: $"{shape.M}x{shape.N}x{shape.K}")),
            new PlanOptions { Timing = PlanTiming.Step });

        public float[] Download() => device.Transfer.Download(c, groups * Subgroups() * shape.M * shape.N);

        /// <summary>Time of one run, by the device's clock where it has one, and the subgroups of a workgroup.</summary>
        public double Seconds(int steps, out int perGroup)
        {
            using var plan = Build(steps);
            var clock = Stopwatch.StartNew();
            plan.Run();
            var wall = clock.Elapsed.TotalSeconds;
            perGroup = Subgroups();
            return plan.ReadStepNs() is > 0 and var ns ? ns * 1e-9 : wall;
        }

        private int Subgroups()
        {
            Span<uint> count = [0];
            device.Transfer.Download(subgroups, count);
            return count[0] > 0 && count[0] <= Invocations / device.Caps.MinSubgroupSize
                ? (int)count[0]
                : throw new GpuException($"{device.Caps.Name} did not run {Specialised(shape).Name}: it left {count[0]} as the number of subgroups of {Invocations} invocations.");
        }

        public void Dispose()
        {
            foreach (var buffer in new[] { a, b, c, subgroups })
            {
                buffer.Dispose();
            }
        }
    }
}
