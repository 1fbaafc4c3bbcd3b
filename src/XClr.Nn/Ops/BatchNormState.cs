namespace XClr.Nn.Ops;

/// <summary>Parameters and running statistics of a batch normalisation, all [C]. Gamma and Beta are both null without affine parameters.</summary>
public sealed record BatchNormState(Tensor? Gamma, Tensor? Beta, Tensor RunningMean, Tensor RunningVar)
{
    /// <summary>torch's default of <see cref="Eps"/>.</summary>
    public const float DefaultEps = 1e-5f;

    /// <summary>Added to the variance; dimensionless.</summary>
    public float Eps { get; init; } = DefaultEps;

    /// <summary>Share of the new value in a running statistic (torch's sense).</summary>
    public float Momentum { get; init; } = 0.1f;
}

/// <summary>Statistics of blocks of rows: Values [B,2,C] holds mean and M2 (sum of squared deviations) of RowsPerBlock rows each; the last block has the rest.</summary>
public sealed record RowStatistics(Tensor Values, int RowsPerBlock);

/// <summary>Where a fused ReLU's backward finds the sign of its output.</summary>
public enum ReluMask
{
    /// <summary>No ReLU was fused.</summary>
    None,

    /// <summary>From the saved output (needed where a residual was added before the ReLU).</summary>
    FromOutput,

    /// <summary>Recomputed from the input, to the bit as the forward pass: the output need not be kept.</summary>
    Recomputed,

    /// <summary>Recomputed as an op computed it that normalised the input where it loaded it (<see cref="NormOnLoad"/>).</summary>
    OnLoad,

    /// <summary>As <see cref="FromOutput"/>, from its signs, one bit per value (<see cref="BatchNormOp.Signs"/>), for a data gradient that masks what it writes (<see cref="Conv2dOp.BackwardData"/>).</summary>
    FromSigns,

    /// <summary>As <see cref="FromSigns"/>, of a normalisation whose input was not stored (<see cref="MomentNormOp"/>): the sums have g alone, zeros in the place of g xhat, and X of the <see cref="NormPass"/> is any tensor of that shape.</summary>
    FromSignsAlone,
}
