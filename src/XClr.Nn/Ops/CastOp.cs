using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>y = x rounded to fp16. x: [...,C] fp32, y: the same shape in fp16, C a multiple of 4. Values beyond 65,504 become infinite.</summary>
public static class CastOp
{
    private static readonly Kernel<FlatParams> Fwd = new("pointwise/cast_fwd_f16", reads: 1, writes: 1);
    private static readonly Kernel<FlatParams> FwdWord = new("pointwise/cast_fwd_word_f16", reads: 1, writes: 1, texels: 1);

    /// <summary>x in a new fp16 tensor.</summary>
    public static Tensor ToHalf(Recorder gpu, Tensor x)
    {
        var y = gpu.NewTensor($"{x.Name}.half", x.Shape, type: DType.Float16);
        Forward(gpu, x, y);
        return y;
    }

    /// <summary>y = x.</summary>
    /// <exception cref="ShapeException">y is not fp16, or x not fp32.</exception>
    public static void Forward(Recorder gpu, Tensor x, Tensor y)
    {
        RowWork.RequireSingle(x);
        if (RowWork.Storage(y) != DType.Float16)
        {
            throw new ShapeException($"'{y.Name}' is stored as {y.Type}; a cast writes Float16.");
        }
        FlatWork.Dispatch(gpu, Fwd, FwdWord, [x], y);
    }
}
