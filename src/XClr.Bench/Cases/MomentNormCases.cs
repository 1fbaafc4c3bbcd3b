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
/// A 1x1 convolution, batch norm, residual sum and ReLU, forward and backward, by moments or with the convolution's output stored, as the device takes it: x, w, residual -> y; dy, which the ReLU masks in place -> dx, dw, dgamma, dbeta.
/// Below x is a batch norm of below_x, whose sums nobody reads. <paramref name="Accumulate"/>: the parameters' gradients are added to what is there; <paramref name="Dy"/>: how dy is filled; <paramref name="Below"/>: how the ReLU
/// below x, if any, finds its sign.
/// </summary>
public sealed record MomentNormCase(ConvGeometry Geometry, ResidualKind Kind, bool Accumulate = false, Fill Dy = Fill.Normal, ReluMask Below = ReluMask.None)
{
    public string Name => $"momentnorm {Geometry}{(Kind == ResidualKind.Normalised ? " normalised" : "")}{(Accumulate ? " acc" : "")} {Dy}";

    /// <summary>Names of the tensors that are stored as activations and working weights are.</summary>
    public static IReadOnlyList<string> Activations { get; } = ["x", "w", "residual", "y", "dy", "dx", "below_x"];

    public OpCase ToOpCase()
    {
        var (g, c, k) = (Geometry, new Shape(Geometry.C), new Shape(Geometry.K));
        OpTensor[] gradients = [new("dw", g.Weights), new("dgamma", k), new("dbeta", k)];
        OpTensor[] vectors = [
            new("gamma", k), new("beta", k), new("running_mean", k), new("running_var", k, Fill.Positive), new("below_gamma", c), new("below_beta", c),
            .. Kind == ResidualKind.Normalised ? [new("residual_scale", k), new("residual_shift", k)] : (OpTensor[])[]];
        return new OpCase(Name, [new("x", g.X, Fill.Uniform01), new("w", g.Weights), new("residual", g.Y), new("dy", g.Y, Dy), .. vectors, .. Accumulate ? gradients : [], new("below_x", g.X)],
            [new("y", g.Y), new("dx", g.X), new("dy", g.Y), new("running_mean", k), new("running_var", k), .. gradients], Record);
    }

    private void Record(Recorder gpu, IReadOnlyDictionary<string, Tensor> t)
    {
        Tensor Vector(string name, int count) => gpu.NewTensor(name, new Shape(count));
        var (g, x, w, y, dy, c, k) = (Geometry, t["x"], t["w"], t["y"], t["dy"], Geometry.C, Geometry.K);
        var below = new NormPass(t["below_x"], new(t["below_gamma"], t["below_beta"], Vector("below_running_mean", c), Vector("below_running_var", c)), Vector("below_mean", c), Vector("below_inv_std", c), Below);
        BatchNormOp.Statistics(gpu, below.X, below.State, below.Mean, below.InvStd);
        var state = new BatchNormState(t["gamma"], t["beta"], t["running_mean"], t["running_var"]);
        var residualOnLoad = Kind == ResidualKind.Normalised ? new NormOnLoad(t["residual_scale"], t["residual_shift"], Relu: false) : null;
        if (MomentNormOp.IsTaken(gpu, new(g, x.Type, Kind), Below))
        {
            var pass = MomentNormOp.Forward(gpu, x, w, state, t["residual"], residualOnLoad, y, g);
            var sums = BatchNormOp.MaskGradient(gpu, dy, pass.Above);
            MomentNormOp.Backward(gpu, pass, dy, sums, t["dx"], t["dw"], t["dgamma"], t["dbeta"], Accumulate, below);
            return;
        }
        var (z, mean, invStd, dz) = (gpu.NewTensor("z", g.Y, type: x.Type), Vector("mean", k), Vector("inv_std", k), gpu.NewTensor("dz", g.Y, type: x.Type));
        var epilogue = new ConvEpilogue(gpu.NewTensor("partials", ConvEpilogue.PartialsShape(gpu.Caps, g), MemoryCategory.Workspace));
        Conv2dOp.Forward(gpu, x, w, z, g, epilogue: epilogue);
        BatchNormOp.Statistics(gpu, z, state, mean, invStd, epilogue.ToStatistics(gpu.Caps));
        BatchNormOp.Normalize(gpu, z, state, mean, invStd, y, relu: true, t["residual"], residualOnLoad, BatchNormOp.Signs(gpu, y));
        BatchNormOp.Backward(gpu, dy, new(z, state, mean, invStd, ReluMask.FromOutput, y), dz, t["dgamma"], t["dbeta"], Accumulate, dresidual: dy);
        Conv2dOp.Backward(gpu, x, dz, w, t["dx"], t["dw"], g, accumulateWeight: Accumulate, norm: below);
    }
}

/// <summary>Both at small, ragged shapes.</summary>
public static class MomentNormCases
{
    /// <summary>Columns and rows left over, several tiles, more than one binding at the portable floor (1 MiB).</summary>
    private static readonly IReadOnlyList<ConvGeometry> Geometries = [new(2, 15, 11, 96, 64, 1, 1, 1, 0), new(3, 9, 7, 32, 128, 1, 1, 1, 0), new(1, 7, 7, 64, 192, 1, 1, 1, 0), new(5, 64, 40, 32, 64, 1, 1, 1, 0)];

    /// <summary>Also where dy has a mean several times its spread, which batch norm's gradient takes out.</summary>
    public static IReadOnlyList<MomentNormCase> All { get; } =
        [.. Geometries.Select((g, i) => new MomentNormCase(g, i % 2 == 0 ? ResidualKind.AsIs : ResidualKind.Normalised, Accumulate: i < 2, i % 3 == 0 ? Fill.Normal : Fill.Positive)), new(Geometries[0], ResidualKind.Normalised, Dy: Fill.Positive)];

    /// <summary>Also with channels that are no multiple of 8, and under several taps, which the network has none of.</summary>
    public static IReadOnlyList<ConvResidualCase> Convolutions { get; } =
        [.. Geometries.SelectMany(g => new ConvResidualCase[] { new(g, ResidualKind.AsIs), new(g with { C = 20, K = 96 }, ResidualKind.Normalised) }), new(new(2, 9, 7, 12, 160, 3, 3, 2, 1), ResidualKind.Normalised)];
}
