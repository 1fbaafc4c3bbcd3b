using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>Direction of a convolution.</summary>
public enum ConvPass
{
    Forward,
    BackwardData,
    BackwardWeight,
}

/// <summary>What a forward convolution that normalises its result as it stores it adds from elsewhere, before the ReLU.</summary>
public enum ResidualKind
{
    None,
    AsIs,

    /// <summary>Normalised where it is loaded.</summary>
    Normalised,
}

/// <summary>Names of directions.</summary>
public static class ConvPasses
{
    /// <summary>"conv2d_fwd", as the shaders are called.</summary>
    public static string OpName(this ConvPass pass) => pass switch { ConvPass.Forward => "conv2d_fwd", ConvPass.BackwardData => "conv2d_bwd_data", _ => "conv2d_bwd_weight" };
}

/// <summary>One direction of a convolution as <see cref="Conv2dOp"/> was asked for it: what a measured way is known by.</summary>
/// <param name="Pass">Direction.</param>
/// <param name="Geometry">Shapes, stride and padding.</param>
/// <param name="Storage">Of activations and weights.</param>
/// <param name="Prologue">x is normalised as it is loaded.</param>
/// <param name="Relu">A ReLU follows that, or what is applied on store.</param>
/// <param name="Statistics">Statistics of y are written.</param>
/// <param name="AddEvery">1: the result is added to what is there; s > 1, of a data gradient: as <see cref="Conv2dOp.BackwardData"/> says; 0 for every weight gradient, whose kernel does not add.</param>
/// <param name="Norm">A data gradient carries the sums of the batch normalisation below it, whose ReLU finds its sign so; null = it does not.</param>
/// <param name="OnStore">y is normalised as it is stored.</param>
/// <param name="Residual">What <see cref="Conv2dOp.ForwardResidual"/> adds then.</param>
/// <param name="Second">A data gradient's sum goes on over a second input (<see cref="Conv2dOp.BackwardDataMoments"/>).</param>
public sealed record ConvWork(ConvPass Pass, ConvGeometry Geometry, DType Storage, bool Prologue, bool Relu, bool Statistics, int AddEvery, ReluMask? Norm, bool OnStore = false, ResidualKind Residual = ResidualKind.None, bool Second = false) : ITunable
{
    /// <summary>"conv2d_fwd 2x7x5x12 k20 3x3 s2 p1 Float16 relu stats".</summary>
    public string Name => string.Join(' ', new[]
    {
        $"{Pass.OpName()} {Geometry} {Storage}",
        OnStore ? "stored" : "", Relu ? "relu" : Prologue || OnStore ? "affine" : "", Statistics ? "stats" : "", AddName(AddEvery), Norm is { } mask ? $"norm {mask}" : "",
        Second ? "second" : "", Residual switch { ResidualKind.AsIs => "residual", ResidualKind.Normalised => "normalised residual", _ => "" },
    }.Where(s => s.Length > 0));

    /// <summary>"acc", "acc every 2", or nothing: what is added to, in names.</summary>
    public static string AddName(int addEvery) => addEvery switch { 0 => "", 1 => "acc", _ => $"acc every {addEvery}" };

    /// <summary>Rows of the product that one dispatch computes; of the pixels of a data gradient one residue class mod stride.</summary>
    internal long Rows => Pass switch
    {
        ConvPass.Forward => Geometry.M,
        ConvPass.BackwardData => Geometry.N * OpMath.CeilDiv(Geometry.H, Geometry.Stride) * OpMath.CeilDiv(Geometry.W, Geometry.Stride),
        _ => (long)Geometry.R * Geometry.S * Geometry.C,
    };

    /// <summary>Columns of the product.</summary>
    internal int Columns => Pass == ConvPass.BackwardData ? Geometry.C : Geometry.K;

    /// <summary>Whether only matrices do it.</summary>
    internal bool NeedsMatrices => Second || Residual != ResidualKind.None;

    /// <summary>Columns that a subgroup with matrices must have.</summary>
    internal int LeastColumns => Residual == ResidualKind.None ? 0 : Conv2dKernels.ColumnsPerStore;

    /// <inheritdoc/>
    public IReadOnlyList<string> Ways(DeviceCaps caps) => [.. ConvWay.Candidates(caps, this).Select(w => w.Name)];

    /// <summary>The measured way; null = none was measured, or it is none of this device's: the cost model chooses.</summary>
    internal ConvWay? Measured(DeviceCaps caps) => caps.Tuning.Ways.TryGetValue(Name, out var name) ? ConvWay.Candidates(caps, this).Where(w => w.Name == name).Cast<ConvWay?>().FirstOrDefault() : null;
}
