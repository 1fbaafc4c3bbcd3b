using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// Linear layer y = x w + bias, fp32 (products also fp16 or bf16; with a bias y and dy are fp32). x, dx: [M,C], w, dw: [C,K] (a 1x1 convolution's weights: K fastest), bias, dbias: [K], y, dy: [M,K]; C and K multiples of 4.
/// The products are 1x1 convolutions over M images of one pixel; on GPUs those of deep fp32 sums and few tiles are computed as weight gradients, whose sums are shared out.
/// </summary>
public static class LinearOp
{
    private readonly record struct BiasParams(uint M, uint K4);
    private readonly record struct BwdBiasParams(uint M, uint K4, uint Blocks, uint FirstBlock);

    private static readonly Kernel<BiasParams> BiasFwd = new("gemm/linear_bias_fwd", reads: 1, writes: 1);
    private static readonly Kernel<BwdBiasParams> BwdBias = new("gemm/linear_bwd_bias", reads: 1, writes: 1);

    /// <summary>y = x w, plus bias where it is given.</summary>
    public static void Forward(Recorder gpu, Tensor x, Tensor w, Tensor? bias, Tensor y)
    {
        var g = Geometry(x, w, y);
        if (bias is not null)
        {
            Shape.Require([g.K], bias);
            RowWork.RequireSingle(y);
            foreach (var (start, count) in gpu.RowRuns(y))
            {
                gpu.Dispatch(BiasFwd, CeilDiv((long)count * g.K / 4, 64), new((uint)count, (uint)g.K / 4), reads: [bias], writes: [y.Rows(start, count)], detail: $"{count}x{g.K}");
            }
        }
        if (SharesDepth(gpu, y, g.C))
        {
            BackwardWeight(gpu, Transposed(gpu, x), w, y, accumulate: bias is not null);
            return;
        }
        Conv2dOp.Forward(gpu, Pixels(x), Taps(w), Pixels(y), g, accumulate: bias is not null);
    }

    /// <summary>dx = dy w^T.</summary>
    public static void BackwardData(Recorder gpu, Tensor dy, Tensor w, Tensor dx)
    {
        var g = Geometry(dx, w, dy);
        if (SharesDepth(gpu, dx, g.K))
        {
            BackwardWeight(gpu, Transposed(gpu, dy), Transposed(gpu, w), dx);
            return;
        }
        Conv2dOp.BackwardData(gpu, Pixels(dy), Taps(w), Pixels(dx), g);
    }

    /// <summary>dw = x^T dy, added to dw with <paramref name="accumulate"/>.</summary>
    public static void BackwardWeight(Recorder gpu, Tensor x, Tensor dy, Tensor dw, bool accumulate = false) =>
        Conv2dOp.BackwardWeight(gpu, Pixels(x), Pixels(dy), Taps(dw), Geometry(x, dw, dy), accumulate: accumulate);

    /// <summary>dbias[k] = sum of dy[m,k] over m, in two passes of a fixed order, added to dbias with <paramref name="accumulate"/>.</summary>
    public static void BackwardBias(Recorder gpu, Tensor dy, Tensor dbias, bool accumulate = false)
    {
        var (_, k) = dy.Shape.As2D();
        Shape.Require([k], dbias);
        Shape.Require([-1, k], dy);
        RowWork.RequireSingle(dy);
        var runs = gpu.RowRuns(dy).Select(r => (r.Start, r.Count, Blocks: (int)CeilDiv(r.Count, RowsPerBlock))).ToList();
        var parts = gpu.NewTensor($"{dbias.Name}.parts", new Shape(runs.Sum(r => r.Blocks), k), MemoryCategory.Workspace);
        var first = 0;
        foreach (var (start, count, blocks) in runs)
        {
            gpu.Dispatch(BwdBias, CeilDiv((long)blocks * k / 4, 64), new((uint)count, (uint)k / 4, (uint)blocks, (uint)first),
                reads: [dy.Rows(start, count)], writes: [parts], new DispatchCost((double)count * k), $"{count}x{k}");
            first += blocks;
        }
        SumPartsOp.Forward(gpu, parts, dbias, accumulate);
    }

    // Whether a product of so deep a sum has so few tiles that a GPU's cores would wait for them, and each long: then it is computed as a weight gradient, whose sum is shared out. On matrices such tiles are quick as they are.
    private static bool SharesDepth(Recorder gpu, Tensor y, int depth)
    {
        var (m, k) = y.Shape.As2D();
        return !gpu.Caps.CpuKernels && y.Type == DType.Float32 && m % 4 == 0 && depth >= DeepSum && CeilDiv(m, Conv2dKernels.TileRows) * CeilDiv(k, Conv2dKernels.TileColumns) < FewTiles;
    }

    private const int DeepSum = 512, FewTiles = 256;

    private static Tensor Transposed(Recorder gpu, Tensor x)
    {
        var (m, c) = x.Shape.As2D();
        return Conv2dKernels.TransposeTaps(gpu, Taps(x), 1, 1, Conv2dKernels.TapOrder.Single).Reshape(c, m);
    }

    /// <summary>Rows that one invocation of the bias gradient adds.</summary>
    private const int RowsPerBlock = 32;

    private static ConvGeometry Geometry(Tensor x, Tensor w, Tensor y)
    {
        var (m, c) = x.Shape.As2D();
        var (_, k) = w.Shape.As2D();
        Shape.Require([m, c], x);
        Shape.Require([c, k], w);
        Shape.Require([m, k], y);
        return new ConvGeometry(m, 1, 1, c, k, 1, 1, 1, 0);
    }

    private static Tensor Pixels(Tensor x) => x.Reshape(x.Shape[0], 1, 1, x.Shape[1]);

    private static Tensor Taps(Tensor w) => w.Reshape(1, 1, w.Shape[0], w.Shape[1]);
}
