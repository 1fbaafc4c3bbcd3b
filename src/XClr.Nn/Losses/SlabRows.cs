using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Losses;

/// <summary>Columns of a slab: <paramref name="Count"/> rows of <paramref name="Tensor"/> from First on, and as many from Second on where Second is not negative.</summary>
internal readonly record struct SlabColumns(Tensor Tensor, int First, int Count, int Second = -1);

/// <summary>The product that ends each slab of a contrastive backward: dz[row ..] (+)= slab * columns.</summary>
internal static class SlabRows
{
    private readonly record struct RowsParams(uint Rows, uint Words, uint Cols, uint Two, uint Pitch, uint Col1At, uint Col2At, uint OutAt, uint Add);

    private static readonly Kernel<RowsParams> Bwd = new("loss/contrastive_rows_bwd", reads: 3, writes: 1);
    private static readonly Kernel<RowsParams> BwdWord = new("loss/contrastive_rows_bwd_word", reads: 3, writes: 1, texels: 3);

    /// <summary>Slab: [rows, padded columns of the first window, then of the second]; dz: [.., P], written from <paramref name="row"/> on.</summary>
    public static void Add(Recorder gpu, Tensor slab, SlabColumns columns, Tensor dz, int row, bool add)
    {
        var (rows, width) = slab.Shape.As2D();
        var words = dz.Shape[1] / 4;
        var two = columns.Second >= 0;
        var first = RowWindow.Of(gpu.Caps, columns.Tensor, columns.First, columns.Count);
        var second = two ? RowWindow.Of(gpu.Caps, columns.Tensor, columns.Second, columns.Count) : first;
        var target = RowWindow.Of(gpu.Caps, dz, row, rows);
        var p = new RowsParams((uint)rows, (uint)words, (uint)columns.Count, two ? 1u : 0u, (uint)width / 4, first.At, second.At, target.At, add ? 1u : 0u);
        var (kernel, rowTile) = gpu.Caps.CpuKernels ? (BwdWord, 16) : (Bwd, 64);
        gpu.Dispatch(kernel, OpMath.CeilDiv(rows, rowTile) * OpMath.CeilDiv(words, 16), p, reads: [slab, first.View, second.View], writes: [target.View],
            new DispatchCost(2.0 * rows * dz.Shape[1] * columns.Count * (two ? 2 : 1)), $"{rows}x{dz.Shape[1]}x{columns.Count * (two ? 2 : 1)}");
    }
}
