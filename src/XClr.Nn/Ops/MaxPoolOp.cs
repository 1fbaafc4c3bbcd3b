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

    private static readonly KernelVariants<PoolParams> Fwd = new("pool/maxpool_fwd", reads: 3, writes: 2, texels: 3);
    private static readonly KernelVariants<PoolParams> Bwd = new("pool/maxpool_bwd", reads: 2, writes: 1, texels: 2);

    /// <summary>A tensor for the positions of the maxima of y [N,P,Q,C].</summary>
    public static Tensor NewArgmax(Recorder gpu, string name, Shape y)
    {
        var (n, p, q, c) = y.AsNhwc();
        return gpu.NewTensor(name, new Shape(n, p, q, c / 4), MemoryCategory.Activations, DType.UInt32);
    }

    /// <summary>y = maxima over the windows of x, which <paramref name="onLoad"/> normalises first. Without a backward pass argmax may be null.</summary>
    public static void Forward(Recorder gpu, Tensor x, PoolWindow window, Tensor y, Tensor? argmax = null, NormOnLoad? onLoad = null)
    {
        argmax ??= NewArgmax(gpu, "argmax", y.Shape);
        RequirePooled(x, window, y, argmax);
        onLoad?.Require(x.Shape[3]);
        var kernel = Fwd.For(gpu, RowWork.Storage(x, y)).With([.. Geometry(x, y, window), ChannelNorm.KindOf(onLoad)]);
        foreach (var (start, count) in gpu.RowRuns(x, y, argmax))
        {
            var pooled = y.Rows(start, count);
            var image = x.Rows(start, count);
            gpu.Dispatch(kernel, CeilDiv(pooled.Shape.Count / 4, RowWork.Lanes(gpu)), new((uint)count),
                reads: [image, onLoad?.Scale ?? RowWork.Unused(image), onLoad?.Shift ?? RowWork.Unused(image)], writes: [pooled, argmax.Rows(start, count)],
                new DispatchCost((double)pooled.Shape.Count * window.R * window.S), $"{x.Shape} {window.R}x{window.S}/{window.Stride}");
        }
    }

    /// <summary>dx = dy summed over the windows in which the pixel was the maximum; all of dx is written.</summary>
    public static void Backward(Recorder gpu, Tensor dy, Tensor argmax, PoolWindow window, Tensor dx)
    {
        RequirePooled(dx, window, dy, argmax);
        var (_, h, w, c) = dx.Shape.AsNhwc();
        // The CPU variant reads argmax sixteen channels at a time.
        var (storage, isWord) = (RowWork.Storage(dx, dy), gpu.Caps.CpuKernels && c % 16 == 0);
        var kernel = (isWord ? Bwd.Word(storage) : Bwd.Portable(storage)).With(Geometry(dx, dy, window));
        // Pixels of a lane, as in shaders/pool/maxpool_bwd.glsl.
        var blocks = !isWord && window.Stride == 2 ? CeilDiv(h + window.Pad, 2) * CeilDiv(w + window.Pad, 2) : (long)h * w;
        foreach (var (start, count) in gpu.RowRuns(dx, dy, argmax))
        {
            gpu.Dispatch(kernel, CeilDiv(count * blocks * (c / 4), isWord ? RowWork.Lanes(gpu) : 256), new((uint)count),
                reads: [dy.Rows(start, count), argmax.Rows(start, count)], writes: [dx.Rows(start, count)],
                new DispatchCost((double)count * dy.RowCount * window.R * window.S), $"{dx.Shape} {window.R}x{window.S}/{window.Stride}");
        }
    }

    /// <summary>The geometry, as the shaders' specialisation constants.</summary>
    private static uint[] Geometry(Tensor image, Tensor pooled, PoolWindow window)
    {
        var (_, h, w, c) = image.Shape.AsNhwc();
        var (_, p, q, _) = pooled.Shape.AsNhwc();
        return [(uint)h, (uint)w, (uint)c / 4, (uint)p, (uint)q, (uint)window.R, (uint)window.S, (uint)window.Stride, (uint)window.Pad];
    }

    private static void RequirePooled(Tensor image, PoolWindow window, Tensor pooled, Tensor argmax)
    {
        RowWork.Require2D(image);
        var (n, p, q, c) = window.Pooled(image.Shape).AsNhwc();
        Shape.Require([n, p, q, c], pooled);
        Shape.Require([n, p, q, c / 4], argmax);
    }
}
