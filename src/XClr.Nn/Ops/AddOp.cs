using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>y = a + b: a residual, or two gradients of one tensor. All tensors of one shape [...,C], C a multiple of 4, fp32.</summary>
public static class AddOp
{
    private static readonly Kernel<FlatParams> Fwd = new("pointwise/add_fwd", reads: 2, writes: 1);
    private static readonly Kernel<FlatParams> FwdWord = new("pointwise/add_fwd_word", reads: 2, writes: 1, texels: 2);

    /// <summary>y = a + b. y may be a or b. The gradient of a and of b is that of y itself, so there is no backward pass.</summary>
    public static void Forward(Recorder gpu, Tensor a, Tensor b, Tensor y) => FlatWork.Dispatch(gpu, Fwd, FwdWord, [a, b], y);
}
