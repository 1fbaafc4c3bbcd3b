using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>
/// The k largest similarities of each query, over slabs of a bank, so that no bank x queries matrix is ever whole. similarities: fp32 [rows,Q], bank rows by queries, Q a multiple of 4;
/// window: UInt32 [4]; values: fp32 [k,Q], indices: UInt32 [k,Q].
/// </summary>
public static class TopKOp
{
    private readonly record struct FwdParams(uint Rows, uint Start, uint Queries, uint K);

    private static readonly Kernel<FwdParams> Fwd = new("gemm/topk_fwd", reads: 2, writes: 2);
    private static readonly Kernel<FwdParams> FwdWord = new("gemm/topk_fwd_word", reads: 2, writes: 2, texels: 1);

    /// <summary>Words of a window.</summary>
    public const int WindowWords = 4;

    /// <summary>What a slab holds: how many of its rows count, the bank's index of its first row, and whether values and indices hold the best of the rows before.</summary>
    public static uint[] Window(int rows, int first, bool resume) => [(uint)rows, (uint)first, resume ? 1u : 0u, 0u];

    /// <summary>
    /// Takes a slab in. values and indices are heaps: each query's k best in no order, the worst in row 0; of equal similarities the earlier row is the better one, so that the set
    /// does not depend on the slabs. Where fewer than k rows came, the rest is -infinity with index 0xFFFFFFFF.
    /// </summary>
    public static void Forward(Recorder gpu, Tensor similarities, Tensor window, Tensor values, Tensor indices)
    {
        var (rows, queries) = RowWork.Require2D(similarities);
        var (k, _) = values.Shape.As2D();
        Shape.Require([WindowWords], window);
        Shape.Require([k, queries], values);
        Shape.Require([k, queries], indices);
        if (window.Type != DType.UInt32 || indices.Type != DType.UInt32)
        {
            throw new ShapeException($"TopK: '{window.Name}' is {window.Type} and '{indices.Name}' {indices.Type}; both must be UInt32.");
        }
        RowWork.RequireSingle(similarities);
        var lanes = gpu.Caps.CpuKernels ? 8 * 4 : 64;
        foreach (var (start, count) in gpu.RowRuns(similarities))
        {
            gpu.Dispatch(RowWork.Pick(gpu, Fwd, FwdWord), OpMath.CeilDiv(queries, lanes), new((uint)count, (uint)start, (uint)queries, (uint)k),
                reads: [similarities.Rows(start, count), window], writes: [values, indices], new DispatchCost((double)count * queries, similarities.RowBytes * count), $"{count}x{queries} k{k}");
        }
    }
}
