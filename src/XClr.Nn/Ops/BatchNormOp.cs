using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>Parameters and running statistics of a batch normalisation, all [C]. Gamma and Beta are both null without affine parameters.</summary>
public sealed record BatchNormState(Tensor? Gamma, Tensor? Beta, Tensor RunningMean, Tensor RunningVar)
{
    /// <summary>Added to the variance; dimensionless.</summary>
    public float Eps { get; init; } = 1e-5f;

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
}

/// <summary>
/// Batch normalisation over rows, with residual add and ReLU fused: y = relu(gamma (x - mean) invStd + beta [+ residual]).
/// x, y, residual and gradients: [...,C] seen as [M,C], C a multiple of 4; statistics and parameters: [C]. fp32.
/// </summary>
public static class BatchNormOp
{
    private readonly record struct StatsParams(uint M, uint Quads, uint RowsPerBlock, uint FirstBlock);
    private readonly record struct MergeParams(uint M, uint Quads, uint RowsPerBlock, uint Blocks, float Eps, float Momentum);
    private readonly record struct FwdParams(uint M, uint Quads, uint Rows, uint Affine, float Eps, float Lower);
    private readonly record struct ScaleParams(uint Quads, uint Affine, float Eps);

    private static readonly Kernel<StatsParams> Stats = new("norm/batchnorm_stats", reads: 1, writes: 1);
    private static readonly Kernel<StatsParams> StatsWord = new("norm/batchnorm_stats_word", reads: 1, writes: 1);
    private static readonly Kernel<MergeParams> Merge = new("norm/batchnorm_merge", reads: 1, writes: 4);
    private static readonly Kernel<MergeParams> MergeWord = new("norm/batchnorm_merge_word", reads: 1, writes: 4);
    private static readonly Kernel<FwdParams> Fwd = new("norm/batchnorm_fwd", reads: 6, writes: 1);
    private static readonly Kernel<FwdParams> FwdWord = new("norm/batchnorm_fwd_word", reads: 6, writes: 1);
    private static readonly Kernel<ScaleParams> Scale = new("norm/batchnorm_scale", reads: 4, writes: 2);

    /// <summary>Tells the forward kernels that the spread they are given is invStd already.</summary>
    private const float SpreadIsInvStd = -1;

    /// <summary>
    /// Training forward: batch statistics (from x, or from <paramref name="partials"/> where the op that produced x left them), running statistics, then
    /// <see cref="Normalize"/>. Writes mean, invStd: [C], which the backward pass needs, and y. y may be x or the residual.
    /// </summary>
    /// <exception cref="ShapeException">Only one value per channel: the variance of a batch needs two.</exception>
    public static void Forward(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor invStd, Tensor y, bool relu, Tensor? residual = null, RowStatistics? partials = null)
    {
        Statistics(gpu, x, state, mean, invStd, partials);
        Normalize(gpu, x, state, mean, invStd, y, relu, residual);
    }

    /// <summary>Batch statistics mean, invStd: [C] of x, or of the row blocks in <paramref name="partials"/>; moves the running statistics.</summary>
    /// <exception cref="ShapeException">Only one value per channel: the variance of a batch needs two.</exception>
    public static void Statistics(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor invStd, RowStatistics? partials = null)
    {
        var (m, c) = RowWork.Require2D(x);
        RequireVectors(c, state, mean, invStd);
        if (m == 1)
        {
            throw new ShapeException($"'{x.Name}' {x.Shape}: batch normalisation cannot be trained with one value per channel; use a larger batch or image.");
        }
        partials ??= RowBlocks(gpu, x);
        var blocks = (int)CeilDiv(m, partials.RowsPerBlock);
        Shape.Require([blocks, 2, c], partials.Values);
        var quads = (uint)c / 4;
        gpu.Dispatch(RowWork.Pick(gpu, Merge, MergeWord), RowWork.MergeGroups(gpu, quads),
            new((uint)m, quads, (uint)partials.RowsPerBlock, (uint)blocks, state.Eps, state.Momentum),
            reads: [partials.Values], writes: [mean, invStd, state.RunningMean, state.RunningVar], new DispatchCost(12.0 * blocks * c), $"{blocks}x2x{c}");
    }

    /// <summary>Statistics of blocks of rows of x, for <see cref="Statistics"/>.</summary>
    public static RowStatistics RowBlocks(Recorder gpu, Tensor x)
    {
        var (m, c) = RowWork.Require2D(x);
        var quads = (uint)c / 4;
        var rowsPerBlock = RowWork.RowsPerBlock(gpu, m, quads);
        var partials = gpu.NewTensor($"{x.Name}.statistics", new Shape((int)CeilDiv(m, rowsPerBlock), 2, c), MemoryCategory.Workspace);
        var flat = RowWork.Flat(x);
        foreach (var (start, count) in RowWork.Runs(gpu, rowsPerBlock, flat))
        {
            gpu.Dispatch(RowWork.Pick(gpu, Stats, StatsWord), RowWork.Groups(gpu, count, quads, rowsPerBlock),
                new((uint)count, quads, (uint)rowsPerBlock, (uint)(start / rowsPerBlock)),
                reads: [flat.Rows(start, count)], writes: [partials], new DispatchCost(4.0 * count * c), $"{count}x{c}");
        }
        return new RowStatistics(partials, rowsPerBlock);
    }

    /// <summary>y = gamma (x - mean) invStd + beta, plus residual and ReLU, with given statistics.</summary>
    public static void Normalize(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor invStd, Tensor y, bool relu, Tensor? residual = null) =>
        Apply(gpu, x, state, mean, invStd, SpreadIsInvStd, y, relu, residual);

    /// <summary>Inference forward: the same with the running statistics.</summary>
    public static void Infer(Recorder gpu, Tensor x, BatchNormState state, Tensor y, bool relu, Tensor? residual = null) =>
        Apply(gpu, x, state, state.RunningMean, state.RunningVar, state.Eps, y, relu, residual);

    /// <summary>The normalisation as y = x scale + shift for an op that applies it while it loads x; scale, shift: [C], from batch statistics.</summary>
    public static void ScaleShift(Recorder gpu, BatchNormState state, Tensor mean, Tensor invStd, Tensor scale, Tensor shift) =>
        ScaleShift(gpu, state, mean, invStd, SpreadIsInvStd, scale, shift);

    /// <summary>The same from the running statistics.</summary>
    public static void InferScaleShift(Recorder gpu, BatchNormState state, Tensor scale, Tensor shift) =>
        ScaleShift(gpu, state, state.RunningMean, state.RunningVar, state.Eps, scale, shift);

    private static void ScaleShift(Recorder gpu, BatchNormState state, Tensor mean, Tensor spread, float eps, Tensor scale, Tensor shift)
    {
        var (_, c) = RowWork.Require2D(scale);
        RequireVectors(c, state, mean, spread);
        Shape.Require([c], scale);
        Shape.Require([c], shift);
        gpu.Dispatch(Scale, CeilDiv(c / 4, 64), new((uint)c / 4, Affine(state), eps),
            reads: [state.Gamma ?? mean, state.Beta ?? mean, mean, spread], writes: [scale, shift], new DispatchCost(4.0 * c), $"{c}");
    }

    private static void Apply(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor spread, float eps, Tensor y, bool relu, Tensor? residual)
    {
        var (m, c) = RowWork.Require2D(x);
        RequireVectors(c, state, mean, spread);
        Shape.Require(x.Shape.Dims, y);
        Shape.Require(x.Shape.Dims, residual ?? x);
        var kernel = RowWork.Pick(gpu, Fwd, FwdWord).With(residual is null ? 0u : 1u);
        var (flatX, flatR, flatY) = (RowWork.Flat(x), RowWork.Flat(residual ?? x), RowWork.Flat(y));
        var quads = (uint)c / 4;
        foreach (var (start, count) in gpu.RowRuns(flatX, flatR, flatY))
        {
            var rows = RowWork.RowsPerLane(gpu, count, quads);
            gpu.Dispatch(kernel, RowWork.Groups(gpu, count, quads, rows),
                new((uint)count, quads, rows, Affine(state), eps, relu ? 0 : float.NegativeInfinity),
                reads: [flatX.Rows(start, count), flatR.Rows(start, count), state.Gamma ?? mean, state.Beta ?? mean, mean, spread], writes: [flatY.Rows(start, count)],
                new DispatchCost(4.0 * count * c, (residual is null ? 8L : 12L) * count * c), $"{count}x{c}");
        }
    }

    internal static uint Affine(BatchNormState state) => state.Gamma is null ? 0u : 1u;

    internal static void RequireVectors(int c, BatchNormState state, Tensor mean, Tensor spread)
    {
        if (state.Gamma is null != state.Beta is null)
        {
            throw new ShapeException($"Batch normalisation '{state.RunningMean.Name}': gamma and beta must both be given or both be absent.");
        }
        Shape.Require([c], state.Gamma ?? mean);
        Shape.Require([c], state.Beta ?? mean);
        Shape.Require([c], state.RunningMean);
        Shape.Require([c], state.RunningVar);
        Shape.Require([c], mean);
        Shape.Require([c], spread);
    }
}
