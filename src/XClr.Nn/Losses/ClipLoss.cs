using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Losses;

/// <summary>
/// What CLIP's loss compares, all rows L2-normalised, P a multiple of 4. Images: this device's [2n,P], view 1, then view 2; Texts: their captions [n,P]; the
/// columns are those of all devices, [2N,P] and [N,P]; the device's samples are FirstSample .. FirstSample + n - 1.
/// </summary>
public sealed record ClipRows(Tensor Images, Tensor Texts, Tensor ImageColumns, Tensor TextColumns, int FirstSample)
{
    /// <summary>One device: the rows are the columns.</summary>
    public ClipRows(Tensor images, Tensor texts)
        : this(images, texts, images, texts, 0)
    {
    }

    /// <summary>n, samples of this device.</summary>
    public int Local => Texts.Shape[0];

    /// <summary>N, samples of all devices.</summary>
    public int Total => TextColumns.Shape[0];

    internal void Require(Tensor logitScale)
    {
        Shape.Require([Local, -1], Texts);
        var p = Texts.Shape[1];
        Shape.Require([2 * Local, p], Images);
        Shape.Require([2 * Total, p], ImageColumns);
        Shape.Require([Total, p], TextColumns);
        Shape.Require([1], logitScale);
        if (p % 4 != 0 || FirstSample < 0 || FirstSample + Local > Total)
        {
            throw new ShapeException($"ClipLoss: texts {Texts.Shape} from sample {FirstSample} on do not suit columns {TextColumns.Shape}; P must be a multiple of 4.");
        }
    }
}

/// <summary>
/// CLIP's loss with logits exp(logitScale) u_i . t_j: per view, the mean of both directions' cross-entropies with the own caption (image) as target; the mean over
/// the two views. Repeated captions stay negatives. Streams like <see cref="ContrastiveLoss"/>: memory O(N).
/// </summary>
public static class ClipLoss
{
    /// <summary>Floats per row of a state: log-sum-exp, mean logit, own logit, 0.</summary>
    public const int StateWidth = 4;

    private const int Tile = 64;
    private const int WordTile = 8;
    private const int SlabWidth = 512;
    private const int Directions = 4;

    private readonly record struct TileParams(
        uint Rows, uint FirstRow, uint Cols, uint FirstCol, uint Words, uint RowAt, uint ColAt, uint Splits, uint Resume, uint StateRowAt, uint StateColAt, uint Samples);

    private readonly record struct MergeParams(uint Rows, uint Parts, uint StateRowAt);

    private readonly record struct TermsParams(uint Samples);

    private readonly record struct ScaleParams(uint Rows, uint Samples);

    // One direction and view: rows First .. First + count of X against columns of Y.
    private readonly record struct Direction(Tensor X, int XFirst, Tensor Y, int YFirst);

    private static readonly Kernel<TileParams> Fwd = new("loss/clip_fwd", reads: 3, writes: 1);
    private static readonly Kernel<TileParams> FwdWord = new("loss/clip_fwd_word", reads: 3, writes: 1, texels: 2);
    private static readonly Kernel<MergeParams> Merge = new("loss/clip_merge_fwd", reads: 1, writes: 1);
    private static readonly Kernel<TermsParams> Terms = new("loss/clip_terms_fwd", reads: 1, writes: 1);
    private static readonly Kernel<TileParams> Bwd = new("loss/clip_bwd", reads: 5, writes: 1);
    private static readonly Kernel<TileParams> BwdWord = new("loss/clip_bwd_word", reads: 5, writes: 1, texels: 3);
    private static readonly Kernel<ScaleParams> Scale = new("loss/clip_scale_bwd", reads: 2, writes: 1);

    /// <summary>
    /// Computes the loss of the local rows. state: out, [4n,4], rows of view 1 to text, of view 2 to text, of text to view 1, of text to view 2; loss: out, [1]; stats: out, [4] as in
    /// <see cref="ContrastiveLoss.Forward"/> (entropy 0 and own share 1, as the target is the own caption; the standard deviation is that of the images' rows).
    /// </summary>
    public static void Forward(Recorder gpu, ClipRows rows, Tensor logitScale, Tensor state, Tensor loss, Tensor stats)
    {
        rows.Require(logitScale);
        Shape.Require([Directions * rows.Local, StateWidth], state);
        Shape.Require([1], loss);
        Shape.Require([4], stats);
        for (var d = 0; d < Directions; d++)
        {
            ForwardDirection(gpu, rows, Of(rows, d), d, logitScale, state);
        }
        var terms = gpu.NewTensor("clip_terms", new Shape(rows.Local, 4), MemoryCategory.Workspace);
        gpu.Dispatch(Terms, OpMath.CeilDiv(rows.Local, 64), new TermsParams((uint)rows.Local), reads: [state], writes: [terms], detail: $"{rows.Local}");
        ContrastiveLoss.Reduce(gpu, rows.Images, terms, loss, stats);
    }

    /// <summary>
    /// Gradients of the global loss (times the step's loss scale) with respect to the local rows, and this device's part of logit_scale's: dImages [2n,P], dTexts [n,P],
    /// dLogitScale [1]. <paramref name="allStates"/>: states of all samples, [4N,4], each of the four directions gathered in the samples' order; on one device the forward's own, as
    /// <paramref name="state"/> is.
    /// </summary>
    public static void Backward(Recorder gpu, ClipRows rows, Tensor logitScale, Tensor state, Tensor allStates, Tensor stepVariables, Tensor dImages, Tensor dTexts, Tensor dLogitScale)
    {
        rows.Require(logitScale);
        Shape.Require([Directions * rows.Local, StateWidth], state);
        Shape.Require([Directions * rows.Total, StateWidth], allStates);
        Shape.Require(rows.Images.Shape.Dims, dImages);
        Shape.Require(rows.Texts.Shape.Dims, dTexts);
        Shape.Require([1], dLogitScale);
        for (var d = 0; d < Directions; d++)
        {
            var toText = d < 2;
            BackwardDirection(gpu, rows, Of(rows, d), d, logitScale, allStates, stepVariables, toText ? dImages : dTexts, toText ? d * rows.Local : 0, add: d == 3);
        }
        gpu.Dispatch(Scale, 1, new ScaleParams((uint)(Directions * rows.Local), (uint)rows.Total), reads: [state, stepVariables], writes: [dLogitScale], detail: $"{rows.Local}");
    }

    private static Direction Of(ClipRows rows, int d) => d < 2
        ? new(rows.Images, d * rows.Local, rows.TextColumns, 0)
        : new(rows.Texts, 0, rows.ImageColumns, (d - 2) * rows.Total);

    private static void ForwardDirection(Recorder gpu, ClipRows all, Direction pass, int d, Tensor logitScale, Tensor state)
    {
        var (rowTile, lanes) = gpu.Caps.CpuKernels ? (WordTile, 8) : (Tile, 16);
        var mostRows = RowWindow.MostRows(gpu.Caps, pass.X, all.Local, Tile);
        var mostCols = RowWindow.MostRows(gpu.Caps, pass.Y, all.Total, Tile);
        var splits = RowWindow.Splits(gpu.Caps, OpMath.CeilDiv(Math.Min(all.Local, mostRows), rowTile), OpMath.CeilDiv(Math.Min(all.Total, mostCols), Tile));
        var parts = splits * lanes;
        mostRows = (int)Math.Min(mostRows, gpu.Caps.MaxStorageBufferRange / (parts * 16L) / Tile * Tile);
        foreach (var (row, rows) in RowWindow.Runs(all.Local, mostRows))
        {
            var partial = gpu.NewTensor("clip_partial", new Shape(parts, rows, 4), MemoryCategory.Workspace);
            foreach (var (col, cols) in RowWindow.Runs(all.Total, mostCols))
            {
                var p = TileOf(gpu.Caps, all, pass, (row, rows), (col, cols), out var x, out var y) with { Splits = (uint)splits, Resume = col > 0 ? 1u : 0u };
                gpu.Dispatch(RowWork.Pick(gpu, Fwd, FwdWord), OpMath.CeilDiv(rows, rowTile) * splits, p, reads: [x, y, logitScale], writes: [partial],
                    new DispatchCost(2.0 * rows * cols * pass.X.Shape[1]), $"{rows}x{cols}");
            }
            gpu.Dispatch(Merge, OpMath.CeilDiv(rows, 64), new MergeParams((uint)rows, (uint)parts, (uint)((d * all.Local) + row)), reads: [partial], writes: [state], detail: $"{rows}");
        }
    }

    private static void BackwardDirection(Recorder gpu, ClipRows all, Direction pass, int d, Tensor logitScale, Tensor allStates, Tensor stepVariables, Tensor dx, int firstOut, bool add)
    {
        var rowTile = gpu.Caps.CpuKernels ? WordTile : Tile;
        var mostCols = Math.Min(RowWindow.MostRows(gpu.Caps, pass.Y, all.Total, Tile), SlabWidth);
        var pitch = OpMath.CeilDiv(Math.Min(mostCols, all.Total), Tile) * Tile;
        var mostRows = (int)Math.Min(RowWindow.MostRows(gpu.Caps, pass.X, all.Local, Tile), gpu.Caps.MaxStorageBufferRange / (pitch * 4) / Tile * Tile);
        foreach (var (row, rows) in RowWindow.Runs(all.Local, mostRows))
        {
            foreach (var (col, cols) in RowWindow.Runs(all.Total, mostCols))
            {
                var tiles = (int)OpMath.CeilDiv(cols, Tile);
                var slab = gpu.NewTensor("clip_slab", new Shape(rows, tiles * Tile), MemoryCategory.Workspace);
                var p = TileOf(gpu.Caps, all, pass, (row, rows), (col, cols), out var x, out var y) with
                {
                    Splits = (uint)tiles,
                    StateRowAt = (uint)((d * all.Total) + all.FirstSample + row),
                    StateColAt = (uint)(((d + 2) % Directions * all.Total) + col),
                };
                gpu.Dispatch(RowWork.Pick(gpu, Bwd, BwdWord), OpMath.CeilDiv(rows, rowTile) * tiles, p, reads: [x, y, allStates, logitScale, stepVariables], writes: [slab],
                    new DispatchCost(2.0 * rows * cols * pass.X.Shape[1]), $"{rows}x{cols}");
                SlabRows.Add(gpu, slab, new SlabColumns(pass.Y, pass.YFirst + col, cols), dx, firstOut + row, add || col > 0);
            }
        }
    }

    private static TileParams TileOf(DeviceCaps caps, ClipRows all, Direction pass, (int Start, int Count) row, (int Start, int Count) col, out BufferView x, out BufferView y)
    {
        var (rows, cols) = (RowWindow.Of(caps, pass.X, pass.XFirst + row.Start, row.Count), RowWindow.Of(caps, pass.Y, pass.YFirst + col.Start, col.Count));
        (x, y) = (rows.View, cols.View);
        return new TileParams((uint)row.Count, (uint)(all.FirstSample + row.Start), (uint)col.Count, (uint)col.Start, (uint)(pass.X.Shape[1] / 4), rows.At, cols.At,
            Splits: 1, Resume: 0, StateRowAt: 0, StateColAt: 0, (uint)all.Total);
    }
}
