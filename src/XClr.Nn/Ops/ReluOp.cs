using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>y = max(x, 0) where no other op applies it. All tensors of one shape [...,C], C a multiple of 4, fp32.</summary>
public static class ReluOp
{
    private static readonly Kernel<FlatParams> Fwd = new("pointwise/relu_fwd", reads: 1, writes: 1);
    private static readonly Kernel<FlatParams> FwdWord = new("pointwise/relu_fwd_word", reads: 1, writes: 1, texels: 1);
    private static readonly Kernel<FlatParams> Bwd = new("pointwise/relu_bwd", reads: 2, writes: 1);
    private static readonly Kernel<FlatParams> BwdWord = new("pointwise/relu_bwd_word", reads: 2, writes: 1, texels: 2);

    /// <summary>y = x where x > 0, else 0; NaN stays NaN. y may be x.</summary>
    public static void Forward(Recorder gpu, Tensor x, Tensor y) => FlatWork.Dispatch(gpu, Fwd, FwdWord, [x], y);

    /// <summary>dx = dy where y > 0, else 0 (torch's choice at 0). dx may be dy.</summary>
    public static void Backward(Recorder gpu, Tensor dy, Tensor y, Tensor dx) => FlatWork.Dispatch(gpu, Bwd, BwdWord, [dy, y], dx);
}
