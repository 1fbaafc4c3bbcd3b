namespace XClr.Gpu;

/// <summary>What a device reaches at best, measured on it: the roof under which its kernels are judged.</summary>
/// <param name="GigabytesPerSecond">A copy of buffers larger than caches: 10^9 bytes per second, read and written.</param>
/// <param name="GigaflopsPerSecond">fp32 multiply-adds on registers: 10^9 operations per second, a multiply-add counting two.</param>
/// <param name="MatrixGigaflopsPerSecond">The same of cooperative matrices; null where the device has none.</param>
/// <param name="Measured">When.</param>
public sealed record DevicePeaks(double GigabytesPerSecond, double GigaflopsPerSecond, double? MatrixGigaflopsPerSecond, DateTimeOffset Measured)
{
    /// <summary>The arithmetic peak of a kernel: of matrices for those that use them, of plain multiply-adds else.</summary>
    public double ArithmeticOf(Kernel kernel) => kernel.OnMatrices && MatrixGigaflopsPerSecond is { } matrix ? matrix : GigaflopsPerSecond;

    /// <summary>The least nanoseconds that work of this size can take: those of its arithmetic or of its memory traffic, whichever are more.</summary>
    public double LeastNs(Kernel kernel, double flops, double bytes) => Math.Max(flops / ArithmeticOf(kernel), bytes / GigabytesPerSecond);
}
