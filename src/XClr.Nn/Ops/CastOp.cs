using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>y = x rounded to 16 bits. x: [...,C] fp32, y: the same shape in fp16 or bf16, C a multiple of 4. Values beyond the largest (65,504; 3.39e38) become infinite.</summary>
public static class CastOp
{
    private static readonly Kernel<FlatParams> Half = new("pointwise/cast_fwd_f16", reads: 1, writes: 1);
    private static readonly Kernel<FlatParams> HalfWord = new("pointwise/cast_fwd_word_f16", reads: 1, writes: 1, texels: 1);
    private static readonly Kernel<FlatParams> BFloat16 = new("pointwise/cast_fwd_bf16", reads: 1, writes: 1);
    private static readonly Kernel<FlatParams> BFloat16Word = new("pointwise/cast_fwd_word_bf16", reads: 1, writes: 1, texels: 1);

    private readonly record struct WidenParams(uint Quads);

    private static readonly Kernel<WidenParams> Widen = new("pointwise/widen_fwd_f16", reads: 1, writes: 1);
    private static readonly Kernel<WidenParams> WidenBFloat16 = new("pointwise/widen_fwd_bf16", reads: 1, writes: 1);

    /// <summary>x, which is stored in 16 bits, in fp32: a new tensor. Not for CPU drivers.</summary>
    public static Tensor Widened(Recorder gpu, Tensor x)
    {
        var y = gpu.NewTensor($"{x.Name}.float32", x.Shape, MemoryCategory.Workspace);
        var quads = x.Shape.Count / 4;
        gpu.Dispatch(x.Type == DType.BFloat16 ? WidenBFloat16 : Widen, OpMath.CeilDiv(quads, 64), new((uint)quads), reads: [x], writes: [y], detail: $"{x.Shape}");
        return y;
    }

    /// <summary>x, which is fp32, in this storage: itself, or a new tensor of 16 bits.</summary>
    public static Tensor To(Recorder gpu, Tensor x, DType storage)
    {
        if (storage == DType.Float32)
        {
            return x;
        }
        var y = gpu.NewTensor($"{x.Name}.{storage.ToString().ToLowerInvariant()}", x.Shape, type: storage);
        Forward(gpu, x, y);
        return y;
    }

    /// <summary>y = x.</summary>
    /// <exception cref="ShapeException">y is neither fp16 nor bf16, or x not fp32.</exception>
    public static void Forward(Recorder gpu, Tensor x, Tensor y)
    {
        RowWork.RequireSingle(x);
        var (portable, word) = y.Type switch
        {
            DType.Float16 => (Half, HalfWord),
            DType.BFloat16 => (BFloat16, BFloat16Word),
            _ => throw new ShapeException($"'{y.Name}' is stored as {y.Type}; a cast writes Float16 or BFloat16."),
        };
        FlatWork.Dispatch(gpu, portable, word, [x], y);
    }
}
