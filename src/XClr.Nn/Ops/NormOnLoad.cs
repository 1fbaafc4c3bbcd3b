namespace XClr.Nn.Ops;

/// <summary>
/// A normalisation that an op applies to x where it loads it: x * Scale[c] + Shift[c], then ReLU if asked for. Scale, Shift: [C]. A convolution's padding stays zero.
/// </summary>
public sealed record NormOnLoad(Tensor Scale, Tensor Shift, bool Relu)
{
    /// <summary>PROLOGUE of the shaders (NORM of the convolution's).</summary>
    internal static uint KindOf(NormOnLoad? prologue) => prologue switch { null => 0u, { Relu: false } => 1u, _ => 2u };

    internal void Require(int channels)
    {
        Shape.Require([channels], Scale);
        Shape.Require([channels], Shift);
    }
}
