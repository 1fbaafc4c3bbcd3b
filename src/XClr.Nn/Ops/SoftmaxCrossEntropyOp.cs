using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>
/// Mean softmax cross-entropy of rows with integer labels, its gradient, and top-1 hits. logits: fp32 [M,K], K a multiple of 4 of which the first `classes` columns
/// count; labels: UInt32 [M].
/// </summary>
public static class SoftmaxCrossEntropyOp
{
    private readonly record struct FwdParams(uint M, uint Quads, uint Classes, float GradScale);
    private readonly record struct MeanParams(uint M);

    private static readonly Kernel<FwdParams> Fwd = new("loss/crossentropy_fwd", reads: 3, writes: 2);
    private static readonly Kernel<FwdParams> FwdWord = new("loss/crossentropy_fwd_word", reads: 3, writes: 2, texels: 1);
    private static readonly Kernel<MeanParams> Mean = new("loss/crossentropy_mean", reads: 1, writes: 2);
    private static readonly Kernel<MeanParams> MeanWord = new("loss/crossentropy_mean_word", reads: 1, writes: 2);

    /// <summary>
    /// loss: [1], nats per row; a label that is no class makes it NaN. dlogits: [M,K] (may be logits; null where not wanted), the gradient of scale * loss (times the step's loss scale where stepVariables are given), zero in the columns of
    /// padding. correct: [1] (null where not wanted), rows whose label has the first of the largest logits, as a float.
    /// </summary>
    public static void Forward(Recorder gpu, Tensor logits, Tensor labels, int classes, Tensor loss, Tensor? dlogits = null, Tensor? correct = null, float scale = 1, Tensor? stepVariables = null)
    {
        var (m, k) = RowWork.Require2D(logits);
        Shape.Require([m], labels);
        Shape.Require([1], loss);
        if (classes <= 0 || classes > k || labels.Type != DType.UInt32)
        {
            throw new ShapeException($"'{logits.Name}' {logits.Shape} has no {classes} classes, or labels '{labels.Name}' are {labels.Type} instead of UInt32.");
        }
        var gradient = dlogits ?? gpu.NewTensor("dlogits", logits.Shape, MemoryCategory.Workspace);
        Shape.Require(logits.Shape.Dims, gradient);
        var hits = correct ?? gpu.NewTensor("correct", new Shape(1), MemoryCategory.Workspace);
        Shape.Require([1], hits);
        var rows = gpu.NewTensor("rows", new Shape(m, 2), MemoryCategory.Workspace);
        foreach (var (start, count) in gpu.RowRuns(logits, labels, gradient, rows))
        {
            gpu.Dispatch(RowWork.Pick(gpu, Fwd, FwdWord).With(stepVariables is null ? 0u : 1u), RowWork.RowGroups(gpu, count), new((uint)count, (uint)k / 4, (uint)classes, scale / m),
                reads: [logits.Rows(start, count), labels.Rows(start, count), stepVariables ?? labels.Rows(start, count)], writes: [gradient.Rows(start, count), rows.Rows(start, count)], new DispatchCost(8.0 * count * k), $"{m}x{k}");
        }
        gpu.Dispatch(RowWork.Pick(gpu, Mean, MeanWord), 1, new((uint)m), reads: [rows], writes: [loss, hits], new DispatchCost(2.0 * m), $"{m}");
    }
}
