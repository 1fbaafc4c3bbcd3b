using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>x = 0.</summary>
public static class ZeroOp
{
    private readonly record struct ZeroParams(uint Quads);

    private const int QuadBytes = 16;

    private static readonly Kernel<ZeroParams> Zero = new("pointwise/zero_update", reads: 0, writes: 1);

    /// <summary>Records zeros over a whole buffer of a multiple of 16 bytes.</summary>
    public static void Forward(Recorder gpu, GpuBuffer x)
    {
        var piece = gpu.Caps.MaxStorageBufferRange - gpu.Caps.MaxStorageBufferRange % Math.Max(QuadBytes, gpu.Caps.MinStorageBufferOffsetAlignment);
        for (long start = 0; start < x.Bytes; start += piece)
        {
            var quads = Math.Min(piece, x.Bytes - start) / QuadBytes;
            gpu.Dispatch(Zero, OpMath.CeilDiv(quads, 64), new ZeroParams((uint)quads), reads: [], writes: [x.Slice(start, quads * QuadBytes)], detail: $"{quads * 4}");
        }
    }
}
