using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>Mean over an image's pixels. x: [N,H,W,C], fp32, fp16 or bf16; y: [N,C], fp32; C a multiple of 4.</summary>
public static class GlobalAvgPoolOp
{
    private readonly record struct PoolParams(uint N, uint Pixels, uint Quads);

    private static readonly KernelVariants<PoolParams> Fwd = new("pool/globalavgpool_fwd", reads: 1, writes: 1, texels: 1);
    private static readonly KernelVariants<PoolParams> Bwd = new("pool/globalavgpool_bwd", reads: 1, writes: 1, texels: 1);

    /// <summary>y[n] = mean of x[n] over its pixels.</summary>
    public static void Forward(Recorder gpu, Tensor x, Tensor y) => Dispatch(gpu, Fwd, x, y, image => ([image.Image], [image.Vector]));

    /// <summary>dx[n] = dy[n] / (H W) at every pixel.</summary>
    public static void Backward(Recorder gpu, Tensor dy, Tensor dx) => Dispatch(gpu, Bwd, dx, dy, image => ([image.Vector], [image.Image]));

    private static void Dispatch(Recorder gpu, KernelVariants<PoolParams> kernels, Tensor image, Tensor vector, Func<(Tensor Image, Tensor Vector), (BufferView[] Reads, BufferView[] Writes)> bind)
    {
        var (n, h, w, c) = image.Shape.AsNhwc();
        RowWork.Require2D(image);
        Shape.Require([n, c], vector);
        RowWork.RequireSingle(vector);
        var kernel = kernels.For(gpu, RowWork.Storage(image));
        foreach (var (start, count) in gpu.RowRuns(image, vector))
        {
            var (reads, writes) = bind((image.Rows(start, count), vector.Rows(start, count)));
            gpu.Dispatch(kernel, CeilDiv((long)count * (c / 4), RowWork.Lanes(gpu)), new((uint)count, (uint)(h * w), (uint)c / 4),
                reads, writes, new DispatchCost((double)count * h * w * c), $"{count}x{h}x{w}x{c}");
        }
    }
}
