using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>
/// A data gradient that goes on through the batch normalisation below it: dy, w (and what is there in dx to add to) -> dnorm, the gradient of that one's input norm_x [N,H,W,C], dgamma and dbeta.
/// Mask: where the ReLU between them finds its sign; norm_y is its output where that is FromOutput, signs that one's where it is FromSigns or FromSignsAlone, in which case dgamma is zero and dnorm has no part along norm_x. With <paramref name="Second"/> dx is the sum of a 1x1 convolution's data gradient dy w', of a second product x w' [C,C] and of an offset,
/// with w: [K+C,C] transposed as the kernel reads it; on cooperative matrices.
/// </summary>
public sealed record ConvNormCase(ConvGeometry Geometry, ReluMask Mask, int AddEvery = 0, bool Second = false)
{
    private bool HasSigns => Mask is ReluMask.FromSigns or ReluMask.FromSignsAlone;

    public string Name => $"conv2d_bwd_data_{(Second ? "moments" : "norm")} {Geometry} {Mask} {ConvWork.AddName(AddEvery)}".TrimEnd();

    public OpCase ToOpCase()
    {
        var (g, c) = (Geometry, new Shape(Geometry.C));
        OpTensor dx = new("dx", g.X);
        var y = HasSigns ? new OpTensor("signs", new Shape(Geometry.N, Geometry.H, Geometry.W, Geometry.C / 32), Type: DType.UInt32, Values: Signs) : new OpTensor("norm_y", g.X);
        OpTensor[] vectors = [new("gamma", c), new("beta", c), new("running_mean", c), new("running_var", c, Fill.Positive)];
        OpTensor[] products = Second ? [new("w", new Shape(g.K + g.C, g.C)), new("x", g.X), new("offset", c)] : [new("w", g.Weights)];
        return new OpCase(Name, [new("dy", g.Y), .. products, new("norm_x", g.X), y, .. vectors, dx], [new("dnorm", g.X), new("dgamma", c), new("dbeta", c)], Record);
    }

    /// <summary>Whether the ReLU lets the gradient of value <paramref name="index"/> through, by its sign's bit.</summary>
    public bool IsOpen(int index) => (Word(index / 32) >> index % 32 & 1) != 0;

    private uint[] Signs() => [.. Enumerable.Range(0, (int)(Geometry.X.Count / 32)).Select(Word)];

    private static uint Word(int index) => (uint)index * 2654435769u ^ (uint)index << 13;

    private void Record(Recorder gpu, IReadOnlyDictionary<string, Tensor> t)
    {
        Tensor Vector(string name) => gpu.NewTensor(name, new Shape(Geometry.C));
        var state = new BatchNormState(t["gamma"], t["beta"], t["running_mean"], t["running_var"]);
        var onLoad = Mask == ReluMask.OnLoad ? new NormOnLoad(Vector("scale"), Vector("shift"), Relu: true) : null;
        var norm = new NormPass(t["norm_x"], state, Vector("mean"), Vector("inv_std"), Mask, t[HasSigns ? "signs" : "norm_y"], onLoad);
        BatchNormOp.Statistics(gpu, norm.X, state, norm.Mean, norm.InvStd);
        if (onLoad is not null)
        {
            BatchNormOp.ScaleShift(gpu, state, norm.Mean, norm.InvStd, onLoad.Scale, onLoad.Shift);
        }
        if ((Second ? Conv2dOp.BackwardDataMoments(gpu, t["dy"], t["x"], t["w"], t["offset"], t["dx"], Geometry, norm) : Conv2dOp.BackwardData(gpu, t["dy"], t["w"], t["dx"], Geometry, AddEvery, norm)) is { } sums)
        {
            BatchNormOp.BackwardFromSums(gpu, t["dx"], norm, sums, t["dnorm"], t["dgamma"], t["dbeta"]);
            return;
        }
        BatchNormOp.Backward(gpu, t["dx"], norm, t["dnorm"], t["dgamma"], t["dbeta"], dresidual: Mask == ReluMask.FromOutput ? t["dx"] : null);
    }
}

/// <summary>The convolutions of <see cref="Conv2dCases"/> whose input has more than one value per channel.</summary>
public static class ConvNormCases
{
    public static IReadOnlyList<ConvNormCase> All { get; } =
    [
        .. Conv2dCases.Geometries.Where(g => g.N * g.H * g.W > 1).Select((g, i) => new ConvNormCase(g, (ReluMask)(i % 4), AddEvery: i % 3 == 0 ? 1 : 0)),
        // Several tiles of columns; pixels that no tap reaches, added to; larger than one binding at the portable floor (1 MiB).
        new(new(2, 15, 11, 196, 24, 1, 1, 1, 0), ReluMask.FromOutput, AddEvery: 1),
        new(new(2, 9, 8, 16, 8, 1, 1, 2, 0), ReluMask.FromOutput, AddEvery: 1),
        new(new(8, 64, 48, 16, 4, 3, 3, 2, 1), ReluMask.OnLoad),
        // Added to at some pixels only: under each stride, and where the stride is no multiple of theirs.
        new(new(2, 15, 11, 196, 24, 1, 1, 1, 0), ReluMask.FromOutput, AddEvery: 2),
        new(new(2, 9, 8, 16, 8, 1, 1, 2, 0), ReluMask.OnLoad, AddEvery: 2),
        new(new(2, 9, 7, 8, 20, 3, 3, 2, 1), ReluMask.Recomputed, AddEvery: 3),
    ];

    /// <summary>From one bit per value, which CPU drivers do not do: tiles with columns left over, pixels that no tap reaches, more than one binding at the portable floor (1 MiB).</summary>
    public static IReadOnlyList<ConvNormCase> WithSigns { get; } =
    [
        new(new(2, 15, 11, 224, 24, 1, 1, 1, 0), ReluMask.FromSigns, AddEvery: 1),
        new(new(2, 9, 8, 32, 8, 1, 1, 2, 0), ReluMask.FromSigns, AddEvery: 1),
        new(new(2, 15, 11, 224, 64, 1, 1, 1, 0), ReluMask.FromSigns, AddEvery: 2),
        new(new(3, 9, 7, 64, 20, 3, 3, 1, 1), ReluMask.FromSigns),
        new(new(4, 64, 40, 32, 20, 1, 1, 1, 0), ReluMask.FromSigns),
        new(new(2, 15, 11, 224, 24, 1, 1, 1, 0), ReluMask.FromSignsAlone, AddEvery: 1),
        new(new(3, 9, 7, 64, 20, 3, 3, 1, 1), ReluMask.FromSignsAlone),
    ];

    /// <summary>With a second product: columns and rows left over, several tiles, more than one binding at the portable floor (1 MiB).</summary>
    public static IReadOnlyList<ConvNormCase> WithSecond { get; } =
    [
        new(new(2, 15, 11, 224, 64, 1, 1, 1, 0), ReluMask.FromSigns, Second: true),
        new(new(3, 9, 7, 32, 192, 1, 1, 1, 0), ReluMask.Recomputed, Second: true),
        new(new(5, 64, 40, 32, 64, 1, 1, 1, 0), ReluMask.OnLoad, Second: true),
    ];

    /// <summary>
    /// What a block's end and the next one's beginning do with the signs between them: y = relu(bn(x) + residual) and, of dy of a 1x1 convolution of y, dnorm, dgamma and dbeta; signs: whether it reads them and not y.
    /// </summary>
    public static OpCase Between(ConvGeometry g, bool signs)
    {
        var c = new Shape(g.C);
        return new($"batchnorm_fwd to conv2d_bwd_data_norm {g} {(signs ? ReluMask.FromSigns : ReluMask.FromOutput)}",
            [new("x", g.X), new("residual", g.X), new("dy", g.Y), new("w", g.Weights), new("gamma", c), new("beta", c), new("running_mean", c), new("running_var", c, Fill.Positive)],
            [new("y", g.X), new("dnorm", g.X), new("dgamma", c), new("dbeta", c)], (gpu, t) =>
            {
                var (mean, invStd, dx) = (gpu.NewTensor("mean", c), gpu.NewTensor("inv_std", c), gpu.NewTensor("dx", g.X, type: t["x"].Type));
                var state = new BatchNormState(t["gamma"], t["beta"], t["running_mean"], t["running_var"]);
                var ofY = signs ? BatchNormOp.Signs(gpu, t["y"])! : null;
                BatchNormOp.Statistics(gpu, t["x"], state, mean, invStd);
                BatchNormOp.Normalize(gpu, t["x"], state, mean, invStd, t["y"], relu: true, t["residual"], signs: ofY);
                var norm = new NormPass(t["x"], state, mean, invStd, signs ? ReluMask.FromSigns : ReluMask.FromOutput, ofY ?? t["y"]);
                BatchNormOp.BackwardFromSums(gpu, dx, norm, Conv2dOp.BackwardData(gpu, t["dy"], t["w"], dx, g, norm: norm)!, t["dnorm"], t["dgamma"], t["dbeta"]);
            });
    }
}
