namespace XClr.Nn.Ops;

/// <summary>
/// A normalisation that an op applies to its result before it stores it: sum * Scale[k] + Shift[k], then what is added to it, then ReLU if asked for. Scale, Shift: [K]. This is how inference
/// folds batch norm into the convolution before it (<see cref="BatchNormOp.InferScaleShift"/>).
/// </summary>
public sealed record NormOnStore(Tensor Scale, Tensor Shift, bool Relu)
{
    /// <summary>NORM of the shaders.</summary>
    internal uint Kind => Relu ? 4u : 3u;

    internal void Require(int channels)
    {
        Shape.Require([channels], Scale);
        Shape.Require([channels], Shift);
    }
}
