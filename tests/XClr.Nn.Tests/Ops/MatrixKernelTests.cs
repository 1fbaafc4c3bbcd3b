using XClr.Bench;
using XClr.Gpu;

namespace XClr.Nn.Tests.Ops;

/// <summary>The micro-kernel on cooperative matrices, which measures a device's matrix peak, against sums in double precision.</summary>
public class MatrixKernelTests
{
    [SkippableTheory, EachDevice]
    public void Products_agree_with_double_precision(string name)
    {
        lock (TestDevices.Gate)
        {
            var device = TestDevices.Get(name);
            var shapes = MatrixKernel.Shapes(device.Caps);
            Skip.If(shapes.Count == 0, $"{name} has no cooperative matrices");
            foreach (var shape in shapes)
            {
                Compare(device, shape, groups: 1, steps: 1);
                Compare(device, shape, groups: 3, steps: 7);
                Compare(device, shape, groups: 67, steps: 13);
            }
            TestDevices.RequireSilence(device);
        }
    }

    [SkippableTheory, EachDevice]
    public void The_peak_is_measured_where_there_are_matrices_and_null_elsewhere(string name)
    {
        lock (TestDevices.Gate)
        {
            var device = TestDevices.Get(name);
            var peak = MatrixKernel.Measure(device);
            Assert.Equal(MatrixKernel.Shapes(device.Caps).Count > 0, peak > 0.1);
            TestDevices.RequireSilence(device);
        }
    }

    private static void Compare(GpuDevice device, CooperativeMatrixShape shape, int groups, int steps)
    {
        var random = new Random(groups + steps);
        // Of eight digits: exact in fp16 and bf16.
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-255, 256) / 256f)];
        var (m, n, k) = (shape.M, shape.N, shape.K);
        var (a, b) = (Values(PeakKernels.MatrixRows * m * k), Values(PeakKernels.MatrixColumns * k * n));
        var found = MatrixKernel.Run(device, shape, a, b, groups, steps);
        Assert.Equal(0, found.Length % (groups * m * n));
        Assert.NotEmpty(found);
        for (var at = 0; at < found.Length; at++)
        {
            var (row, column, sum, size) = (at / n % m, at % n, 0.0, 0.0);
            for (var i = 0; i < PeakKernels.MatrixRows; i++)
            {
                for (var j = 0; j < PeakKernels.MatrixColumns; j++)
                {
                    for (var inner = 0; inner < k; inner++)
                    {
                        var product = (double)a[(i * m + row) * k + inner] * (double)b[(j * k + inner) * n + column];
                        sum += steps * product;
                        size += steps * Math.Abs(product);
                    }
                }
            }
            // Products are exact in fp32; each of the at most steps*k + 8 additions rounds by 2^-24 of a partial sum, which |products| bound (2^-23 where hardware truncates).
            var tolerance = (steps * k + 8) * Math.Pow(2, -23) * size;
            Assert.True(Math.Abs(found[at] - sum) <= tolerance, $"{shape.M}x{shape.N}x{shape.K}, element {at}: {found[at]}, expected {sum} within {tolerance}");
        }
    }
}
