using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>
/// Makes views of 8-bit images: crop, resize, flip, colour jitter, greyscale, blur, solarise, normalise, with the semantics of torchvision 0.14
/// on float tensors (bicubic overshoot is not clipped). What differs per view lies in a table, so one plan serves every step.
/// </summary>
public static class AugmentOp
{
    private const int StripRows = 8;
    private const int GreyChunk = 2048;
    private const int ColourChunk = 1024;
    private const int Lanes = 64;

    private readonly record struct ImageParams(uint First, uint N, uint Size);

    private readonly record struct ColourParams(uint First, uint N, uint Size, uint Radius, float MeanR, float MeanG, float MeanB, float StdR, float StdG, float StdB);

    private readonly record struct BlurParams(ColourParams Colour, uint Last);

    private static readonly Kernel<ImageParams> Resize = new("augment/resize_fwd", reads: 2, writes: 1);
    private static readonly Kernel<ImageParams> Grey = new("augment/grey_fwd", reads: 2, writes: 1);
    private static readonly KernelVariants<ColourParams> Colour = new("augment/colour_fwd", reads: 2, writes: 2, texels: 0, hasWord: false);
    private static readonly KernelVariants<BlurParams> Blur = new("augment/blur_fwd", reads: 2, writes: 1, texels: 0, hasWord: false);

    /// <summary>
    /// Makes the views. The rows of the table must have passed <see cref="AugmentEntry.Require(long, AugmentSpec)"/>: shaders do not check.
    /// </summary>
    /// <param name="gpu">Records the dispatches.</param>
    /// <param name="ring">Bytes of the source images, as UInt32 words [*]; must fit in one binding.</param>
    /// <param name="table">UInt32 [V, <see cref="AugmentEntry.Words"/>]: one row per view.</param>
    /// <param name="y">Views, normalised, [V,S,S,4], fp32, fp16 or bf16; the fourth channel is zero.</param>
    /// <param name="spec">Size, filter, normalisation.</param>
    public static void Forward(Recorder gpu, Tensor ring, Tensor table, Tensor y, AugmentSpec spec)
    {
        var views = y.Shape[0];
        Shape.Require([views, AugmentEntry.Words], table);
        Shape.Require([views, spec.Validated().Size, spec.Size, 4], y);
        RequireOneBinding(gpu, ring, "give the ring fewer or smaller slots");
        RequireOneBinding(gpu, table, "use a smaller batch");
        // In fp32, whatever the views are stored as.
        var x = gpu.NewTensor("resized", y.Shape, MemoryCategory.Workspace);
        foreach (var (start, count) in gpu.RowRuns(x, y))
        {
            ForwardRun(gpu, ring, table, x.Rows(start, count), y.Rows(start, count), spec, (uint)start);
        }
    }

    private static void ForwardRun(Recorder gpu, Tensor ring, Tensor table, Tensor x, Tensor y, AugmentSpec spec, uint first)
    {
        var (n, s, pixels) = (y.Shape[0], spec.Size, (long)spec.Size * spec.Size);
        var detail = $"{n}x{s}x{s}";
        var image = new ImageParams(first, (uint)n, (uint)s);
        var colour = new ColourParams(first, (uint)n, (uint)s, (uint)spec.BlurRadius, spec.Mean.X, spec.Mean.Y, spec.Mean.Z, spec.Std.X, spec.Std.Y, spec.Std.Z);

        var taps = spec.Filter == ResizeFilter.Bicubic ? 4 : 2;
        var resize = Resize.With(spec.Filter == ResizeFilter.Bicubic ? 1u : 0u);
        var groups = n * OpMath.CeilDiv(OpMath.CeilDiv(s, StripRows) * s, Lanes);
        gpu.Dispatch(resize, groups, image, reads: [ring, table], writes: [x], new DispatchCost(ResizeFlops(n * pixels, taps), x.Bytes + BoxBytes * n * pixels), detail);

        var chunks = OpMath.CeilDiv(pixels, GreyChunk);
        var grey = gpu.NewTensor("grey_sums", new Shape(n, (int)chunks), MemoryCategory.Workspace);
        gpu.Dispatch(Grey, n * chunks, image, reads: [table, x], writes: [grey], new DispatchCost(30.0 * n * pixels), detail);
        var storage = RowWork.Storage(y);
        gpu.Dispatch(Colour.Portable(storage), n * OpMath.CeilDiv(pixels, ColourChunk), colour, reads: [table, grey], writes: [x, y], new DispatchCost(60.0 * n * pixels, x.Bytes + y.Bytes), detail);
        if (spec.BlurRadius > 0)
        {
            var flops = 6.0 * (StripRows + 2 * spec.BlurRadius) * n * pixels;
            var blurred = gpu.NewTensor("blurred_columns", y.Shape, MemoryCategory.Workspace);
            gpu.Dispatch(Blur.Portable(DType.Float32), groups, new BlurParams(colour, Last: 0), reads: [table, x], writes: [blurred], new DispatchCost(flops, 2 * x.Bytes), detail);
            gpu.Dispatch(Blur.Portable(storage), groups, new BlurParams(colour, Last: 1), reads: [table, blurred], writes: [y], new DispatchCost(flops, x.Bytes + y.Bytes), detail);
        }
    }

    // Bytes of the source, per pixel of a view, in a box of colours twice the view's side.
    private const int BoxBytes = 2 * 2 * 3;

    // For such a box: horizontal sums (8 per pixel of weight and three channels) for 2.5 rows per output row, and 8 vertical
    // weights for each of those.
    private static double ResizeFlops(long pixels, int taps) => pixels * 2.5 * (2 * taps * 12 + StripRows * 12);

    private static void RequireOneBinding(Recorder gpu, Tensor tensor, string remedy)
    {
        if (tensor.Type != DType.UInt32 || tensor.View.Bytes > gpu.Caps.MaxStorageBufferRange)
        {
            throw new ShapeException(
                $"AugmentOp: '{tensor.Name}' {tensor.Shape} of {tensor.Type} must be UInt32 and at most {gpu.Caps.MaxStorageBufferRange} bytes (the device's maxStorageBufferRange); {remedy}.");
        }
    }
}
