namespace XClr.Gpu;

/// <summary>What slow devices of a kind reach: how long work may take as long as none was measured.</summary>
/// <param name="Flops">Floating-point operations per second.</param>
/// <param name="MatrixFlops">The same of kernels with cooperative matrices.</param>
/// <param name="Bytes">Bytes of memory traffic per second.</param>
/// <param name="SubmitSeconds">What one vkQueueSubmit may take: watchdogs of about 2 s are common, drivers for the CPU have none.</param>
internal readonly record struct SlowDevice(double Flops, double MatrixFlops, double Bytes, double SubmitSeconds)
{
    private const uint Nvidia = 0x10DE;

    public static SlowDevice Of(DeviceCaps caps) => caps.Kind switch
    {
        // Where NVIDIA's driver reports matrices the device has units for them; other vendors' drivers may emulate them.
        GpuKind.Discrete => new(0.5e12, caps.VendorId == Nvidia ? 10e12 : 0.5e12, 100e9, 0.5),
        GpuKind.Cpu => new(5e9, 5e9, 1e9, 10),
        _ => new(100e9, 100e9, 10e9, 0.5),
    };

    /// <summary>Seconds that one execution of the dispatch takes there; above 0.</summary>
    public double Seconds(Dispatch dispatch) => Math.Max(1e-9, Math.Max(dispatch.Flops / (dispatch.Kernel.OnMatrices ? MatrixFlops : Flops), dispatch.Bytes / Bytes));
}
