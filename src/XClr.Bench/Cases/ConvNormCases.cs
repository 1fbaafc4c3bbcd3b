using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>
/// A data gradient that goes on through the batch normalisation below it: dy, w (and what is there in dx to add to) -> dnorm, the gradient of that one's input norm_x [N,H,W,C], dgamma and dbeta.
/// Mask: where the ReLU between them finds its sign; norm_y is its output where that is FromOutput.
/// </summary>
public sealed record ConvNormCase(ConvGeometry Geometry, ReluMask Mask, bool Accumulate = false)
{
    public string Name => $"conv2d_bwd_data_norm {Geometry} {Mask}{(Accumulate ? " acc" : "")}";

    public OpCase ToOpCase()
    {
        var (g, c) = (Geometry, new Shape(Geometry.C));
        OpTensor dx = new("dx", g.X);
        OpTensor[] vectors = [new("gamma", c), new("beta", c), new("running_mean", c), new("running_var", c, Fill.Positive)];
        return new OpCase(Name, [new("dy", g.Y), new("w", g.Weights), new("norm_x", g.X), new("norm_y", g.X), .. vectors, dx], [new("dnorm", g.X), new("dgamma", c), new("dbeta", c)], Record);
    }

    private void Record(Recorder gpu, IReadOnlyDictionary<string, Tensor> t)
    {
        Tensor Vector(string name) => gpu.NewTensor(name, new Shape(Geometry.C));
        var state = new BatchNormState(t["gamma"], t["beta"], t["running_mean"], t["running_var"]);
        var onLoad = Mask == ReluMask.OnLoad ? new NormOnLoad(Vector("scale"), Vector("shift"), Relu: true) : null;
        var norm = new NormPass(t["norm_x"], state, Vector("mean"), Vector("inv_std"), Mask, t["norm_y"], onLoad);
        BatchNormOp.Statistics(gpu, norm.X, state, norm.Mean, norm.InvStd);
        if (onLoad is not null)
        {
            BatchNormOp.ScaleShift(gpu, state, norm.Mean, norm.InvStd, onLoad.Scale, onLoad.Shift);
        }
        if (Conv2dOp.BackwardData(gpu, t["dy"], t["w"], t["dx"], Geometry, Accumulate, norm) is { } sums)
        {
            BatchNormOp.BackwardFromSums(gpu, t["dx"], norm, sums, t["dnorm"], t["dgamma"], t["dbeta"]);
            return;
        }
        BatchNormOp.Backward(gpu, t["dx"], norm.X, state, norm.Mean, norm.InvStd, t["dnorm"], Mask, norm.Y, t["dgamma"], t["dbeta"], onLoad: onLoad);
    }
}

/// <summary>The convolutions of <see cref="Conv2dCases"/> whose input has more than one value per channel.</summary>
public static class ConvNormCases
{
    public static IReadOnlyList<ConvNormCase> All { get; } =
    [
        .. Conv2dCases.Geometries.Where(g => g.N * g.H * g.W > 1).Select((g, i) => new ConvNormCase(g, (ReluMask)(i % 4), Accumulate: i % 3 == 0)),
        // Several tiles of columns; pixels that no tap reaches, added to; larger than one binding at the portable floor (1 MiB).
        new(new(2, 15, 11, 196, 24, 1, 1, 1, 0), ReluMask.FromOutput, Accumulate: true),
        new(new(2, 9, 8, 16, 8, 1, 1, 2, 0), ReluMask.FromOutput, Accumulate: true),
        new(new(8, 64, 48, 16, 4, 3, 3, 2, 1), ReluMask.OnLoad),
    ];
}
