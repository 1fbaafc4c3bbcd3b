using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>A convolution that normalises its result, adds a residual (<paramref name="Kind"/>: as it is, or normalised) and rectifies as it stores: y, and its signs. On cooperative matrices.</summary>
public sealed record ConvResidualCase(ConvGeometry Geometry, ResidualKind Kind)
{
    public string Name => $"conv2d_fwd_residual {Geometry}{(Kind == ResidualKind.Normalised ? " normalised" : "")}";

    public OpCase ToOpCase()
    {
        var (g, k) = (Geometry, new Shape(Geometry.K));
        OpTensor[] vectors = [new("scale", k), new("shift", k), .. Kind == ResidualKind.Normalised ? [new("residual_scale", k), new("residual_shift", k)] : (OpTensor[])[]];
        return new OpCase(Name, [new("x", g.X), new("w", g.Weights), new("residual", g.Y), .. vectors], [new("y", g.Y), new("signs", new Shape(g.N, g.OH, g.OW, g.K / 32), Type: DType.UInt32)], (gpu, t) =>
            Conv2dOp.ForwardResidual(gpu, t["x"], t["w"], t["residual"], t["y"], t["signs"], g, new(t["scale"], t["shift"], Relu: true),
                Kind == ResidualKind.Normalised ? new(t["residual_scale"], t["residual_shift"], Relu: false) : null));
    }
}

/// <summary>
/// A 1x1 convolution, batch norm, residual sum and ReLU by moments, forward and backward: x, w (fp32), residual -> y; dy, which the ReLU masks in place -> dx, dw, dgamma, dbeta. <paramref name="Accumulate"/>: the parameters' gradients are added to what is there.
/// </summary>
public sealed record MomentNormCase(ConvGeometry Geometry, ResidualKind Kind, bool Accumulate = false)
{
    public string Name => $"momentnorm {Geometry}{(Kind == ResidualKind.Normalised ? " normalised" : "")}{(Accumulate ? " acc" : "")}";

    public OpCase ToOpCase()
    {
        var (g, k) = (Geometry, new Shape(Geometry.K));
        OpTensor[] gradients = [new("dw", g.Weights), new("dgamma", k), new("dbeta", k)];
        OpTensor[] vectors = [new("gamma", k), new("beta", k), new("running_mean", k), new("running_var", k, Fill.Positive), .. Kind == ResidualKind.Normalised ? [new("residual_scale", k), new("residual_shift", k)] : (OpTensor[])[]];
        return new OpCase(Name, [new("x", g.X, Fill.Uniform01), new("w", g.Weights), new("residual", g.Y), new("dy", g.Y), .. vectors, .. Accumulate ? gradients : []],
            [new("y", g.Y), new("dx", g.X), new("dy", g.Y), new("running_mean", k), new("running_var", k), .. gradients], Record);
    }

    private void Record(Recorder gpu, IReadOnlyDictionary<string, Tensor> t)
    {
        var state = new BatchNormState(t["gamma"], t["beta"], t["running_mean"], t["running_var"]);
        var residualOnLoad = Kind == ResidualKind.Normalised ? new NormOnLoad(t["residual_scale"], t["residual_shift"], Relu: false) : null;
        var pass = MomentNormOp.Forward(gpu, t["x"], t["w"], CastOp.To(gpu, t["w"], t["x"].Type), state, t["residual"], residualOnLoad, t["y"], Geometry);
        var sums = BatchNormOp.MaskGradient(gpu, t["dy"], pass.Above, t["y"]);
        MomentNormOp.Backward(gpu, pass, t["dy"], sums, t["dx"], t["dw"], t["dgamma"], t["dbeta"], Accumulate);
    }
}

/// <summary>Both at small, ragged shapes.</summary>
public static class MomentNormCases
{
    /// <summary>Columns left over and several tiles of them, channels that are no multiple of 8, more than one binding at the portable floor (1 MiB).</summary>
    private static readonly IReadOnlyList<ConvGeometry> Geometries = [new(2, 15, 11, 24, 96, 1, 1, 1, 0), new(3, 9, 7, 20, 32, 1, 1, 1, 0), new(1, 7, 7, 64, 224, 1, 1, 1, 0), new(5, 64, 40, 16, 64, 1, 1, 1, 0)];

    public static IReadOnlyList<MomentNormCase> All { get; } =
        [.. Geometries.Select((g, i) => new MomentNormCase(g, i % 2 == 0 ? ResidualKind.AsIs : ResidualKind.Normalised, Accumulate: i < 2)), new(Geometries[0], ResidualKind.Normalised)];

    /// <summary>Also under several taps, which the network has none of.</summary>
    public static IReadOnlyList<ConvResidualCase> Convolutions { get; } =
        [.. Geometries.SelectMany(g => new ConvResidualCase[] { new(g, ResidualKind.AsIs), new(g, ResidualKind.Normalised) }), new(new(2, 9, 7, 12, 160, 3, 3, 2, 1), ResidualKind.Normalised)];
}
