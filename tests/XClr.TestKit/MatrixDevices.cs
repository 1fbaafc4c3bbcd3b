using XClr.Gpu;
using XClr.Nn;
using Xunit;

namespace XClr.TestKit;

/// <summary>The test devices with cooperative matrices.</summary>
public static class MatrixDevices
{
    /// <summary>A device's caps without the kernels for CPU drivers, so that matrices are taken; skips the calling test where there are none.</summary>
    public static DeviceCaps Caps(string device)
    {
        var caps = TestDevices.Get(device).Caps;
        Skip.If(caps.HalfMatrixShapes.Count == 0, $"{device} has no cooperative matrices");
        return caps with { CpuKernels = false };
    }

    /// <summary>The storages that a device has matrices for.</summary>
    public static IEnumerable<DType> StoragesOf(string device) => StoredValues.Halves.Where(storage => TakesMatrices(Caps(device), storage));

    public static bool TakesMatrices(DeviceCaps caps, DType storage) => !caps.CpuKernels && (storage == DType.Float16 ? caps.HalfMatrixShapes : caps.BFloat16MatrixShapes).Count > 0;
}
