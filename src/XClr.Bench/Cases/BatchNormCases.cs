using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>
/// Batch normalisation: forward (training, inference) and backward, with and without ReLU, residual and affine parameters. Inputs: x, gamma, beta, running_mean, running_var,
/// residual, dy; outputs: y, mean, inv_std, the running statistics; dx, dgamma, dbeta, dresidual.
/// </summary>
public static class BatchNormCases
{
    /// <summary>What is fused into a case.</summary>
    public sealed record Variant(bool Relu = false, bool Residual = false, bool Affine = true)
    {
        public override string ToString() => $"{(Affine ? "affine" : "plain")}{(Residual ? " residual" : "")}{(Relu ? " relu" : "")}";
    }

    // The last has more blocks of rows than a GPU merges in one pass.
    private static readonly int[][] Small = [[2, 1, 1, 4], [3, 1, 1, 8], [1, 5, 7, 12], [127, 20], [2, 13, 3, 148], [5, 31, 31, 4], [5, 117, 117, 4]];
    private static readonly Variant[] Variants = [new(), new(Relu: true), new(Relu: true, Residual: true), new(Affine: false)];

    public static IEnumerable<OpCase> Forward => Shapes(Variants, TrainingForward);

    public static IEnumerable<OpCase> Inference => Shapes([new(Relu: true, Residual: true), new(Affine: false)], InferenceForward);

    public static IEnumerable<OpCase> Backward => Shapes(Variants, BackwardCase);

    /// <summary>Statistics from given row blocks, as a convolution leaves them: inputs x, partials (of blocks of 5 rows); outputs mean, inv_std.</summary>
    public static OpCase FromPartials(int m, int c, int rowsPerBlock)
    {
        var partials = new OpTensor("partials", new Shape((m + rowsPerBlock - 1) / rowsPerBlock, 2, c));
        return new($"batchnorm_merge {m}x{c} by {rowsPerBlock}", [new("x", new Shape(m, c)), partials, .. Parameters(c)], [.. Statistics(c)], (gpu, t) =>
            BatchNormOp.Statistics(gpu, t["x"], State(t, new()), t["mean"], t["inv_std"], new RowStatistics(t["partials"], rowsPerBlock)));
    }

    /// <summary>scale and shift from batch statistics.</summary>
    public static OpCase ScaleShift(int m, int c) => new($"batchnorm_scale {m}x{c}", [new("x", new Shape(m, c)), .. Parameters(c)],
        [new("scale", new Shape(c)), new("shift", new Shape(c)), .. Statistics(c)], (gpu, t) =>
        {
            BatchNormOp.Statistics(gpu, t["x"], State(t, new()), t["mean"], t["inv_std"]);
            BatchNormOp.ScaleShift(gpu, State(t, new()), t["mean"], t["inv_std"], t["scale"], t["shift"]);
        });

    public static OpCase TrainingForward(int[] dims, Variant variant)
    {
        var (shape, c) = (new Shape(dims), dims[^1]);
        return new($"batchnorm_fwd {string.Join('x', dims)} {variant}", [new("x", shape), new("residual", shape), .. Parameters(c)], [new("y", shape), .. Statistics(c)], (gpu, t) =>
            BatchNormOp.Forward(gpu, t["x"], State(t, variant), t["mean"], t["inv_std"], t["y"], variant.Relu, variant.Residual ? t["residual"] : null));
    }

    /// <summary>Training forward with a residual that is normalised as it is loaded: y = relu(bn(x) + residual scale + shift).</summary>
    public static OpCase ResidualOnLoad(int[] dims)
    {
        var (shape, c) = (new Shape(dims), dims[^1]);
        return new($"batchnorm_fwd {string.Join('x', dims)} residual on load", [new("x", shape), new("residual", shape), new("scale", new Shape(c)), new("shift", new Shape(c)), .. Parameters(c)],
            [new("y", shape), .. Statistics(c)], (gpu, t) => BatchNormOp.Forward(gpu, t["x"], State(t, new()), t["mean"], t["inv_std"], t["y"], relu: true, t["residual"],
                residualOnLoad: new(t["scale"], t["shift"], Relu: false)));
    }

    public static OpCase InferenceForward(int[] dims, Variant variant)
    {
        var shape = new Shape(dims);
        return new($"batchnorm_infer {string.Join('x', dims)} {variant}", [new("x", shape), new("residual", shape), .. Parameters(dims[^1])], [new("y", shape)], (gpu, t) =>
            BatchNormOp.Infer(gpu, t["x"], State(t, variant), t["y"], variant.Relu, variant.Residual ? t["residual"] : null));
    }

    /// <summary>Forward and backward of L = sum(dy y). The parameters' gradients are added to what is there; a residual's gradient replaces dy in place.</summary>
    public static OpCase BackwardCase(int[] dims, Variant variant)
    {
        var (shape, c) = (new Shape(dims), dims[^1]);
        OpTensor[] gradients = variant.Affine ? [new("dgamma", new Shape(c)), new("dbeta", new Shape(c))] : [];
        OpTensor dy = new("dy", shape);
        return new($"batchnorm_bwd {string.Join('x', dims)} {variant}", [new("x", shape), new("residual", shape), dy, .. Parameters(c), .. gradients],
            [new("dx", shape), .. gradients, .. variant.Residual ? new[] { dy } : []], (gpu, t) =>
            {
                var (state, y) = (State(t, variant), gpu.NewTensor("y", shape, type: t["x"].Type));
                var (mean, invStd) = (gpu.NewTensor("mean", new Shape(c)), gpu.NewTensor("inv_std", new Shape(c)));
                BatchNormOp.Forward(gpu, t["x"], state, mean, invStd, y, variant.Relu, variant.Residual ? t["residual"] : null);
                var mask = !variant.Relu ? ReluMask.None : variant.Residual ? ReluMask.FromOutput : ReluMask.Recomputed;
                BatchNormOp.Backward(gpu, t["dy"], new(t["x"], state, mean, invStd, mask, y), t["dx"], t.GetValueOrDefault("dgamma"), t.GetValueOrDefault("dbeta"), accumulateParameters: true, variant.Residual ? t["dy"] : null);
            });
    }

    /// <summary>As <see cref="BackwardCase"/> with a ReLU that another op applied as it loaded x.</summary>
    public static OpCase BackwardOnLoad(int[] dims)
    {
        var (shape, c) = (new Shape(dims), dims[^1]);
        return new($"batchnorm_bwd {string.Join('x', dims)} on load", [new("x", shape), new("dy", shape), .. Parameters(c)], [new("dx", shape), new("dgamma", new Shape(c)), new("dbeta", new Shape(c))], (gpu, t) =>
        {
            Tensor Vector(string name) => gpu.NewTensor(name, new Shape(c));
            var (state, mean, invStd, onLoad) = (State(t, new()), Vector("mean"), Vector("inv_std"), new NormOnLoad(Vector("scale"), Vector("shift"), Relu: true));
            BatchNormOp.Statistics(gpu, t["x"], state, mean, invStd);
            BatchNormOp.ScaleShift(gpu, state, mean, invStd, onLoad.Scale, onLoad.Shift);
            BatchNormOp.Backward(gpu, t["dy"], new(t["x"], state, mean, invStd, ReluMask.OnLoad, OnLoad: onLoad), t["dx"], t["dgamma"], t["dbeta"]);
        });
    }

    /// <summary>Forward over x itself and backward over dy itself, without a residual: x becomes y, dy becomes dx.</summary>
    public static OpCase InPlace(int[] dims)
    {
        OpTensor x = new("x", new Shape(dims)), dy = new("dy", new Shape(dims));
        return new($"batchnorm {string.Join('x', dims)} in place", [x, dy, .. Parameters(dims[^1])], [x, dy, .. Statistics(dims[^1])], (gpu, t) =>
        {
            var state = State(t, new());
            BatchNormOp.Statistics(gpu, t["x"], state, t["mean"], t["inv_std"]);
            BatchNormOp.Backward(gpu, t["dy"], new(t["x"], state, t["mean"], t["inv_std"], ReluMask.Recomputed), t["dy"]);
            BatchNormOp.Normalize(gpu, t["x"], state, t["mean"], t["inv_std"], t["x"], relu: true);
        });
    }

    private static IEnumerable<OpCase> Shapes(Variant[] variants, Func<int[], Variant, OpCase> make) => Small.Select((s, i) => make(s, variants[i % variants.Length])).Concat(variants.Select(v => make([9, 9, 7, 20], v)));

    private static BatchNormState State(IReadOnlyDictionary<string, Tensor> t, Variant variant) =>
        new(variant.Affine ? t["gamma"] : null, variant.Affine ? t["beta"] : null, t["running_mean"], t["running_var"]);

    private static OpTensor[] Parameters(int c) => [new("gamma", new Shape(c)), new("beta", new Shape(c)), new("running_mean", new Shape(c)), new("running_var", new Shape(c), Fill.Positive)];

    private static OpTensor[] Statistics(int c) => [new("mean", new Shape(c)), new("inv_std", new Shape(c)), new("running_mean", new Shape(c)), new("running_var", new Shape(c))];
}
