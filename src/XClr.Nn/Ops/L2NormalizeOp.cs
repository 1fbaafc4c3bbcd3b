using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>z = x / max(|x|, 1e-12) per row (torch's normalize). x, z and gradients: [M,P], P a multiple of 4; norm: [M]. fp32.</summary>
public static class L2NormalizeOp
{
    private readonly record struct RowParams(uint M, uint Quads, float Eps);

    private static readonly Kernel<RowParams> Fwd = new("norm/l2normalize_fwd", reads: 1, writes: 2);
    private static readonly Kernel<RowParams> FwdWord = new("norm/l2normalize_fwd_word", reads: 1, writes: 2, texels: 1);
    private static readonly Kernel<RowParams> Bwd = new("norm/l2normalize_bwd", reads: 3, writes: 1);
    private static readonly Kernel<RowParams> BwdWord = new("norm/l2normalize_bwd_word", reads: 3, writes: 1, texels: 2);

    private const float Eps = 1e-12f;

    /// <summary>Writes z (may be x) and norm, the rows' lengths, which the backward pass needs.</summary>
    public static void Forward(Recorder gpu, Tensor x, Tensor z, Tensor norm)
    {
        var (m, p) = RequireRows(x, z, norm);
        foreach (var (start, count) in gpu.RowRuns(x, z, norm))
        {
            gpu.Dispatch(RowWork.Pick(gpu, Fwd, FwdWord), RowWork.RowGroups(gpu, count), new((uint)count, (uint)p / 4, Eps),
                reads: [x.Rows(start, count)], writes: [z.Rows(start, count), norm.Rows(start, count)], new DispatchCost(3.0 * count * p), $"{m}x{p}");
        }
    }

    /// <summary>dx = (dz - z (z . dz)) / |x|, from z and norm of the forward pass. dx may be dz.</summary>
    public static void Backward(Recorder gpu, Tensor dz, Tensor z, Tensor norm, Tensor dx)
    {
        var (m, p) = RequireRows(z, dz, norm);
        Shape.Require([m, p], dx);
        foreach (var (start, count) in gpu.RowRuns(z, dz, dx, norm))
        {
            gpu.Dispatch(RowWork.Pick(gpu, Bwd, BwdWord), RowWork.RowGroups(gpu, count), new((uint)count, (uint)p / 4, Eps),
                reads: [dz.Rows(start, count), z.Rows(start, count), norm.Rows(start, count)], writes: [dx.Rows(start, count)], new DispatchCost(5.0 * count * p), $"{m}x{p}");
        }
    }

    private static (int M, int P) RequireRows(Tensor x, Tensor other, Tensor norm)
    {
        var (m, p) = RowWork.Require2D(x);
        Shape.Require([m, p], x);
        Shape.Require([m, p], other);
        Shape.Require([m], norm);
        return (m, p);
    }
}
