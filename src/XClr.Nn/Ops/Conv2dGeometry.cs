using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>
/// Shapes of one 2-D convolution. x: [N,H,W,C], w: [R,S,C,K], y: [N,OH,OW,K]; C and K are multiples of 4. Stride and padding (in pixels, zeros on every side)
/// are the same in both directions.
/// </summary>
public readonly record struct ConvGeometry(int N, int H, int W, int C, int K, int R, int S, int Stride, int Pad)
{
    /// <summary>Output height in pixels.</summary>
    public int OH => (H + 2 * Pad - R) / Stride + 1;

    /// <summary>Output width in pixels.</summary>
    public int OW => (W + 2 * Pad - S) / Stride + 1;

    /// <summary>Output pixels: the rows of the implicit product.</summary>
    public long M => (long)N * OH * OW;

    /// <summary>s where only pixels of x whose row and column are multiples of s are read, as by a 1x1 convolution of stride s without padding; else 1.</summary>
    public int ReachedEvery => R == 1 && S == 1 && Pad == 0 ? Stride : 1;

    /// <summary>Whether rows of x are those of y: one tap, nothing strided or padded.</summary>
    public bool IsPlain => this is { R: 1, S: 1, Stride: 1, Pad: 0 };

    public Shape X => new(N, H, W, C);
    public Shape Weights => new(R, S, C, K);
    public Shape Y => new(N, OH, OW, K);

    public override string ToString() => $"{N}x{H}x{W}x{C} k{K} {R}x{S} s{Stride} p{Pad}";

    /// <summary>Throws unless the geometry describes a convolution that the kernels compute.</summary>
    /// <exception cref="ShapeException">A dimension is not positive, channels are no multiple of 4, or the kernel exceeds the padded image.</exception>
    public void Require()
    {
        if (Math.Min(Math.Min(Math.Min(N, H), Math.Min(W, C)), Math.Min(Math.Min(K, R), Math.Min(S, Stride))) <= 0 || Pad < 0)
        {
            throw new ShapeException($"Convolution {this}: dimensions and stride must be positive, padding must not be negative.");
        }
        if (C % 4 != 0 || K % 4 != 0)
        {
            throw new ShapeException($"Convolution {this}: C = {C} and K = {K} must be multiples of 4 (pad channels with zeros).");
        }
        if (H + 2 * Pad < R || W + 2 * Pad < S)
        {
            throw new ShapeException($"Convolution {this}: the kernel is larger than the padded image {H + 2 * Pad}x{W + 2 * Pad}.");
        }
    }
}

/// <summary>
/// Statistics of y for the batch normalisation that follows, from the values as stored: Partials [B,2,K] holds per block of <see cref="RowsPerBlock"/> rows
/// (the last one has the rest) and channel the mean and M2, the sum of squared deviations from that mean. Which rows form a block is the kernel's choice:
/// neighbours in memory, or (for CPU drivers) one pixel of many images.
/// </summary>
public sealed record ConvEpilogue(Tensor Partials)
{
    /// <summary>Rows (pixels of y) of one block: the rows of one workgroup's tile.</summary>
    public static int RowsPerBlock(DeviceCaps caps) => caps.CpuKernels ? Conv2dKernels.WordRows : Conv2dKernels.TileRows;

    /// <summary>[B,2,K] for a convolution on a device.</summary>
    public static Shape PartialsShape(DeviceCaps caps, ConvGeometry g) => new(checked((int)OpMath.CeilDiv(g.M, RowsPerBlock(caps))), 2, g.K);

    /// <summary>Whether the rows of a block are pixels of many images in turn, and not neighbours in memory.</summary>
    public static bool IsImagesFastest(DeviceCaps caps, DType storage) => caps.CpuKernels && !Conv2dKernels.HasLaneRows(caps, storage);

    /// <summary>The partials as <see cref="BatchNormOp"/> takes them.</summary>
    public RowStatistics ToStatistics(DeviceCaps caps) => new(Partials, RowsPerBlock(caps));
}
