using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// A training forward of <see cref="MomentNormOp"/> as its backward pass needs it: the input X [N,H,W,C], Weight [C,K] in fp32 as it was rounded, the normalisation's state, Mean and InvStd [K], InputMean [C], GramWeight = x' x w [C,K], and
/// the Output [N,H,W,K] with its Signs.
/// </summary>
public sealed record MomentNormPass(ConvGeometry Geometry, Tensor X, Tensor Weight, BatchNormState State, Tensor Mean, Tensor InvStd, Tensor InputMean, Tensor GramWeight, Tensor Output, Tensor Signs)
{
    /// <summary>What the data gradient that produces the output's gradient needs.</summary>
    public NormPass Above => new(Output, State, Mean, InvStd, ReluMask.FromSignsAlone, Signs);
}

/// <summary>
/// y = relu(batchnorm(z) + residual) with z = x w, a 1x1 convolution, as one op whose largest tensors, z and its gradient, are never stored: what batch norm needs of them follows from moments of its input.
/// mean_k = mean(x) w_k, var_k = w_k' Cov(x) w_k, so the forward convolution can normalise as it stores. With the gradient g of the normalisation's output, G = x' g and dz = a g + b z + c by channel,
/// sum g z = column sums of w o G, dw = a G + b (x' x) w + sum(x) c, and dx = g (a w)' + x (w b w') + w c.
/// This replaces six passes over tensors of y's size (z written and read; z read for the sums, and with g for dz; dz written and read twice) by x' x, a data gradient a quarter longer, and small products over the channels.
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
    private static readonly Kernel<OffsetParams> Offset = new("norm/momentnorm_bwd_offset_f16", reads: 3, writes: 2);
    private static readonly Kernel<OffsetParams> OffsetBFloat16 = new("norm/momentnorm_bwd_offset_bf16", reads: 3, writes: 2);

    /// <summary>Quads of a workgroup of norm/quad_slices.glsl.</summary>
    private const int Quads = 8;

    /// <summary>Whether to use this op, for an input that comes from such a ReLU (<paramref name="below"/>): false if the device lacks it for this work, or storing the output is better (<see cref="DeviceCaps.MomentNormRows"/>).</summary>
    public static bool IsTaken(Recorder gpu, MomentNormWork work, ReluMask below)
    {
        if (!Conv2dOp.HasMoments(gpu.Caps, work.Storage, work.Geometry, below) || !Conv2dOp.HasResidual(gpu.Caps, work.Storage, work.Geometry, work.Residual))
        {
            return false;
        }
        if (gpu.Caps.MomentNormRows is null)
        {
            gpu.Note(work);
        }
        return work.TakesMoments(gpu.Caps);
    }

    /// <summary>
    /// Training forward. x: [N,H,W,C], w: [1,1,C,K]; residual, y: [N,H,W,K], the residual normalised as <paramref name="residualOnLoad"/> says; all in 16 bits. Writes y; moves the running statistics.
    /// </summary>
    /// <exception cref="ShapeException">Shapes do not fit, or the normalisation has no gamma and beta.</exception>
    public static MomentNormPass Forward(Recorder gpu, Tensor x, Tensor w, BatchNormState state, Tensor residual, NormOnLoad? residualOnLoad, Tensor y, ConvGeometry g)
    {
        Shape.Require(g.Weights.Dims, w);
        if (state.Gamma is null || state.Beta is null)
        {
            throw new ShapeException($"Batch normalisation '{state.RunningMean.Name}': normalising by moments needs gamma and beta.");
        }
        Tensor Vector(string name) => gpu.NewTensor(name, new Shape(g.K));
        var weight = CastOp.Widened(gpu, w).Reshape(g.C, g.K);
        var inputMean = InputMean(gpu, x);
        var gramWeight = GramWeight(gpu, x, weight, g);
        var signs = BatchNormOp.Signs(gpu, y) ?? throw new ShapeException($"'{y.Name}' {y.Shape}: {nameof(IsTaken)} does not hold.");
        var pass = new MomentNormPass(g, x, weight, state, Vector("mean"), Vector("inv_std"), inputMean, gramWeight, y, signs);
        var onStore = new NormOnStore(Vector("scale"), Vector("shift"), Relu: true);
        gpu.Dispatch(Stats, Groups(g.K), new((uint)g.M, (uint)g.C, (uint)g.K / 4, state.Eps, state.Momentum), reads: [inputMean, weight, gramWeight, state.Gamma, state.Beta],
            writes: [pass.Mean, pass.InvStd, state.RunningMean, state.RunningVar, onStore.Scale, onStore.Shift], new DispatchCost(4.0 * g.C * g.K), $"{g.C}x{g.K}");
        Conv2dOp.ForwardResidual(gpu, x, w, residual, y, signs, g, onStore, residualOnLoad);
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
        var product = gpu.NewTensor("gram_weight", weight.Shape);
        LinearOp.Forward(gpu, gram.Reshape(g.C, g.C), weight, bias: null, product);
        return product;
    }

    /// <summary>
    /// Training backward. gradient: that of y [N,H,W,K], masked by its ReLU, which is the residual's too; <paramref name="partials"/> [blocks,2,K], sums over blocks of rows of it in the first of each two rows. Writes dx: [N,H,W,C], masked by the ReLU
    /// of <paramref name="below"/>, whose output x is; dw: [1,1,C,K], dgamma, dbeta: [K], set or, with <paramref name="accumulate"/>, added to. The result: sums for <see cref="BatchNormOp.BackwardFromSums"/> of what is below.
    /// </summary>
    public static Tensor Backward(Recorder gpu, MomentNormPass pass, Tensor gradient, Tensor partials, Tensor dx, Tensor dw, Tensor dgamma, Tensor dbeta, bool accumulate, NormPass below)
    {
        var (g, storage) = (pass.Geometry, RowWork.Storage(pass.X, gradient, dx));
        var sums = BatchNormOp.SumBlocks(gpu, partials, null, dbeta, accumulate);
        var inputGradient = gpu.NewTensor("input_gradient", g.Weights, MemoryCategory.Workspace);
        Conv2dOp.BackwardWeight(gpu, pass.X, gradient, inputGradient, g);
        var factors = gpu.NewTensor("factors", new Shape(3, g.K), MemoryCategory.Workspace);
        var p = new BackwardParams((uint)g.M, (uint)g.C, (uint)g.K / 4, accumulate ? 1u : 0u);
        gpu.Dispatch(Factors, Groups(g.K), p, reads: [pass.Weight, inputGradient, sums, pass.State.Gamma!, pass.Mean, pass.InvStd], writes: [dgamma, factors], new DispatchCost(2.0 * g.C * g.K), $"{g.C}x{g.K}");
        var aw = gpu.NewTensor("aw", g.Weights, MemoryCategory.Workspace, storage);
        var bw = gpu.NewTensor("bw", pass.Weight.Shape, MemoryCategory.Workspace);
        gpu.Dispatch(storage == DType.BFloat16 ? WeightsBFloat16 : Weights, CeilDiv((long)g.C * g.K / 4, 256), p,
            reads: [pass.Weight, inputGradient, pass.GramWeight, pass.InputMean, factors], writes: [dw, aw, bw], new DispatchCost(8.0 * g.C * g.K), $"{g.C}x{g.K}");
        var product = gpu.NewTensor("wbw", new Shape(g.C, g.C), MemoryCategory.Workspace);
        LinearOp.BackwardData(gpu, bw, pass.Weight, product);
        var weights = gpu.NewTensor("weights", new Shape(g.K + g.C, g.C), MemoryCategory.Workspace, storage);
        Conv2dKernels.TransposeTaps(gpu, aw, 1, 1, Conv2dKernels.TapOrder.Single, into: weights.Rows(0, g.K));
        var offset = gpu.NewTensor("offset", new Shape(g.C), MemoryCategory.Workspace);
        gpu.Dispatch(storage == DType.BFloat16 ? OffsetBFloat16 : Offset, Groups(g.C), new((uint)g.M, (uint)g.C, (uint)g.K / 4),
            reads: [product, sums, pass.InputMean], writes: [weights, offset], new DispatchCost(2.0 * g.C * (g.C + g.K)), $"{g.C}x{g.K}");
        return Conv2dOp.BackwardDataMoments(gpu, gradient, pass.X, weights, offset, dx, g, below);
    }

    private static long Groups(int channels) => CeilDiv(channels / 4, Quads);
}
