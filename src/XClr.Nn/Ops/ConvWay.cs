using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>Variants of the convolution kernels.</summary>
internal enum ConvVariant
{
    Portable,
    Word,
    LaneRow,
    Matrices,
}

/// <summary>A way to compute one direction of a convolution: variant and tile, for <see cref="ConvVariant.Matrices"/> its shares, for a weight gradient the parts of its sum (0: none of that).</summary>
internal readonly record struct ConvWay(ConvVariant Variant, int Rows, int Columns, MatrixTile? Tile = null, int Parts = 0)
{
    /// <summary>"Word 16x128", "Matrices 128x64 of 16x16x16, 2x2 subgroups, 32 deep, 8 parts".</summary>
    public string Name => $"{Variant} {Rows}x{Columns}{Tile}{(Parts > 0 ? $", {Parts} parts" : "")}";

    /// <summary>All ways that this device has for this work; of a weight gradient each tile with half, all and twice the parts that the cost model takes.</summary>
    public static IEnumerable<ConvWay> Candidates(DeviceCaps caps, ConvWork work)
    {
        var tiles = Tiles(caps, work);
        return work.Pass != ConvPass.BackwardWeight ? tiles : tiles.SelectMany(tile =>
        {
            var parts = Conv2dOp.PartCount(caps, work.Geometry, OpMath.CeilDiv(work.Rows, tile.Rows) * OpMath.CeilDiv(work.Columns, tile.Columns), tile.Variant, out var most);
            return new[] { parts, parts / 2, 2 * parts }.Where(p => p >= 1 && p <= most).Distinct().Select(p => tile with { Parts = p });
        });
    }

    private static IEnumerable<ConvWay> Tiles(DeviceCaps caps, ConvWork work)
    {
        var wide = Conv2dKernels.SuitsWide(work.Columns);
        if (caps.CpuKernels)
        {
            IEnumerable<ConvWay> word = [new(ConvVariant.Word, Conv2dKernels.WordRows, Conv2dKernels.TileColumns)];
            return [
                .. Conv2dKernels.HasLaneRows(caps, work.Storage) ? [new(ConvVariant.LaneRow, Conv2dKernels.LaneRows, Conv2dKernels.LaneTile(work.Pass, work.Rows, work.Columns))] : Array.Empty<ConvWay>(),
                .. wide ? word.Prepend(new(ConvVariant.Word, Conv2dKernels.WordRows, Conv2dKernels.WideColumns)) : word,
            ];
        }
        var matrices = MatrixTile.Tiles(caps, work.Storage).Where(t => t.Suits(work.Rows, work.Columns) && t.SubgroupColumns >= work.LeastColumns);
        int[] portable = work.NeedsMatrices ? [] : wide ? [Conv2dKernels.WideColumns, Conv2dKernels.TileColumns, Conv2dKernels.NarrowColumns] : [Conv2dKernels.TileColumns, Conv2dKernels.NarrowColumns];
        return [
            .. matrices.Select(t => new ConvWay(ConvVariant.Matrices, t.Rows, t.Columns, t)),
            .. portable.Select(columns => new ConvWay(ConvVariant.Portable, Conv2dKernels.TileRows, columns)),
        ];
    }
}
