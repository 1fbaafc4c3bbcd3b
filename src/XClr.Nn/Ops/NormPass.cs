namespace XClr.Nn.Ops;

/// <summary>
/// A training forward of a batch normalisation as its backward pass needs it: input X [...,C], State, Mean and InvStd [C], where a ReLU behind it finds its sign, and for that the output Y
/// (FromOutput), its signs Y (FromSigns; FromSignsAlone where the input was not stored, and X is the output), or what was applied on load (OnLoad).
/// </summary>
public sealed record NormPass(Tensor X, BatchNormState State, Tensor Mean, Tensor InvStd, ReluMask Mask, Tensor? Y = null, NormOnLoad? OnLoad = null)
{
    /// <summary>What the kernels read for gamma and beta; without affine parameters any [C], which they leave alone.</summary>
    internal Tensor Gamma => OnLoad?.Scale ?? State.Gamma ?? Mean;

    /// <inheritdoc cref="Gamma"/>
    internal Tensor Beta => OnLoad?.Shift ?? State.Beta ?? Mean;

    /// <summary>The ReLU's signs are stored, a bit each.</summary>
    internal bool HasSigns => Mask is ReluMask.FromSigns or ReluMask.FromSignsAlone;

    /// <summary>What the kernels read the ReLU's signs from; where they compute them, any tensor of X's shape.</summary>
    internal Tensor SignSource => HasSigns || Mask == ReluMask.FromOutput ? Y! : X;

    /// <summary>The same of a run of images.</summary>
    internal NormPass Rows(int start, int count) => this with { X = X.Rows(start, count), Y = Y?.Rows(start, count) };
}
