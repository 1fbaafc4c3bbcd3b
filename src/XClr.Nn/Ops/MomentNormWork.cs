using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>The end of a residual block, a 1x1 convolution with its batch norm, the residual sum and the ReLU, forward and backward: what a measured choice between <see cref="MomentNormOp"/> and stored outputs is known by.</summary>
/// <param name="Geometry">Shapes of the convolution.</param>
/// <param name="Storage">Of activations and working weights.</param>
/// <param name="Residual">What is added.</param>
public sealed record MomentNormWork(ConvGeometry Geometry, DType Storage, ResidualKind Residual) : ITunable
{
    /// <summary>Names of the two ways: by moments of the input, or with the convolution's output and its gradient in memory.</summary>
    public const string Moments = "Moments", Stored = "Stored";

    /// <summary>Rows (pixels of all images) per output channel from which on the cost model takes the moments; an estimate (docs/decisions.md).</summary>
    private const int LeastRows = 128;

    /// <summary>"block_end 64x56x56x64 k256 1x1 s1 p0 Float16 normalised residual".</summary>
    public string Name => $"block_end {Geometry} {Storage} {(Residual == ResidualKind.Normalised ? "normalised residual" : "residual")}";

    /// <inheritdoc/>
    public IReadOnlyList<string> Ways(DeviceCaps caps) => [Moments, Stored];

    // Asked for by XCLR_CAPS, else as measured, else by the cost model.
    internal bool TakesMoments(DeviceCaps caps) => (caps.MomentNormRows, caps.Tuning.Ways.GetValueOrDefault(Name)) switch
    {
        (null, Moments) => true,
        (null, Stored) => false,
        var (asked, _) => Geometry.M >= (long)(asked ?? LeastRows) * Geometry.K,
    };
}
