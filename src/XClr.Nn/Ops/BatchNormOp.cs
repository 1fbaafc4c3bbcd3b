using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// Batch normalisation over rows, with residual add and ReLU fused: y = relu(gamma (x - mean) invStd + beta [+ residual]).
/// x, y, residual and gradients: [...,C] seen as [M,C], C a multiple of 4, all fp32, all fp16 or all bf16; statistics and parameters: [C], fp32.
/// </summary>
public static class BatchNormOp
{
    private readonly record struct StatsParams(uint M, uint Quads, uint RowsPerBlock, uint FirstBlock);
    private readonly record struct MergeParams(uint M, uint Quads, uint RowsPerBlock, uint Blocks, float Eps, float Momentum);
    private readonly record struct MergeBlocksParams(uint M, uint Quads, uint RowsPerBlock, uint Blocks, uint PerMerged);
    private readonly record struct FwdParams(uint M, uint Quads, uint Rows, uint Affine, float Eps, float Lower);
    private readonly record struct ScaleParams(uint Quads, float Eps);
    private readonly record struct ReduceParams(uint M, uint Quads, uint RowsPerBlock, uint FirstBlock, uint Affine);
    private readonly record struct SumParams(uint Quads, uint Blocks, uint Accumulate);
    private readonly record struct SumBlocksParams(uint Quads, uint Blocks, uint PerMerged);
    private readonly record struct BwdParams(uint M, uint Quads, uint Rows, uint Affine, float InverseCount);

    private static readonly KernelVariants<StatsParams> Stats = new("norm/batchnorm_stats", reads: 1, writes: 1, texels: 1);
    private static readonly Kernel<MergeParams> Merge = new("norm/batchnorm_merge", reads: 1, writes: 4);
    private static readonly Kernel<MergeParams> MergeWord = new("norm/batchnorm_merge_word", reads: 1, writes: 4, texels: 1);
    private static readonly Kernel<MergeBlocksParams> MergeToBlocks = new("norm/batchnorm_merge_blocks", reads: 1, writes: 1);
    private static readonly KernelVariants<FwdParams> Fwd = new("norm/batchnorm_fwd", reads: 8, writes: 1, texels: 8);
    private static readonly KernelVariants<FwdParams> FwdSigns = new("norm/batchnorm_fwd_signs", reads: 8, writes: 2, texels: 0, hasWord: false);
    private static readonly Kernel<ScaleParams> Scale = new("norm/batchnorm_scale", reads: 4, writes: 2);
    private static readonly KernelVariants<ReduceParams> Reduce = new("norm/batchnorm_bwd_reduce", reads: 7, writes: 1, texels: 7);
    private static readonly KernelVariants<ReduceParams> Residual = new("norm/batchnorm_bwd_residual", reads: 7, writes: 2, texels: 7);
    private static readonly Kernel<SumParams> Sum = new("norm/batchnorm_bwd_params", reads: 1, writes: 3);
    private static readonly Kernel<SumParams> SumWord = new("norm/batchnorm_bwd_params_word", reads: 1, writes: 3, texels: 1);
    private static readonly Kernel<SumBlocksParams> SumToBlocks = new("norm/batchnorm_bwd_params_blocks", reads: 1, writes: 1);
    private static readonly KernelVariants<BwdParams> Bwd = new("norm/batchnorm_bwd", reads: 7, writes: 1, texels: 7);

    /// <summary>Blocks of rows above which a GPU merges in two passes, since otherwise a few workgroups, one for each quad, would read all of them; the blocks merged into one, and the quads of a workgroup, in the first pass.</summary>
    private const int ManyBlocks = 4096, PerMerged = 512, MergedQuads = 8;

    /// <summary>Tells the forward kernels that the spread given to them is invStd, not the variance.</summary>
    private const float SpreadIsInvStd = -1;

    /// <summary>
    /// Training forward: batch and running statistics (<see cref="Statistics"/>), then <see cref="Normalize"/>. Writes mean, invStd: [C], which the backward pass needs, and y. y may be x or the residual; the residual is normalised on load if <paramref name="residualOnLoad"/> is given.
    /// </summary>
    /// <exception cref="ShapeException">Only one value per channel: the variance of a batch needs two.</exception>
    public static void Forward(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor invStd, Tensor y, bool relu, Tensor? residual = null, NormOnLoad? residualOnLoad = null)
    {
        Statistics(gpu, x, state, mean, invStd);
        Normalize(gpu, x, state, mean, invStd, y, relu, residual, residualOnLoad);
    }

    /// <summary>Batch statistics mean, invStd: [C] of x, or of the row blocks in <paramref name="partials"/>, where the op that produced x left them; moves the running statistics.</summary>
    /// <exception cref="ShapeException">Only one value per channel: the variance of a batch needs two.</exception>
    public static void Statistics(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor invStd, RowStatistics? partials = null)
    {
        var (m, c) = RowWork.Require2D(x);
        RequireVectors(c, state, mean, invStd);
        if (m == 1)
        {
            throw new ShapeException($"'{x.Name}' {x.Shape}: batch normalisation '{state.RunningMean.Name}' cannot be trained: training with one value per channel; use a larger batch or image.");
        }
        partials ??= RowBlocks(gpu, x);
        var blocks = (int)CeilDiv(m, partials.RowsPerBlock);
        Shape.Require([blocks, 2, c], partials.Values);
        var quads = (uint)c / 4;
        if (!gpu.Caps.CpuKernels && blocks > ManyBlocks)
        {
            var merged = Merged(gpu, partials.Values);
            gpu.Dispatch(MergeToBlocks, merged.Shape[0] * CeilDiv(quads, MergedQuads), new((uint)m, quads, (uint)partials.RowsPerBlock, (uint)blocks, PerMerged),
                reads: [partials.Values], writes: [merged], new DispatchCost(12.0 * blocks * c), $"{blocks}x2x{c}");
            (partials, blocks) = (new RowStatistics(merged, partials.RowsPerBlock * PerMerged), merged.Shape[0]);
        }
        gpu.Dispatch(RowWork.Pick(gpu, Merge, MergeWord), RowWork.MergeGroups(gpu, quads),
            new((uint)m, quads, (uint)partials.RowsPerBlock, (uint)blocks, state.Eps, state.Momentum),
            reads: [partials.Values], writes: [mean, invStd, state.RunningMean, state.RunningVar], new DispatchCost(12.0 * blocks * c), $"{blocks}x2x{c}");
    }

    /// <summary>Statistics of blocks of rows of x, for <see cref="Statistics"/>.</summary>
    public static RowStatistics RowBlocks(Recorder gpu, Tensor x)
    {
        var (m, c) = RowWork.Require2D(x);
        var rowsPerBlock = RowWork.RowsPerBlock(gpu, m, c / 4);
        var partials = new RowStatistics(gpu.NewTensor($"{x.Name}.statistics", new Shape((int)CeilDiv(m, rowsPerBlock), 2, c), MemoryCategory.Workspace), rowsPerBlock);
        RowBlocks(gpu, x, partials);
        return partials;
    }

    /// <summary>The same into an existing tensor, in as many blocks as it has.</summary>
    internal static void RowBlocks(Recorder gpu, Tensor x, RowStatistics partials)
    {
        var (_, c) = RowWork.Require2D(x);
        var (quads, rowsPerBlock) = ((uint)c / 4, partials.RowsPerBlock);
        var flat = RowWork.Flat(x);
        foreach (var (start, count) in RowWork.Runs(gpu, rowsPerBlock, flat))
        {
            gpu.Dispatch(Stats.For(gpu, RowWork.Storage(x)), RowWork.Groups(gpu, count, quads, rowsPerBlock),
                new((uint)count, quads, (uint)rowsPerBlock, (uint)(start / rowsPerBlock)),
                reads: [flat.Rows(start, count)], writes: [partials.Values], new DispatchCost(4.0 * count * c), $"{count}x{c}");
        }
    }

    /// <summary>y = gamma (x - mean) invStd + beta, plus residual and ReLU, with given statistics. <paramref name="signs"/>: a tensor from <see cref="Signs"/>, which is filled.</summary>
    public static void Normalize(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor invStd, Tensor y, bool relu, Tensor? residual = null, NormOnLoad? residualOnLoad = null, Tensor? signs = null) =>
        Apply(gpu, x, state, mean, invStd, SpreadIsInvStd, y, relu, residual, residualOnLoad, signs);

    /// <summary>
    /// A tensor for the signs of y [...,C], one bit per value, which a data gradient reads instead of y (<see cref="ReluMask.FromSigns"/>): [...,C/32] words. Null where C is no multiple of 32, and on CPU drivers, whose data
    /// gradients mask nothing.
    /// </summary>
    public static Tensor? Signs(Recorder gpu, Tensor y) => gpu.Caps.CpuKernels || y.Shape.Dims[^1] % Conv2dKernels.ColumnsPerWord != 0
        ? null
        : gpu.NewTensor($"{y.Name}.signs", new Shape([.. y.Shape.Dims[..^1], y.Shape.Dims[^1] / Conv2dKernels.ColumnsPerWord]), type: DType.UInt32);

    /// <summary>Inference forward: the same with the running statistics.</summary>
    public static void Infer(Recorder gpu, Tensor x, BatchNormState state, Tensor y, bool relu, Tensor? residual = null) =>
        Apply(gpu, x, state, state.RunningMean, state.RunningVar, state.Eps, y, relu, residual, null, null);

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
        if (state is not { Gamma: { } gamma, Beta: { } beta })
        {
            throw new ShapeException($"Batch normalisation '{state.RunningMean.Name}' has no affine parameters, which scale and shift are made of.");
        }
        gpu.Dispatch(Scale, CeilDiv(c / 4, 64), new((uint)c / 4, eps),
            reads: [gamma, beta, mean, spread], writes: [scale, shift], new DispatchCost(4.0 * c), $"{c}");
    }

    private static void Apply(Recorder gpu, Tensor x, BatchNormState state, Tensor mean, Tensor spread, float eps, Tensor y, bool relu, Tensor? residual, NormOnLoad? residualOnLoad, Tensor? signs)
    {
        var (m, c) = RowWork.Require2D(x);
        RequireVectors(c, state, mean, spread);
        Shape.Require(x.Shape.Dims, y);
        Shape.Require(x.Shape.Dims, residual ?? x);
        residualOnLoad?.Require(c);
        var storage = RowWork.Storage(x, residual ?? x, y);
        var kernel = (signs is null ? Fwd.For(gpu, storage) : FwdSigns.Portable(storage)).With(residual is null ? 0u : residualOnLoad is null ? 1u : 2u);
        var (flatX, flatR, flatY, flatSigns) = (RowWork.Flat(x), RowWork.Flat(residual ?? x), RowWork.Flat(y), signs is null ? null : RowWork.Flat(signs));
        var quads = (uint)c / 4;
        foreach (var (start, count) in gpu.RowRuns(flatX, flatR, flatY, flatSigns ?? flatY))
        {
            var rows = RowWork.RowsPerLane(gpu, count, quads);
            gpu.Dispatch(kernel, RowWork.Groups(gpu, count, quads, rows),
                new((uint)count, quads, rows, Affine(state), eps, relu ? 0 : float.NegativeInfinity),
                reads: [flatX.Rows(start, count), flatR.Rows(start, count), state.Gamma ?? mean, state.Beta ?? mean, mean, spread, residualOnLoad?.Scale ?? mean, residualOnLoad?.Shift ?? mean],
                writes: flatSigns is null ? [flatY.Rows(start, count)] : [flatY.Rows(start, count), flatSigns.Rows(start, count)],
                new DispatchCost(4.0 * count * c, (residual is null ? 2L : 3L) * count * c * Tensor.SizeOf(x.Type) + (signs is null ? 0 : (long)count * c / 8)), $"{count}x{c}");
        }
    }

    /// <summary>
    /// Training backward. dy: gradient of y, shaped as <paramref name="norm"/>'s X. Writes dx (may be dy); dgamma, dbeta: [C] (null where not wanted), set or, with <paramref name="accumulateParameters"/>, added to.
    /// With <paramref name="dresidual"/> (may be dy) the residual's gradient, dy where the ReLU was open, is written in the first pass over memory, which spares the second one the mask; a mask that is FromOutput needs it.
    /// </summary>
    /// <exception cref="ShapeException">Shapes do not fit, or the mask needs something that is not given.</exception>
    public static void Backward(Recorder gpu, Tensor dy, NormPass norm, Tensor dx, Tensor? dgamma = null, Tensor? dbeta = null, bool accumulateParameters = false, Tensor? dresidual = null)
    {
        RequireBackward(norm, dresidual, [dy, dx, norm.Y ?? norm.X, dresidual ?? norm.X]);
        norm = Flat(norm);
        var partials = ReduceBlocks(gpu, norm, RowWork.Flat(dy), dresidual is null ? null : RowWork.Flat(dresidual));
        var sums = SumBlocks(gpu, partials, dgamma, dbeta, accumulateParameters);
        // What was written to the residual is masked already.
        WriteDx(gpu, dresidual is null ? norm : norm with { Mask = ReluMask.None }, RowWork.Flat(dresidual ?? dy), sums, RowWork.Flat(dx));
    }

    /// <summary>
    /// Training backward where the op that made dy left dy masked by the ReLU, and <paramref name="partials"/> [blocks,2,C], sums over blocks of rows of dy and dy xhat (<see cref="Conv2dOp.BackwardData"/>).
    /// Writes dx (may be dy); dgamma, dbeta: [C].
    /// </summary>
    public static void BackwardFromSums(Recorder gpu, Tensor dy, NormPass norm, Tensor partials, Tensor dx, Tensor? dgamma = null, Tensor? dbeta = null, bool accumulateParameters = false)
    {
        norm = norm with { Mask = ReluMask.None, Y = null, OnLoad = null };
        RequireBackward(norm, null, [dy, dx]);
        Shape.Require([-1, 2, norm.X.Shape.Dims[^1]], partials);
        var sums = SumBlocks(gpu, partials, dgamma, dbeta, accumulateParameters);
        WriteDx(gpu, Flat(norm), RowWork.Flat(dy), sums, RowWork.Flat(dx));
    }

    /// <summary>Masks dy [...,C], in place, by the sign of a normalisation's output whose input was not stored. Result [blocks,2,C]: in the first of each two rows the sums of dy over blocks of rows.</summary>
    /// <param name="gpu">Records.</param>
    /// <param name="dy">Gradient of that output.</param>
    /// <param name="norm">FromSignsAlone, X: the output.</param>
    public static Tensor MaskGradient(Recorder gpu, Tensor dy, NormPass norm)
    {
        RowWork.Require2D(norm.X);
        Shape.Require(norm.X.Shape.Dims, dy);
        var values = RowWork.Flat(dy);
        return ReduceBlocks(gpu, Flat(norm with { Mask = ReluMask.FromOutput, Y = norm.X }), values, values);
    }

    // Its tensors as [M,C].
    private static NormPass Flat(NormPass norm) => norm with { X = RowWork.Flat(norm.X), Y = norm.Y is { } y ? RowWork.Flat(y) : null };

    // All as [M,C], as those of WriteDx.
    private static Tensor ReduceBlocks(Recorder gpu, NormPass norm, Tensor dy, Tensor? dresidual)
    {
        var (x, sign) = (norm.X, norm.SignSource);
        var (m, c) = x.Shape.As2D();
        var quads = (uint)c / 4;
        var rowsPerBlock = RowWork.RowsPerBlock(gpu, m, quads);
        var partials = gpu.NewTensor($"{x.Name}.gradient_sums", new Shape((int)CeilDiv(m, rowsPerBlock), 2, c), MemoryCategory.Workspace);
        var kernel = (dresidual is null ? Reduce : Residual).For(gpu, RowWork.Storage(dy, x, sign, dresidual ?? dy));
        var streams = 2 + (norm.Mask == ReluMask.FromOutput ? 1 : 0) + (dresidual is null ? 0 : 1);
        foreach (var (start, count) in RowWork.Runs(gpu, rowsPerBlock, x, sign, dy, dresidual ?? dy))
        {
            BufferView[] writes = dresidual is null ? [partials] : [partials, dresidual.Rows(start, count)];
            gpu.Dispatch(kernel.With((uint)norm.Mask), RowWork.Groups(gpu, count, quads, rowsPerBlock),
                new((uint)count, quads, (uint)rowsPerBlock, (uint)(start / rowsPerBlock), Affine(norm)),
                reads: [dy.Rows(start, count), x.Rows(start, count), sign.Rows(start, count), norm.Gamma, norm.Beta, norm.Mean, norm.InvStd], writes,
                new DispatchCost(6.0 * count * c, (long)streams * count * c * Tensor.SizeOf(dy.Type)), $"{count}x{c}");
        }
        return partials;
    }

    /// <summary>Sums over all blocks of partials [blocks,2,C]: [2,C], whose rows are the gradients of beta and gamma, written to them too or added (null: not wanted).</summary>
    internal static Tensor SumBlocks(Recorder gpu, Tensor partials, Tensor? dgamma, Tensor? dbeta, bool accumulate)
    {
        var (blocks, c) = (partials.Shape[0], partials.Shape[2]);
        var sums = gpu.NewTensor("sums", new Shape(2, c), MemoryCategory.Workspace);
        // A gradient that nobody wants goes to scratch memory, which nothing reads.
        var gamma = dgamma ?? gpu.NewTensor("dgamma", new Shape(c), MemoryCategory.Workspace);
        var beta = dbeta ?? gpu.NewTensor("dbeta", new Shape(c), MemoryCategory.Workspace);
        Shape.Require([c], gamma);
        Shape.Require([c], beta);
        if (!gpu.Caps.CpuKernels && blocks > ManyBlocks)
        {
            var merged = Merged(gpu, partials);
            gpu.Dispatch(SumToBlocks, merged.Shape[0] * CeilDiv(c / 4, MergedQuads), new((uint)c / 4, (uint)blocks, PerMerged),
                reads: [partials], writes: [merged], new DispatchCost(2.0 * blocks * c), $"{blocks}x2x{c}");
            (partials, blocks) = (merged, merged.Shape[0]);
        }
        gpu.Dispatch(RowWork.Pick(gpu, Sum, SumWord), RowWork.MergeGroups(gpu, c / 4), new((uint)c / 4, (uint)blocks, accumulate ? 1u : 0u),
            reads: [partials], writes: [sums, gamma, beta], new DispatchCost(2.0 * blocks * c), $"{blocks}x2x{c}");
        return sums;
    }

    // For what a first pass makes of many blocks.
    private static Tensor Merged(Recorder gpu, Tensor partials) =>
        gpu.NewTensor($"{partials.Name}.merged", new Shape((int)CeilDiv(partials.Shape[0], PerMerged), 2, partials.Shape[2]), MemoryCategory.Workspace);

    private static void WriteDx(Recorder gpu, NormPass norm, Tensor dy, Tensor sums, Tensor dx)
    {
        var x = norm.X;
        var (m, c) = x.Shape.As2D();
        var quads = (uint)c / 4;
        var kernel = Bwd.For(gpu, RowWork.Storage(dy, x, dx)).With((uint)norm.Mask);
        foreach (var (start, count) in gpu.RowRuns(x, dy, dx))
        {
            var rows = RowWork.RowsPerLane(gpu, count, quads);
            gpu.Dispatch(kernel, RowWork.Groups(gpu, count, quads, rows), new((uint)count, quads, rows, Affine(norm), 1f / m),
                reads: [dy.Rows(start, count), x.Rows(start, count), norm.Gamma, norm.Beta, norm.Mean, norm.InvStd, sums], writes: [dx.Rows(start, count)],
                new DispatchCost(7.0 * count * c, 3L * count * c * Tensor.SizeOf(dy.Type)), $"{count}x{c}");
        }
    }

    private static void RequireBackward(NormPass norm, Tensor? dresidual, ReadOnlySpan<Tensor> images)
    {
        var (x, mask) = (norm.X, norm.Mask);
        var (_, c) = RowWork.Require2D(x);
        RequireVectors(c, norm.State, norm.Mean, norm.InvStd);
        foreach (var image in images)
        {
            Shape.Require(x.Shape.Dims, image);
        }
        if (mask == ReluMask.FromOutput && (norm.Y is null || dresidual is null))
        {
            throw new ShapeException($"Batch normalisation of '{x.Name}': a mask from the output needs y, and dresidual for what it leaves of dy.");
        }
        if (mask is ReluMask.FromSigns or ReluMask.FromSignsAlone)
        {
            throw new ShapeException($"Batch normalisation of '{x.Name}': a mask from signs is for data gradients.");
        }
        if (mask == ReluMask.OnLoad != norm.OnLoad is not null)
        {
            throw new ShapeException($"Batch normalisation of '{x.Name}': a mask as it was applied on load needs scale and shift, and no other mask takes them.");
        }
        if (mask is ReluMask.Recomputed or ReluMask.OnLoad && dresidual is not null)
        {
            throw new ShapeException($"Batch normalisation of '{x.Name}': with a residual the ReLU's sign comes from the output, not from x alone.");
        }
        norm.OnLoad?.Require(c);
    }

    private static uint Affine(BatchNormState state) => state.Gamma is null ? 0u : 1u;

    private static uint Affine(NormPass norm) => norm.OnLoad is null ? Affine(norm.State) : 1u;

    private static void RequireVectors(int c, BatchNormState state, Tensor mean, Tensor spread)
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
