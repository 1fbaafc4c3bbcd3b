using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// A training forward of <see cref="MomentNormOp"/> as its backward pass needs it: the input X [N,H,W,C], which is finished, the weight [1,1,C,K] in fp32, the normalisation's state, Mean and InvStd [K], InputMean [C], GramWeight = x' x w [C,K], and
/// the Output [N,H,W,K] with its Signs.
/// </summary>
public sealed record MomentNormPass(ConvGeometry Geometry, Tensor X, Tensor Weight, BatchNormState State, Tensor Mean, Tensor InvStd, Tensor InputMean, Tensor GramWeight, Tensor Output, Tensor Signs)
{
    /// <summary>For the data gradient that is the gradient of the output.</summary>
    public NormPass Above => new(Output, State, Mean, InvStd, ReluMask.FromSignsAlone, Signs);
}

/// <summary>
/// y = relu(batchnorm(z) + residual) with z = x w, a 1x1 convolution, as one op whose largest tensors, z and its gradient, are never stored: what batch norm needs of them follows from moments of its input.
/// mean_k = mean(x) w_k, var_k = w_k' Cov(x) w_k, so the forward convolution can normalise as it stores. With the gradient g of the normalisation's output, G = x' g and dz = a g + b z + c by channel,
/// sum g z = column sums of w o G, dw = a G + b (x' x) w + sum(x) c, and dx = g (a w)' + x (w b w') + c w'.
/// Instead of five passes over tensors like y (z written and read; the gradient's norm read from g and z, written, read twice) that costs two products of C columns, x' x and x (w b w'), and small ones over the channels.
/// On cooperative matrices only.
/// </summary>
public static class MomentNormOp
{
    private readonly record struct StatsParams(uint M, uint Channels, uint Quads, float Eps, float Momentum);
    private readonly record struct BackwardParams(uint M, uint Channels, uint Quads, uint Accumulate);
    private readonly record struct OffsetParams(uint M, uint Channels, uint Quads);

    private static readonly Kernel<StatsParams> Stats = new("norm/momentnorm_stats", reads: 5, writes: 6);
    private static readonly Kernel<BackwardParams> Factors = new("norm/momentnorm_bwd_params", reads: 6, writes: 2);
    private static readonly Kernel<BackwardParams> Weights = new("norm/momentnorm_bwd_weight_f16", reads: 5, writes: 3);
    private static readonly Kernel<BackwardParams> WeightsBFloat16 = new("norm/momentnorm_bwd_weight_bf16", reads: 5, writes: 3);
    private static readonly Kernel<OffsetParams> Offset = new("norm/momentnorm_bwd_offset_f16", reads: 4, writes: 3);
    private static readonly Kernel<OffsetParams> OffsetBFloat16 = new("norm/momentnorm_bwd_offset_bf16", reads: 4, writes: 3);

    /// <summary>Quads of a workgroup of norm/quad_slices.glsl.</summary>
    private const int Quads = 8;

    /// <summary>Whether this device has the op for such activations, and rows enough for it to pay (<see cref="DeviceCaps.MomentNormRows"/>).</summary>
    public static bool Suits(DeviceCaps caps, DType storage, ConvGeometry g, ResidualKind residual) =>
        g is { R: 1, S: 1, Stride: 1, Pad: 0 } && g.M >= (long)caps.MomentNormRows * g.K && Conv2dOp.HasResidual(caps, storage, g, residual);

    /// <summary>
    /// Training forward. x: [N,H,W,C], weight and its copy in x's storage: [1,1,C,K]; residual, y: [N,H,W,K], the residual normalised as <paramref name="residualOnLoad"/> says. Writes y; moves the running statistics.
    /// </summary>
    /// <exception cref="ShapeException">Shapes do not fit, or the normalisation has no gamma and beta.</exception>
    public static MomentNormPass Forward(Recorder gpu, Tensor x, Tensor weight, Tensor stored, BatchNormState state, Tensor residual, NormOnLoad? residualOnLoad, Tensor y, ConvGeometry g)
    {
        RowWork.RequireSingle(weight);
        Shape.Require(g.Weights.Dims, weight);
        if (state.Gamma is null || state.Beta is null)
        {
            throw new ShapeException($"Batch normalisation '{state.RunningMean.Name}': normalising by moments needs gamma and beta.");
        }
        Tensor Vector(string name) => gpu.NewTensor(name, new Shape(g.K));
        var inputMean = InputMean(gpu, x);
        var gramWeight = GramWeight(gpu, x, weight, g);
        var signs = BatchNormOp.Signs(gpu, y) ?? throw new ShapeException($"'{y.Name}' {y.Shape}: {nameof(Suits)} does not hold.");
        var pass = new MomentNormPass(g, x, weight, state, Vector("mean"), Vector("inv_std"), inputMean, gramWeight, y, signs);
        var onStore = new NormOnStore(Vector("scale"), Vector("shift"), Relu: true);
        gpu.Dispatch(Stats, Groups(g), new((uint)g.M, (uint)g.C, (uint)g.K / 4, state.Eps, state.Momentum), reads: [inputMean, weight, gramWeight, state.Gamma, state.Beta],
            writes: [pass.Mean, pass.InvStd, state.RunningMean, state.RunningVar, onStore.Scale, onStore.Shift], new DispatchCost(4.0 * g.C * g.K), $"{g.C}x{g.K}");
        Conv2dOp.ForwardResidual(gpu, x, stored, residual, y, signs, g, onStore, residualOnLoad);
        return pass;
    }

    // The merge of blocks moves running statistics too: here nobody's.
    private static Tensor InputMean(Recorder gpu, Tensor x)
    {
        var c = new Shape(x.Shape.Dims[^1]);
        var mean = gpu.NewTensor("input_mean", c);
        Tensor Unused(string name) => gpu.NewTensor(name, c, MemoryCategory.Workspace);
        BatchNormOp.Statistics(gpu, x, new(null, null, Unused("unused_mean"), Unused("unused_var")), mean, Unused("unused_inv_std"));
        return mean;
    }

    private static Tensor GramWeight(Recorder gpu, Tensor x, Tensor weight, ConvGeometry g)
    {
        var square = g with { K = g.C };
        var gram = gpu.NewTensor("gram", square.Weights, MemoryCategory.Workspace);
        Conv2dOp.BackwardWeight(gpu, x, x, gram, square);
        var product = gpu.NewTensor("gram_weight", new Shape(g.C, g.K));
        LinearOp.Forward(gpu, gram.Reshape(g.C, g.C), weight.Reshape(g.C, g.K), bias: null, product);
        return product;
    }

    /// <summary>
    /// Training backward. g: the gradient of y, masked by its ReLU, which is that of the residual too; <paramref name="partials"/> [blocks,2,K], sums over blocks of rows of g in the first of each two rows. Writes dx: [N,H,W,C]; dw: [1,1,C,K],
    /// dgamma, dbeta: [K], set or, with <paramref name="accumulate"/>, added to. <paramref name="below"/> and the result: as of <see cref="Conv2dOp.BackwardData"/>.
    /// </summary>
    public static Tensor? Backward(Recorder gpu, MomentNormPass pass, Tensor gradient, Tensor partials, Tensor dx, Tensor dw, Tensor dgamma, Tensor dbeta, bool accumulate, NormPass? below = null)
    {
        var (g, storage) = (pass.Geometry, RowWork.Storage(pass.X, gradient, dx));
        var sums = BatchNormOp.SumBlocks(gpu, partials, null, dbeta, accumulate);
        var inputGradient = gpu.NewTensor("input_gradient", g.Weights, MemoryCategory.Workspace);
        Conv2dOp.BackwardWeight(gpu, pass.X, gradient, inputGradient, g);
        var factors = gpu.NewTensor("factors", new Shape(3, g.K), MemoryCategory.Workspace);
        var p = new BackwardParams((uint)g.M, (uint)g.C, (uint)g.K / 4, accumulate ? 1u : 0u);
        gpu.Dispatch(Factors, Groups(g), p, reads: [pass.Weight, inputGradient, sums, pass.State.Gamma!, pass.Mean, pass.InvStd], writes: [dgamma, factors], new DispatchCost(2.0 * g.C * g.K), $"{g.C}x{g.K}");
        var first = gpu.NewTensor("first_weight", g.Weights, MemoryCategory.Workspace, storage);
        var second = gpu.NewTensor("second_weight", new Shape(g.C, g.K), MemoryCategory.Workspace);
        gpu.Dispatch(storage == DType.BFloat16 ? WeightsBFloat16 : Weights, CeilDiv((long)g.C * g.K / 4, 256), p,
            reads: [pass.Weight, inputGradient, pass.GramWeight, pass.InputMean, factors], writes: [dw, first, second], new DispatchCost(8.0 * g.C * g.K), $"{g.C}x{g.K}");
        var product = gpu.NewTensor("weight_product", new Shape(g.C, g.C), MemoryCategory.Workspace);
        LinearOp.BackwardData(gpu, second, pass.Weight.Reshape(g.C, g.K), product);
        OfInput(gpu, pass, sums, first, product, dx);
        return Conv2dOp.BackwardData(gpu, gradient, first, dx, g, addEvery: 1, below);
    }

    // dx = x (w b w') + offset.
    private static void OfInput(Recorder gpu, MomentNormPass pass, Tensor sums, Tensor first, Tensor product, Tensor dx)
    {
        var square = pass.Geometry with { K = pass.Geometry.C };
        var rounded = gpu.NewTensor("rounded", square.Weights, MemoryCategory.Workspace, first.Type);
        Tensor Vector(string name) => gpu.NewTensor(name, new Shape(square.C), MemoryCategory.Workspace);
        var onStore = new NormOnStore(Vector("ones"), Vector("offset"), Relu: false);
        gpu.Dispatch(first.Type == DType.BFloat16 ? OffsetBFloat16 : Offset, square.C, new((uint)square.M, (uint)square.C, (uint)pass.Geometry.K / 4),
            reads: [first, product, sums, pass.InputMean], writes: [rounded, onStore.Scale, onStore.Shift], new DispatchCost(2.0 * square.C * (square.C + pass.Geometry.K)), $"{square.C}x{pass.Geometry.K}");
        Conv2dOp.Forward(gpu, pass.X, rounded, dx, square, onStore: onStore);
    }

    private static long Groups(ConvGeometry g) => CeilDiv(g.K / 4, Quads);
}
