namespace XClr.Nn.Ops;

/// <summary>A normalisation of channels that an op applies beside its own work, as v * Scale[c] + Shift[c], and a ReLU if asked for.</summary>
public abstract record ChannelNorm(Tensor Scale, Tensor Shift, bool Relu)
{
    /// <summary>NORM of the convolutions' shaders; PROLOGUE of the others.</summary>
    internal abstract uint Kind { get; }

    internal static uint KindOf(ChannelNorm? norm) => norm?.Kind ?? 0;

    internal void Require(int channels)
    {
        Shape.Require([channels], Scale);
        Shape.Require([channels], Shift);
    }
}

/// <summary>
/// A normalisation that an op applies to x where it loads it: x * Scale[c] + Shift[c], then ReLU if asked for. Scale, Shift: [C]. A convolution's padding stays zero.
/// </summary>
public sealed record NormOnLoad(Tensor Scale, Tensor Shift, bool Relu) : ChannelNorm(Scale, Shift, Relu)
{
    internal override uint Kind => Relu ? 2u : 1u;
}

/// <summary>
/// A normalisation that an op applies to its result before it stores it: sum * Scale[k] + Shift[k], then what is added to it, then ReLU if asked for. Scale, Shift: [K]. This is how inference
/// folds batch norm into the convolution before it (<see cref="BatchNormOp.InferScaleShift"/>).
/// </summary>
public sealed record NormOnStore(Tensor Scale, Tensor Shift, bool Relu) : ChannelNorm(Scale, Shift, Relu)
{
    internal override uint Kind => Relu ? 4u : 3u;
}
