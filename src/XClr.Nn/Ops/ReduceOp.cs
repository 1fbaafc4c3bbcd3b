using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>Sums of columns in a fixed order, shared by ops that need them (a bias's gradient). fp32.</summary>
public static class ReduceOp
{
    private readonly record struct BlocksParams(uint M, uint Quads, uint RowsPerBlock, uint FirstBlock);
    private readonly record struct FinalParams(uint M, uint Quads, uint Accumulate);

    private static readonly Kernel<BlocksParams> Blocks = new("pointwise/reduce_blocks", reads: 1, writes: 1);
    private static readonly Kernel<BlocksParams> BlocksWord = new("pointwise/reduce_blocks_word", reads: 1, writes: 1, texels: 1);
    private static readonly Kernel<FinalParams> Final = new("pointwise/reduce_final", reads: 1, writes: 1);
    private static readonly Kernel<FinalParams> FinalWord = new("pointwise/reduce_final_word", reads: 1, writes: 1, texels: 1);

    /// <summary>Up to this many rows are summed in one dispatch.</summary>
    private const int DirectRows = 1024;

    /// <summary>y = sum over rows of x, or y += that. x: [...,C] seen as [M,C], C a multiple of 4; y: [C].</summary>
    public static void ColumnSums(Recorder gpu, Tensor x, Tensor y, bool accumulate = false)
    {
        var (m, c) = RowWork.Require2D(x);
        Shape.Require([c], y);
        var rows = m <= DirectRows && x.Bytes <= gpu.Caps.MaxStorageBufferRange ? RowWork.Flat(x) : BlockSums(gpu, RowWork.Flat(x));
        gpu.Dispatch(RowWork.Pick(gpu, Final, FinalWord), RowWork.MergeGroups(gpu, c / 4), new((uint)rows.Shape[0], (uint)c / 4, accumulate ? 1u : 0u),
            reads: [rows], writes: [y], new DispatchCost((double)rows.Shape.Count), $"{rows.Shape[0]}x{c}");
    }

    private static Tensor BlockSums(Recorder gpu, Tensor x)
    {
        var (m, c) = x.Shape.As2D();
        var rowsPerBlock = RowWork.RowsPerBlock(gpu, m, c / 4);
        var sums = gpu.NewTensor($"{x.Name}.sums", new Shape((int)CeilDiv(m, rowsPerBlock), c), MemoryCategory.Workspace);
        foreach (var (start, count) in RowWork.Runs(gpu, rowsPerBlock, x))
        {
            gpu.Dispatch(RowWork.Pick(gpu, Blocks, BlocksWord), RowWork.Groups(gpu, count, c / 4, rowsPerBlock),
                new((uint)count, (uint)c / 4, (uint)rowsPerBlock, (uint)(start / rowsPerBlock)),
                reads: [x.Rows(start, count)], writes: [sums], new DispatchCost((double)count * c, 4L * count * c), $"{count}x{c}");
        }
        return sums;
    }
}
