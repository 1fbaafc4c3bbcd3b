using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Losses;

/// <summary>
/// A run of rows as a kernel binds it: a range that starts at or before the first row, at an offset that the device allows, and the first row's
/// position in it in vec4 words. The losses need it because the rows of view 2 start in the middle of a tensor, where no offset need be aligned.
/// </summary>
internal readonly record struct RowWindow(BufferView View, uint At)
{
    private const int GroupsInFlight = 512;

    /// <summary>The largest number of rows of a tensor, of those asked for, that one window can hold. Row sizes are multiples of 16 bytes.</summary>
    /// <exception cref="ShapeException">Not even one tile of rows fits.</exception>
    public static int MostRows(DeviceCaps caps, Tensor tensor, int rows, int tile)
    {
        if (tensor.View.Bytes <= caps.MaxStorageBufferRange)
        {
            return rows;
        }
        var most = (caps.MaxStorageBufferRange - caps.MinStorageBufferOffsetAlignment) / tensor.RowBytes / tile * tile;
        return most > 0
            ? (int)Math.Min(rows, most)
            : throw new ShapeException($"'{tensor.Name}' {tensor.Shape}: {tile} rows of {tensor.RowBytes} bytes are above the device's maxStorageBufferRange of {caps.MaxStorageBufferRange}.");
    }

    /// <summary>The window on rows start .. start + count of the tensor's first dimension.</summary>
    public static RowWindow Of(DeviceCaps caps, Tensor tensor, int start, int count)
    {
        if (tensor.View.Bytes <= caps.MaxStorageBufferRange)
        {
            return new(tensor.View, (uint)(start * tensor.RowBytes / 16));
        }
        var first = tensor.View.Offset + (start * tensor.RowBytes);
        var slack = first % caps.MinStorageBufferOffsetAlignment;
        return new(tensor.View.Slice((start * tensor.RowBytes) - slack, (count * tensor.RowBytes) + slack), (uint)(slack / 16));
    }

    /// <summary>Cuts 0 .. rows into runs of at most <paramref name="most"/> rows.</summary>
    public static IEnumerable<(int Start, int Count)> Runs(int rows, int most)
    {
        for (var start = 0; start < rows; start += most)
        {
            yield return (start, Math.Min(most, rows - start));
        }
    }

    /// <summary>How many workgroups share the columns of one row tile so that a GPU has enough of them in flight; one on a CPU.</summary>
    public static int Splits(DeviceCaps caps, long rowTiles, long columnTiles) =>
        caps.CpuKernels ? 1 : (int)Math.Clamp(OpMath.CeilDiv(GroupsInFlight, rowTiles), 1, Math.Min(columnTiles, 16));
}
