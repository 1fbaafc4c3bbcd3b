using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>A pooling window of R x S pixels, moved by Stride, over an image padded by Pad on each side.</summary>
public readonly record struct PoolWindow(int R, int S, int Stride, int Pad)
{
    /// <summary>Shape [N,P,Q,C] of the pooled image of [N,H,W,C] (floor mode, as in torch).</summary>
    /// <exception cref="ShapeException">The window is empty, larger than 256 pixels or than the padded image, or padded by more than half its size.</exception>
    public Shape Pooled(Shape image)
    {
        var (n, h, w, c) = image.AsNhwc();
        if (R <= 0 || S <= 0 || Stride <= 0 || Pad < 0 || R * S > 256 || 2 * Pad > Math.Min(R, S) || R > h + 2 * Pad || S > w + 2 * Pad)
        {
            throw new ShapeException($"A pooling window of {R}x{S}, stride {Stride}, padding {Pad} does not suit {image}: at most 256 pixels, padding at most half the window, window within the padded image.");
        }
        return new Shape(n, (h + 2 * Pad - R) / Stride + 1, (w + 2 * Pad - S) / Stride + 1, c);
    }
}

/// <summary>
/// Max pooling. x: [N,H,W,C], y: [N,P,Q,C], C a multiple of 4, all fp32, all fp16 or all bf16; argmax: UInt32 [N,P,Q,C/4], a byte a channel, which pixel of the window was the maximum.
/// The first of equal maxima in row-major order gets the gradient, as in torch.
/// </summary>
public static class MaxPoolOp
{
    private readonly record struct PoolParams(uint N);
    private readonly record struct ReduceParams(uint M, uint RowsPerBlock, uint FirstBlock);
    private readonly record struct BwdParams(uint N, uint BlocksPerLane, float InverseCount);

    private static readonly KernelVariants<PoolParams> Fwd = new("pool/maxpool_fwd", reads: 3, writes: 2, texels: 3);
    private static readonly KernelVariants<ReduceParams> Reduce = new("pool/maxpool_bwd_reduce", reads: 7, writes: 1, texels: 7);
    private static readonly KernelVariants<BwdParams> Bwd = new("pool/maxpool_bwd", reads: 8, writes: 1, texels: 8);

    /// <summary>A tensor for the positions of the maxima of y [N,P,Q,C].</summary>
    public static Tensor NewArgmax(Recorder gpu, Shape y)
    {
        var (n, p, q, c) = y.AsNhwc();
        return gpu.NewTensor("argmax", new Shape(n, p, q, c / 4), MemoryCategory.Activations, DType.UInt32);
    }

    /// <summary>y = maxima over the windows of x, which <paramref name="onLoad"/> normalises first. Without a backward pass argmax may be null.</summary>
    public static void Forward(Recorder gpu, Tensor x, PoolWindow window, Tensor y, Tensor? argmax = null, NormOnLoad? onLoad = null)
    {
        argmax ??= NewArgmax(gpu, y.Shape);
        RequirePooled(x, window, y, argmax);
        onLoad?.Require(x.Shape[3]);
        var kernel = Fwd.For(gpu, RowWork.Storage(x, y)).With([.. Geometry(x, y, window), (uint)window.R, ChannelNorm.KindOf(onLoad)]);
        foreach (var (start, count) in gpu.RowRuns(x, y, argmax))
        {
            var pooled = y.Rows(start, count);
            var image = x.Rows(start, count);
            gpu.Dispatch(kernel, CeilDiv(pooled.Shape.Count / 4, RowWork.Lanes(gpu)), new((uint)count),
                reads: [image, onLoad?.Scale ?? RowWork.Unused(image), onLoad?.Shift ?? RowWork.Unused(image)], writes: [pooled, argmax.Rows(start, count)],
                new DispatchCost((double)pooled.Shape.Count * window.R * window.S), $"{x.Shape} {window.R}x{window.S}/{window.Stride}");
        }
    }

    /// <summary>
    /// Backward through the pool, and the batch norm and ReLU that its forward pass applied on load (<paramref name="norm"/>: of x, with what was applied in OnLoad): dx, the gradient of x, is written from the pooled image's
    /// gradient dy [N,P,Q,C], without one of the normalised image in between; dgamma, dbeta: [C] are written, or added to with <paramref name="accumulateParameters"/>.
    /// </summary>
    /// <exception cref="ShapeException">They were not applied on load.</exception>
    public static void Backward(Recorder gpu, Tensor dy, Tensor argmax, PoolWindow window, NormPass norm, Tensor dx, Tensor? dgamma = null, Tensor? dbeta = null, bool accumulateParameters = false)
    {
        var x = norm.X;
        var onLoad = norm.OnLoad is { Relu: true } applied ? applied : throw new ShapeException($"Max pooling of '{x.Name}': its backward pass is for a batch norm with ReLU that was applied where the pool loads.");
        RequirePooled(x, window, dy, argmax);
        Shape.Require(x.Shape.Dims, dx);
        var (_, h, w, c) = x.Shape.AsNhwc();
        onLoad.Require(c);
        Shape.Require([c], norm.Mean);
        Shape.Require([c], norm.InvStd);
        BufferView[] vectors = [onLoad.Scale, onLoad.Shift, norm.Mean, norm.InvStd];
        // The CPU variants read argmax sixteen channels at a time.
        var (storage, isWord) = (RowWork.Storage(x, dy, dx), gpu.Caps.CpuKernels && c % 16 == 0);
        var constants = Geometry(x, dy, window);
        var runs = gpu.RowRuns(x, dy, argmax, dx).ToList();

        var pooled = dy.Shape[1] * dy.Shape[2];
        var rowsPerBlock = RowWork.RowsPerBlock(gpu, (long)dy.Shape[0] * pooled, c / 4);
        int Blocks(int images) => (int)CeilDiv((long)images * pooled, rowsPerBlock);
        var partials = gpu.NewTensor($"{x.Name}.gradient_sums", new Shape(runs.Sum(r => Blocks(r.Count)), 2, c), MemoryCategory.Workspace);
        var (reduce, firstBlock) = ((isWord ? Reduce.Word(storage) : Reduce.Portable(storage)).With(constants), 0);
        foreach (var (start, count) in runs)
        {
            var m = (long)count * pooled;
            gpu.Dispatch(reduce, Groups(m, rowsPerBlock), new((uint)m, (uint)rowsPerBlock, (uint)firstBlock),
                reads: [dy.Rows(start, count), argmax.Rows(start, count), x.Rows(start, count), .. vectors], writes: [partials], new DispatchCost(6.0 * m * c), Detail());
            firstBlock += Blocks(count);
        }
        var sums = BatchNormOp.SumBlocks(gpu, partials, dgamma, dbeta, accumulateParameters);

        // Pixels of a block, as in shaders/pool/maxpool_bwd.glsl.
        var isBlock = !isWord && window.Stride == 2;
        var blocks = isBlock ? CeilDiv(h + window.Pad, 2) * CeilDiv(w + window.Pad, 2) : (long)h * w;
        var kernel = (isWord ? Bwd.Word(storage) : Bwd.Portable(storage)).With([.. constants, (uint)window.R]);
        foreach (var (start, count) in runs)
        {
            var perLane = (uint)CeilDiv(RowWork.RowsPerLane(gpu, (long)count * h * w, c / 4), isBlock ? 4 : 1);
            gpu.Dispatch(kernel, Groups(count * blocks, perLane), new((uint)count, perLane, 1f / ((float)x.Shape[0] * h * w)),
                reads: [dy.Rows(start, count), argmax.Rows(start, count), x.Rows(start, count), .. vectors, sums], writes: [dx.Rows(start, count)],
                new DispatchCost((double)count * (dy.RowCount * window.R * window.S + 7.0 * x.RowCount)), Detail());
        }

        long Groups(long rows, long perLane) => isWord ? RowWork.Groups(gpu, rows, c / 4, perLane) : CeilDiv(CeilDiv(rows, perLane) * (c / 4), 256);
        string Detail() => $"{x.Shape} {window.R}x{window.S}/{window.Stride}";
    }

    /// <summary>The geometry, as the shaders' specialisation constants 0 to 7.</summary>
    private static uint[] Geometry(Tensor image, Tensor pooled, PoolWindow window)
    {
        var (_, h, w, c) = image.Shape.AsNhwc();
        var (_, p, q, _) = pooled.Shape.AsNhwc();
        return [(uint)h, (uint)w, (uint)c / 4, (uint)p, (uint)q, (uint)window.S, (uint)window.Stride, (uint)window.Pad];
    }

    private static void RequirePooled(Tensor image, PoolWindow window, Tensor pooled, Tensor argmax)
    {
        RowWork.Require2D(image);
        var (n, p, q, c) = window.Pooled(image.Shape).AsNhwc();
        Shape.Require([n, p, q, c], pooled);
        Shape.Require([n, p, q, c / 4], argmax);
    }
}
