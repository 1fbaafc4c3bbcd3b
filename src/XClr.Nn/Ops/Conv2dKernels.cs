using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>The kernels of the convolution and their launch: tiles, specialisation, choice of variant.</summary>
internal static class Conv2dKernels
{
    /// <summary>Rows of a workgroup's tile: portable, and for CPU drivers.</summary>
    public const int TileRows = 64, WordRows = 16;

    /// <summary>Rows of a workgroup of the kernels with one row per lane.</summary>
    public const int LaneRows = 64;

    // DEPTH4 of shaders/conv/conv2d_lanerow.glsl, where it divides the channels: half of a cache line of x. Rows of w that lie 4 KiB apart, or a multiple of that, displace each other in the
    // first-level cache from turn to turn, so a turn of the data gradient takes whole lines of them.
    private const int LaneDepth = 2, LineDepth = 4, FarRow = 256;

    /// <summary>Columns of a workgroup's tile and of the wide one; of the narrow one, where the compiler does the others badly.</summary>
    public const int TileColumns = 64, WideColumns = 128, NarrowColumns = 32;

    /// <summary>Columns whose signs share a word.</summary>
    public const int ColumnsPerWord = 32;

    /// <summary>Columns whose signs a subgroup with matrices stores together, and must have.</summary>
    public const int ColumnsPerStore = 16;

    /// <summary>Fields of shaders/conv/conv2d_params.glsl.</summary>
    public readonly record struct RowParams(int N, int P, int Q, int H, int W, int C4, int K4, int Stride, int Y0, int X0, int R, int S,
        int OutH, int OutW, int OutStride, int OutY, int OutX, int FirstBlock)
    {
        /// <summary>Rows of the product: pixels of the grid.</summary>
        public long M => (long)N * P * Q;

        /// <summary>Columns of the product.</summary>
        public long Columns => 4L * K4;

        /// <summary>Floating-point operations of the product.</summary>
        public double Flops => 2.0 * M * R * S * C4 * K4 * 16;
    }

    /// <summary>Fields of shaders/conv/conv2d_bwd_weight_params.glsl.</summary>
    public readonly record struct WeightParams(int N, int P, int Q, int H, int W, int C4, int K4, int Stride, int Pad, int R, int S, int Parts);

    /// <summary>Tap [r,s] of a residue class in w: row FirstR - r * Stride, column FirstS - s * Stride of KernelS.</summary>
    public readonly record struct TapOrder(int FirstR, int FirstS, int Stride, int KernelS)
    {
        /// <summary>The one tap of a 1x1 convolution.</summary>
        public static TapOrder Single => new(0, 0, 1, 1);
    }

    private readonly record struct TapsParams(int R, int S, TapOrder Order, int C4, int K4);

    // Fields of shaders/conv/conv2d_lanerow.glsl for a data gradient.
    private readonly record struct LaneDataParams(TapOrder Order, RowParams Rows);

    private static readonly KernelVariants<RowParams> Fwd = new("conv/conv2d_fwd", reads: 4, writes: 2, texels: 4, hasWide: true, hasMatrices: true);
    private static readonly KernelVariants<RowParams> FwdResidual = new("conv/conv2d_fwd_residual", reads: 7, writes: 2, texels: 0, hasMatrices: true, hasWord: false, hasPortable: false);
    private static readonly KernelVariants<RowParams> BwdData = new("conv/conv2d_bwd_data", reads: 4, writes: 2, texels: 4, hasWide: true, hasMatrices: true);
    private static readonly KernelVariants<RowParams> BwdDataNorm = new("conv/conv2d_bwd_data_norm", reads: 8, writes: 2, texels: 0, hasMatrices: true, hasWord: false);
    private static readonly KernelVariants<RowParams> BwdDataMoments = new("conv/conv2d_bwd_data_moments", reads: 10, writes: 2, texels: 0, hasMatrices: true, hasWord: false, hasPortable: false);
    private static readonly KernelVariants<TapsParams> Taps = new("conv/conv2d_bwd_data_taps", reads: 1, writes: 1, texels: 1);
    private static readonly KernelVariants<WeightParams> BwdWeight = new("conv/conv2d_bwd_weight", reads: 4, writes: 1, texels: 2, hasWide: true, hasMatrices: true, wordReads: 2);

    private static readonly Kernel<RowParams> FwdLaneRow = new("conv/conv2d_fwd_lanerow", reads: 4, writes: 1, pointers: 1);
    private static readonly Kernel<LaneDataParams> BwdDataLaneRow = new("conv/conv2d_bwd_data_lanerow", reads: 4, writes: 1, pointers: 1);
    private static readonly Kernel<WeightParams> BwdWeightLaneRow = new("conv/conv2d_bwd_weight_lanerow", reads: 2, writes: 1, pointers: 1);

    /// <summary>One dispatch of a forward convolution over a run of images. partials may be null; way: the measured one, null where the cost model chooses.</summary>
    public static void Forward(Recorder gpu, Tensor x, Tensor w, Tensor y, in RowParams p, ChannelNorm? norm, Tensor? partials, bool accumulate, ConvWay? way, string detail)
    {
        var (storage, add) = (RowWork.Storage(x, w, y), accumulate ? 1 : 0);
        var chosen = IsLaneRows(gpu.Caps, storage, way)
            ? LaneRow(FwdLaneRow, LaneTile(ConvPass.Forward, p.M, 4 * p.K4), [ChannelNorm.KindOf(norm), (uint)add, LaneTerms(p, LaneDepth), Plain(p)])
            : ChooseRows(gpu.Caps, Fwd, storage, p, [ChannelNorm.KindOf(norm), (uint)add, partials is null ? 0u : 1u], way);
        Rows(gpu, chosen, p, x, w, y, p, norm, partials, add, detail);
    }

    /// <summary>The kernel for a forward convolution with a residual sum in it, and its tile; null where this device has none, or the compiler does all badly.</summary>
    public static TiledKernel<RowParams>? ChooseResidual(DeviceCaps caps, DType storage, ConvGeometry g, ResidualKind kind, ConvWay? way)
    {
        if (!caps.StorageBuffer16Bit || g.K % ColumnsPerWord != 0)
        {
            return null;
        }
        var shape = MatrixShape(ForwardParams(g, g.N, 0));
        return way is { } measured
            ? Of(measured, FwdResidual, storage, [ResidualNorm(kind)], shape)
            : MatrixTile.Choose(caps, FwdResidual, storage, g.M, g.K, split: false, [ResidualNorm(kind), shape], ColumnsPerStore);
    }

    /// <summary>One dispatch of it over a run of images: normalised, with the residual added, and rectified; signs: [...,K/32] words.</summary>
    public static void ForwardResidual(Recorder gpu, TiledKernel<RowParams> chosen, Tensor x, Tensor w, Tensor residual, Tensor y, Tensor signs, in RowParams p, NormOnStore norm, NormOnLoad? residualNorm, string detail) =>
        gpu.Dispatch(chosen.Kernel, chosen.Groups(p.M, p.Columns), p,
            reads: [x, w, norm.Scale, norm.Shift, residual, residualNorm?.Scale ?? norm.Scale, residualNorm?.Shift ?? norm.Shift], writes: [y, signs],
            new DispatchCost(p.Flops, RowBytes(p, Tensor.SizeOf(RowWork.Storage(x, w, y, residual)), addEvery: 1) + p.M * p.K4 / 2), detail);

    // NORM of shaders/conv/conv2d_params.glsl.
    private static uint ResidualNorm(ResidualKind kind) => kind == ResidualKind.Normalised ? 5u : 4u;

    /// <summary>Of a forward convolution over so many images of a geometry's.</summary>
    public static RowParams ForwardParams(ConvGeometry g, int images, int firstBlock) =>
        new(images, g.OH, g.OW, g.H, g.W, g.C / 4, g.K / 4, g.Stride, -g.Pad, -g.Pad, g.R, g.S, g.OH, g.OW, 1, 0, 0, firstBlock);

    /// <summary>
    /// One dispatch of a residue class of a data gradient over a run of images; taps as <see cref="TransposeTaps"/> gives them, or w itself where <see cref="IsLaneRows"/>; addEvery as ADD of shaders/conv/conv2d_params.glsl.
    /// </summary>
    public static void BackwardData(Recorder gpu, Tensor dy, Tensor taps, Tensor dx, in RowParams p, TapOrder order, int addEvery, ConvWay? way, string detail)
    {
        var storage = RowWork.Storage(dy, taps, dx);
        if (IsLaneRows(gpu.Caps, storage, way))
        {
            var chosen = LaneRow(BwdDataLaneRow, LaneTile(ConvPass.BackwardData, p.M, 4 * p.K4), [0, (uint)addEvery, LaneTerms(p, p.C4 % FarRow == 0 ? LineDepth : LaneDepth), Plain(p), (uint)p.C4]);
            Rows(gpu, chosen, new(order, p), dy, taps, dx, p, null, null, addEvery, detail);
            return;
        }
        Rows(gpu, ChooseRows(gpu.Caps, BwdData, storage, p, [0, (uint)addEvery, 0], way), p, dy, taps, dx, p, null, null, addEvery, detail);
    }

    /// <summary>The same for a dx that is the gradient of a batch normalisation's output: masked by that one's ReLU, with its backward pass's sums in partials from block p.FirstBlock on. Not for CPU drivers.</summary>
    public static void BackwardData(Recorder gpu, Tensor dy, Tensor taps, Tensor dx, in RowParams p, NormPass norm, Tensor partials, int addEvery, ConvWay? way, string detail)
    {
        uint[] slots = [(uint)norm.Mask, (uint)addEvery];
        var storage = NormStorage(norm, dy, taps, dx);
        var chosen = ChooseRows(gpu.Caps, BwdDataNorm, storage, p, slots, way);
        var bytes = RowBytes(p, Tensor.SizeOf(storage), addEvery) + NormBytes(p, norm, storage);
        gpu.Dispatch(chosen.Kernel, chosen.Groups(p.M, p.Columns), p, reads: [dy, taps, .. NormSlots(norm)], writes: [dx, partials], new DispatchCost(p.Flops, bytes), detail);
    }

    /// <summary>The kernel for <see cref="Conv2dOp.BackwardDataMoments"/>, and its tile; null where this device has none, or the compiler does all badly.</summary>
    public static TiledKernel<RowParams>? ChooseMoments(DeviceCaps caps, DType storage, ConvGeometry g, ReluMask mask, ConvWay? way)
    {
        if (!g.IsPlain || g.K % MomentsOutputs != 0 || g.C % MomentsInputs != 0)
        {
            return null;
        }
        var (shape, slots) = (MatrixShape(g.K / 4, g.C / 4, isPlain: true, isInOrder: true), (uint[])[(uint)mask, 0]);
        return way is { } measured ? Of(measured, BwdDataMoments, storage, slots, shape) : MatrixTile.Choose(caps, BwdDataMoments, storage, g.M, g.C, split: false, [.. slots, shape]);
    }

    // Channels of each input that are whole steps of every tile, under one tap (SHAPE 4).
    private const int MomentsOutputs = 64, MomentsInputs = 32;

    /// <summary>One dispatch of it over a run of images.</summary>
    public static void BackwardDataMoments(Recorder gpu, TiledKernel<RowParams> chosen, Tensor dy, Tensor x, Tensor weights, Tensor offset, Tensor dx, in RowParams p, NormPass norm, Tensor partials, string detail)
    {
        var storage = NormStorage(norm, dy, weights, dx, x);
        var size = Tensor.SizeOf(storage);
        var bytes = RowBytes(p, size, addEvery: 0) + size * (p.M + 4 * p.K4) * p.K4 * 4 + NormBytes(p, norm, storage);
        gpu.Dispatch(chosen.Kernel, chosen.Groups(p.M, p.Columns), p, reads: [dy, weights, .. NormSlots(norm), x, offset], writes: [dx, partials],
            new DispatchCost(2.0 * p.M * (p.C4 + p.K4) * p.K4 * 16, bytes), detail);
    }

    // Slots 2 to 7 of the kernels with NORM_SUMS.
    private static BufferView[] NormSlots(NormPass norm) => [norm.X, norm.SignSource, norm.Gamma, norm.Beta, norm.Mean, norm.InvStd];

    private static DType NormStorage(NormPass norm, params ReadOnlySpan<Tensor> others) => RowWork.Storage([.. others, norm.X, norm.HasSigns ? norm.X : norm.SignSource]);

    // What is read of the normalisation below and its ReLU, and the sums.
    private static long NormBytes(in RowParams p, NormPass norm, DType storage)
    {
        var all = Tensor.SizeOf(storage) * p.M * p.K4 * 4;
        return (norm.Mask == ReluMask.FromSignsAlone ? 0 : all) + (norm.HasSigns ? p.M * p.K4 / 2 : norm.Mask == ReluMask.FromOutput ? all : 0) + CeilDiv(p.M, TileRows) * 8L * 4 * p.K4;
    }

    /// <summary>Whether the convolutions of such activations have kernels with one row per lane, which write no statistics.</summary>
    public static bool HasLaneRows(DeviceCaps caps, DType storage) => caps.LaneRowKernels && storage == DType.Float32;

    /// <summary>Whether this one is computed by them; way: the measured one.</summary>
    public static bool IsLaneRows(DeviceCaps caps, DType storage, ConvWay? way) => way is { } measured ? measured.Variant == ConvVariant.LaneRow : HasLaneRows(caps, storage);

    /// <summary>Whether a wide tile pads so many columns no further than the others do.</summary>
    public static bool SuitsWide(int columns) => CeilDiv(columns, WideColumns) * 2 == CeilDiv(columns, TileColumns);

    /// <summary>
    /// Columns of a lane: columns that are fewer than a tile are one smaller tile. The wide one must leave a forward pass enough workgroups (a weight gradient's parts do); the data gradient, which reads a cache line
    /// for each column, gains nothing from it.
    /// </summary>
    public static int LaneTile(ConvPass pass, long rows, int columns)
    {
        var isWide = SuitsWide(columns) && pass != ConvPass.BackwardData && (pass != ConvPass.Forward || CeilDiv(rows, LaneRows) * CeilDiv(columns, WideColumns) >= Conv2dOp.CpuGroups);
        return Math.Min(columns, isWide ? WideColumns : TileColumns);
    }

    private static void Rows<T>(Recorder gpu, TiledKernel<T> chosen, in T parameters, Tensor x, Tensor w, Tensor y, in RowParams p, ChannelNorm? norm, Tensor? partials, int addEvery, string detail) where T : unmanaged
    {
        // An unused slot binds a tensor that is there anyway.
        BufferView[] writes = [y, partials ?? y];
        gpu.Dispatch(chosen.Kernel, chosen.Groups(p.M, p.Columns), parameters, reads: [.. PointersFirst(chosen.Kernel, x, w), norm?.Scale ?? RowWork.Unused(w), norm?.Shift ?? RowWork.Unused(w)], writes: writes[..chosen.Kernel.Writes],
            new DispatchCost(p.Flops, RowBytes(p, Tensor.SizeOf(RowWork.Storage(x, w, y)), addEvery) + (partials is null ? 0 : CeilDiv(p.M, ConvEpilogue.RowsPerBlock(gpu.Caps)) * 8L * 4 * p.K4)), detail);
    }

    private static TiledKernel<RowParams> ChooseRows(DeviceCaps caps, KernelVariants<RowParams> variants, DType storage, in RowParams p, uint[] slots, ConvWay? way) => way is { } measured
        ? Of(measured, variants, storage, slots, MatrixShape(p))
        : MatrixTile.Choose(caps, variants, storage, p.M, 4 * p.K4, split: false, [.. slots, MatrixShape(p)]) ?? Choose(caps, storage, p.M, 4 * p.K4, variants, slots);

    // What one pass reads and writes, whatever caches serve again: the pixels that taps reach, the taps, the result, and what it is added to.
    private static long RowBytes(in RowParams p, int size, int addEvery) =>
        size * (Pixels(p.N, p.H, p.W, p.P, p.Q, p.R * p.S) * p.C4 * 4 + 16L * p.R * p.S * p.C4 * p.K4 + (p.M + (addEvery == 0 ? 0 : p.N * CeilDiv(p.P, addEvery) * CeilDiv(p.Q, addEvery))) * p.K4 * 4);

    private static long Pixels(long n, int h, int w, int p, int q, int taps) => n * Math.Min((long)h * w, (long)p * q * taps);

    /// <summary>Rows x columns taps of w: [R,S,C,K], mirrored and transposed, as a tensor [rows*columns,K,C]: a new one, or <paramref name="into"/>.</summary>
    public static Tensor TransposeTaps(Recorder gpu, Tensor w, int rows, int columns, TapOrder order, Tensor? into = null)
    {
        var (c, k) = (w.Shape[2], w.Shape[3]);
        var taps = into ?? gpu.NewTensor($"{w.Name}.taps", new Shape(rows * columns, k, c), MemoryCategory.Workspace, w.Type);
        gpu.Dispatch(Taps.For(gpu, RowWork.Storage(w)), (long)rows * columns * CeilDiv(c, 16) * CeilDiv(k, 64),
            new(rows, columns, order, c / 4, k / 4), reads: [w], writes: [taps], detail: $"{rows}x{columns}x{c}x{k}");
        return taps;
    }

    /// <summary>One dispatch of a weight gradient over a run of images: <paramref name="p"/>.Parts partial sums.</summary>
    public static void BackwardWeight(Recorder gpu, Tensor x, Tensor dy, Tensor parts, ConvGeometry g, in WeightParams p, NormOnLoad? prologue, ConvWay? way, string detail)
    {
        var chosen = ChooseWeight(gpu.Caps, RowWork.Storage(x, dy), g, prologue, way);
        // Kernels for CPU drivers have no prologue.
        BufferView[] reads = [.. PointersFirst(chosen.Kernel, x, dy), prologue?.Scale ?? RowWork.Unused(x), prologue?.Shift ?? RowWork.Unused(x)];
        gpu.Dispatch(chosen.Kernel, WeightGroups(g, chosen) * p.Parts, p, reads[..chosen.Kernel.Reads], writes: [parts],
            new DispatchCost(2.0 * p.N * p.P * p.Q * p.R * p.S * p.C4 * p.K4 * 16, WeightBytes(p, Tensor.SizeOf(x.Type))), detail);
    }

    private static long WeightBytes(in WeightParams p, int size) =>
        4 * size * (Pixels(p.N, p.H, p.W, p.P, p.Q, p.R * p.S) * p.C4 + (long)p.N * p.P * p.Q * p.K4) + 64L * p.Parts * p.R * p.S * p.C4 * p.K4;

    /// <summary>Workgroups of one part of a weight gradient of [taps,C,K], and their variant.</summary>
    public static (long Groups, ConvVariant Variant) WeightTiles(DeviceCaps caps, DType storage, ConvGeometry g, NormOnLoad? prologue, ConvWay? way)
    {
        var chosen = ChooseWeight(caps, storage, g, prologue, way);
        return (WeightGroups(g, chosen), IsLaneRows(caps, storage, way) ? ConvVariant.LaneRow : chosen.Kernel.OnMatrices ? ConvVariant.Matrices : caps.CpuKernels ? ConvVariant.Word : ConvVariant.Portable);
    }

    private static long WeightGroups(ConvGeometry g, TiledKernel<WeightParams> chosen) => chosen.Groups(g.R * g.S * g.C, g.K);

    private static TiledKernel<WeightParams> ChooseWeight(DeviceCaps caps, DType storage, ConvGeometry g, NormOnLoad? prologue, ConvWay? way)
    {
        var (kind, shape) = (ChannelNorm.KindOf(prologue), MatrixShape(g.C / 4, g.K / 4, g.IsPlain, isInOrder: false));
        if (IsLaneRows(caps, storage, way))
        {
            return LaneRow(BwdWeightLaneRow, LaneTile(ConvPass.BackwardWeight, g.R * g.S * g.C, g.K), [g.C % LaneRows == 0 ? 1u : 0u, g.IsPlain ? 1u : 0u]);
        }
        uint[] slots = caps.CpuKernels ? [g.C % WordRows == 0 ? 1u : 0u] : [kind];
        return way is { } measured
            ? Of(measured, BwdWeight, storage, slots, shape)
            : MatrixTile.Choose(caps, BwdWeight, storage, g.R * g.S * g.C, g.K, split: true, [kind, shape]) ?? Choose(caps, storage, null, g.K, BwdWeight, slots);
    }

    // The kernel of a measured way, other than with one row per lane.
    private static TiledKernel<T> Of<T>(ConvWay way, KernelVariants<T> variants, DType storage, uint[] slots, uint shape) where T : unmanaged => new(way switch
    {
        { Tile: { } tile } => variants.Matrices(storage).With([.. tile.Constants, .. slots, shape]),
        { Variant: ConvVariant.Word, Columns: WideColumns } => variants.Wide(storage).With(slots),
        { Variant: ConvVariant.Word } => variants.Word(storage).With(slots),
        _ => variants.Portable(storage).With([.. slots, Quads(way.Columns)]),
    }, way.Rows, way.Columns);

    /// <summary>
    /// The kernel for a matrix of so many rows (null: of a sum that is shared out, so that any tile does) and columns, and the rows and columns of its tile. A wide tile reads the rows half as often, but must not pad the columns further
    /// than the others; outside of CPU drivers it is taken only where the compiler's figures are known. A tile that its compiler does badly, or whose workgroups leave the device idle, is not taken while a narrower one is left.
    /// </summary>
    private static TiledKernel<T> Choose<T>(DeviceCaps caps, DType storage, long? rows, int columns, KernelVariants<T> variants, ReadOnlySpan<uint> constants) where T : unmanaged
    {
        var wide = SuitsWide(columns);
        if (caps.CpuKernels)
        {
            return wide ? new(variants.Wide(storage).With(constants), WordRows, WideColumns) : new(variants.Word(storage).With(constants), WordRows, TileColumns);
        }
        foreach (var tile in (ReadOnlySpan<int>)(wide && caps.TellsSpills ? [WideColumns, TileColumns] : [TileColumns]))
        {
            var kernel = variants.Portable(storage).With([.. constants, Quads(tile)]);
            if (!caps.KernelsPassedOver.Contains(kernel.Key) && (rows is not { } m || MatrixTile.IsBusy(caps, CeilDiv(m, TileRows) * CeilDiv(columns, tile))))
            {
                return new(kernel, TileRows, tile);
            }
        }
        return new(variants.Portable(storage).With([.. constants, Quads(NarrowColumns)]), TileRows, NarrowColumns);
    }

    private static uint LaneTerms(in RowParams p, int depth) => p.C4 % depth == 0 ? (uint)depth : 1;

    // COLUMNS4 comes behind the other constants.
    private static TiledKernel<T> LaneRow<T>(Kernel<T> kernel, int tile, ReadOnlySpan<uint> constants) where T : unmanaged => new(kernel.With([.. constants, (uint)tile / 4]), LaneRows, tile);

    // What a lane reads for itself, and what is the same in all lanes: given by pointer, which come first, or bound second.
    private static BufferView[] PointersFirst(Kernel kernel, Tensor x, Tensor uniform) => kernel.Pointers > 0 ? [uniform, x] : [x, uniform];

    // QUADS of shaders/conv/gemm_tile.glsl.
    private static uint Quads(int columns) => (uint)columns / 32;

    // SHAPE of shaders/conv/conv2d_matrix.glsl and conv2d_bwd_weight_matrix.glsl.
    private static uint MatrixShape(in RowParams p) => MatrixShape(p.C4, p.K4, ReadsInOrder(p), p.OutStride == 1);

    // Whether rows of x are those of the product.
    private static bool ReadsInOrder(in RowParams p) => p is { R: 1, S: 1, Stride: 1, X0: 0, Y0: 0 } && (p.P, p.Q) == (p.H, p.W);

    // PLAIN of shaders/conv/conv2d_lanerow.glsl.
    private static uint Plain(in RowParams p) => ReadsInOrder(p) && p.OutStride == 1 ? 1u : 0u;

    private static uint MatrixShape(int c4, int k4, bool isPlain, bool isInOrder) => (c4 % 2 == 0 ? 1u : 0u) | (k4 % 2 == 0 ? 2u : 0u) | (c4 % 16 == 0 ? 4u : 0u) | (isPlain ? 8u : 0u) | (isInOrder ? 16u : 0u);
}
