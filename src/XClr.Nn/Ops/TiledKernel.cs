using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>A specialised kernel of a matrix product, and the rows and columns of the tile that one of its workgroups computes.</summary>
internal readonly record struct TiledKernel<T>(Kernel<T> Kernel, int Rows, int Columns) where T : unmanaged
{
    /// <summary>Workgroups of a product of so many rows and columns.</summary>
    public long Groups(long rows, long columns) => CeilDiv(rows, Rows) * CeilDiv(columns, Columns);
}
