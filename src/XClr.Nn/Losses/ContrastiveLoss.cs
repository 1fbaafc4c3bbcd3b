using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Losses;

/// <summary>
/// What the loss compares. Rows: this device's projections [2n,P], view 1 of its samples, then view 2, L2-normalised, P a multiple of 4; columns: those of
/// all devices [2N,P] in the same layout; the device's samples are FirstSample .. FirstSample + n - 1 of all.
/// </summary>
public sealed record ContrastiveRows(Tensor Rows, Tensor Columns, int FirstSample)
{
    /// <summary>One device: the rows are the columns.</summary>
    public ContrastiveRows(Tensor z)
        : this(z, z, 0)
    {
    }

    /// <summary>n, samples of this device.</summary>
    public int Local => Rows.Shape[0] / 2;

    /// <summary>N, samples of all devices.</summary>
    public int Total => Columns.Shape[0] / 2;

    internal void Require()
    {
        Shape.Require([2 * Local, -1], Rows);
        Shape.Require([2 * Total, Rows.Shape[1]], Columns);
        if (Rows.Shape[1] % 4 != 0 || FirstSample < 0 || FirstSample + Local > Total)
        {
            throw new ShapeException($"ContrastiveLoss: rows {Rows.Shape} from sample {FirstSample} on do not suit columns {Columns.Shape}; P must be a multiple of 4.");
        }
    }
}

/// <summary>
/// Soft-target contrastive loss: SimCLR, SupCon and X-CLR by <see cref="ContrastiveTargets"/>. With l_ij = z_i.z_j/tau and p, s the softmaxes over j != i of
/// logits and targets: loss = mean over rows of -sum_j s_ij log p_ij. Columns are streamed: memory is O(N), at most <see cref="SlabSamples"/> columns' coefficients at a time
/// in the backward. Across devices, gather z before the forward and the states before the backward: dz is then the exact gradient of the
/// global loss with respect to the local rows.
/// </summary>
public static class ContrastiveLoss
{
    /// <summary>Column samples whose coefficients the backward holds at a time: 16 bytes per row sample and column sample.</summary>
    public const int SlabSamples = 256;

    /// <summary>Floats per sample of the saved state: log-sum-exp of both rows' logits, 1 / sum of target weights, 0.</summary>
    public const int StateWidth = 4;

    private const int Tile = 32;
    private const int WordTile = 4;
    private const int MomentRows = 128;

    private readonly record struct TileParams(
        uint Rows, uint FirstRow, uint Cols, uint FirstCol, uint ZWords, uint TextWords, uint ZRow1At, uint ZRow2At, uint ZCol1At, uint ZCol2At, uint TextRowAt, uint TextColAt,
        uint Classes, float InvTau, float InvTauS, uint Splits, uint Resume, uint Samples, uint StateRowAt);

    private readonly record struct MergeParams(uint Rows, uint Parts, uint StateRowAt);

    private readonly record struct MomentParams(uint Rows, uint Words, uint ChunkRows, uint FirstChunk);

    private readonly record struct StatsParams(uint Samples, uint Chunks, uint Dims);

    private static readonly Kernel<TileParams> Fwd = new("loss/contrastive_fwd", reads: 8, writes: 1);
    private static readonly Kernel<TileParams> FwdWord = new("loss/contrastive_fwd_word", reads: 8, writes: 1, texels: 6);
    private static readonly Kernel<MergeParams> Merge = new("loss/contrastive_merge_fwd", reads: 1, writes: 2);
    private static readonly Kernel<MomentParams> Moments = new("loss/embedding_std_fwd", reads: 1, writes: 1);
    private static readonly Kernel<StatsParams> Stats = new("loss/contrastive_stats_fwd", reads: 2, writes: 2);
    private static readonly Kernel<TileParams> Bwd = new("loss/contrastive_bwd", reads: 11, writes: 1);
    private static readonly Kernel<TileParams> BwdWord = new("loss/contrastive_bwd_word", reads: 11, writes: 1, texels: 8);

    /// <summary>Computes the loss of the local rows.</summary>
    /// <param name="gpu">Records the dispatches.</param>
    /// <param name="z">Rows and columns.</param>
    /// <param name="targets">Targets over all N samples.</param>
    /// <param name="tau">Temperature of the logits.</param>
    /// <param name="state">Out: what the backward needs, [n,4], in the samples' order.</param>
    /// <param name="loss">Out: mean over the local rows, [1].</param>
    /// <param name="stats">
    /// Out: [4] = loss, mean entropy of the targets (nats), mean share of the target on the sample's own other view, standard deviation over local rows of each
    /// dimension of z, averaged over dimensions.
    /// </param>
    public static void Forward(Recorder gpu, ContrastiveRows z, ContrastiveTargets targets, float tau, Tensor state, Tensor loss, Tensor stats)
    {
        Require(gpu.Caps, z, targets, tau);
        Shape.Require([z.Local, StateWidth], state);
        Shape.Require([1], loss);
        Shape.Require([4], stats);
        var (rowTile, lanes) = gpu.Caps.CpuKernels ? (WordTile, 8) : (Tile, 16);
        var terms = gpu.NewTensor("contrastive_terms", new Shape(z.Local, 4), MemoryCategory.Workspace);
        var mostCols = MostSamples(gpu.Caps, z.Columns, targets, z.Total);
        var mostRows = MostSamples(gpu.Caps, z.Rows, targets, z.Local);
        var splits = RowWindow.Splits(gpu.Caps, OpMath.CeilDiv(Math.Min(z.Local, mostRows), rowTile), OpMath.CeilDiv(Math.Min(z.Total, mostCols), Tile));
        var parts = splits * lanes;
        mostRows = (int)Math.Min(mostRows, gpu.Caps.MaxStorageBufferRange / (parts * 32L) / Tile * Tile);
        foreach (var (row, rows) in RowWindow.Runs(z.Local, mostRows))
        {
            var partial = gpu.NewTensor("contrastive_partial", new Shape(parts, rows, 8), MemoryCategory.Workspace);
            foreach (var (col, cols) in RowWindow.Runs(z.Total, mostCols))
            {
                var p = TileOf(gpu.Caps, z, targets, tau, (row, rows), (col, cols), out var reads) with { Splits = (uint)splits, Resume = col > 0 ? 1u : 0u };
                gpu.Dispatch(RowWork.Pick(gpu, Fwd, FwdWord).With(targets.Kind), OpMath.CeilDiv(rows, rowTile) * splits, p, reads, writes: [partial],
                    new DispatchCost(PairFlops(z, targets) * rows * cols), $"{rows}x{cols}");
            }
            gpu.Dispatch(Merge, OpMath.CeilDiv(rows, 64), new MergeParams((uint)rows, (uint)parts, (uint)row), reads: [partial], writes: [state, terms], detail: $"{rows}");
        }
        Reduce(gpu, z.Rows, terms, loss, stats);
    }

    /// <summary>
    /// dz = the step's loss scale times the gradient of the global loss (mean over all 2N rows) with respect to the local rows. <paramref name="allStates"/>: the forward's states
    /// of all samples, [N,4]; on one device the forward's own.
    /// </summary>
    public static void Backward(Recorder gpu, ContrastiveRows z, ContrastiveTargets targets, float tau, Tensor allStates, Tensor stepVariables, Tensor dz)
    {
        Require(gpu.Caps, z, targets, tau);
        Shape.Require([z.Total, StateWidth], allStates);
        Shape.Require(z.Rows.Shape.Dims, dz);
        var rowTile = gpu.Caps.CpuKernels ? WordTile : Tile;
        var mostCols = Math.Min(MostSamples(gpu.Caps, z.Columns, targets, z.Total), SlabSamples);
        var pitch = (int)OpMath.CeilDiv(Math.Min(mostCols, z.Total), Tile) * Tile;
        var mostRows = (int)Math.Min(MostSamples(gpu.Caps, z.Rows, targets, z.Local), gpu.Caps.MaxStorageBufferRange / (pitch * 16L) / Tile * Tile);
        foreach (var (row, rows) in RowWindow.Runs(z.Local, mostRows))
        {
            foreach (var (col, cols) in RowWindow.Runs(z.Total, mostCols))
            {
                var tiles = (int)OpMath.CeilDiv(cols, Tile);
                var slab = gpu.NewTensor("contrastive_slab", new Shape(2 * rows, 2 * tiles * Tile), MemoryCategory.Workspace);
                var p = TileOf(gpu.Caps, z, targets, tau, (row, rows), (col, cols), out var reads) with { Splits = (uint)tiles, StateRowAt = (uint)(z.FirstSample + row) };
                gpu.Dispatch(RowWork.Pick(gpu, Bwd, BwdWord).With(targets.Kind), OpMath.CeilDiv(rows, rowTile) * tiles, p, [.. reads[..6], allStates, allStates, .. reads[6..], stepVariables], writes: [slab],
                    new DispatchCost(PairFlops(z, targets) * rows * cols), $"{rows}x{cols}");
                var columns = new SlabColumns(z.Columns, col, cols, z.Total + col);
                SlabRows.Add(gpu, slab.Rows(0, rows), columns, dz, row, add: col > 0);
                SlabRows.Add(gpu, slab.Rows(rows, rows), columns, dz, z.Local + row, add: col > 0);
            }
        }
    }

    /// <summary>Terms [n,4] = (loss of two rows, entropy, own share) and z's moments to loss and stats.</summary>
    internal static void Reduce(Recorder gpu, Tensor z, Tensor terms, Tensor loss, Tensor stats)
    {
        var words = z.Shape[1] / 4;
        var runs = gpu.RowRuns(z).ToArray();
        var chunks = (int)runs.Sum(r => OpMath.CeilDiv(r.Count, MomentRows));
        var moments = gpu.NewTensor("embedding_moments", new Shape(chunks, 4 * words, 4), MemoryCategory.Workspace);
        uint first = 0;
        foreach (var (start, count) in runs)
        {
            var p = new MomentParams((uint)count, (uint)words, MomentRows, first);
            var here = OpMath.CeilDiv(count, MomentRows);
            gpu.Dispatch(Moments, OpMath.CeilDiv(here * words, 32), p, reads: [z.Rows(start, count)], writes: [moments], detail: $"{count}x{4 * words}");
            first += (uint)here;
        }
        gpu.Dispatch(Stats, 1, new StatsParams((uint)terms.Shape[0], (uint)chunks, (uint)(4 * words)), reads: [terms, moments], writes: [loss, stats], detail: $"{terms.Shape[0]}");
    }

    private static void Require(DeviceCaps caps, ContrastiveRows z, ContrastiveTargets targets, float tau)
    {
        z.Require();
        targets.Require(caps, z.Total);
        if (!(tau > 0) || !float.IsFinite(1 / tau))
        {
            throw new ShapeException($"ContrastiveLoss: tau must be positive and finite, not {tau}.");
        }
    }

    private static int MostSamples(DeviceCaps caps, Tensor z, ContrastiveTargets targets, int samples)
    {
        var most = RowWindow.MostRows(caps, z, samples, Tile);
        return targets.TextTensor is { } text ? Math.Min(most, RowWindow.MostRows(caps, text, samples, Tile)) : most;
    }

    private static TileParams TileOf(DeviceCaps caps, ContrastiveRows z, ContrastiveTargets targets, float tau, (int Start, int Count) row, (int Start, int Count) col, out BufferView[] reads)
    {
        var rows1 = RowWindow.Of(caps, z.Rows, row.Start, row.Count);
        var rows2 = RowWindow.Of(caps, z.Rows, z.Local + row.Start, row.Count);
        var cols1 = RowWindow.Of(caps, z.Columns, col.Start, col.Count);
        var cols2 = RowWindow.Of(caps, z.Columns, z.Total + col.Start, col.Count);
        // Bindings that the target does not use get a range that exists.
        var (textRows, textCols, textWords) = (rows1 with { At = 0 }, rows1 with { At = 0 }, 0);
        if (targets.TextTensor is { } text)
        {
            textRows = RowWindow.Of(caps, text, z.FirstSample + row.Start, row.Count);
            textCols = RowWindow.Of(caps, text, col.Start, col.Count);
            textWords = text.Shape[1] / 4;
        }
        reads = [rows1.View, rows2.View, cols1.View, cols2.View, textRows.View, textCols.View, targets.SimilarityTensor?.View ?? rows1.View, targets.LabelTensor?.View ?? rows1.View];
        return new TileParams(
            (uint)row.Count, (uint)(z.FirstSample + row.Start), (uint)col.Count, (uint)col.Start, (uint)(z.Rows.Shape[1] / 4), (uint)textWords, rows1.At, rows2.At, cols1.At, cols2.At,
            textRows.At, textCols.At, (uint)(targets.SimilarityTensor?.Shape[0] ?? 0), 1 / tau, targets.InverseTauS, Splits: 1, Resume: 0, (uint)z.Total, (uint)row.Start);
    }

    // Four products of P and one of D per pair of samples; exponentials are not counted.
    private static double PairFlops(ContrastiveRows z, ContrastiveTargets targets) => (8.0 * z.Rows.Shape[1]) + (2.0 * (targets.TextTensor?.Shape[1] ?? 0));
}
