using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>The kernels of the convolution and their launch: tiles, specialisation, choice of variant.</summary>
internal static class Conv2dKernels
{
    /// <summary>Rows of a workgroup's tile: portable, and for CPU drivers.</summary>
    public const int TileRows = 64, WordRows = 16;

    /// <summary>Columns of a workgroup's tile, and of the wide one for CPU drivers.</summary>
    private const int TileColumns = 64, WideColumns = 128;

    /// <summary>Fields of shaders/conv/conv2d_params.glsl.</summary>
    public readonly record struct RowParams(int N, int P, int Q, int H, int W, int C4, int K4, int Stride, int Y0, int X0, int R, int S,
        int OutH, int OutW, int OutStride, int OutY, int OutX, int FirstBlock)
    {
        /// <summary>Rows: pixels of the grid.</summary>
        public long M => (long)N * P * Q;
    }

    /// <summary>Fields of shaders/conv/conv2d_bwd_weight_params.glsl.</summary>
    public readonly record struct WeightParams(int N, int P, int Q, int H, int W, int C4, int K4, int Stride, int Pad, int R, int S, int Parts, int FirstPart);

    private readonly record struct TapsParams(int R, int S, int FirstR, int FirstS, int Stride, int KernelS, int C4, int K4);

    private static readonly Kernel<RowParams> Fwd = new("conv/conv2d_fwd", reads: 4, writes: 2);
    private static readonly Kernel<RowParams> FwdWord = new("conv/conv2d_fwd_word", reads: 4, writes: 2, texels: 4);
    private static readonly Kernel<RowParams> FwdWide = new("conv/conv2d_fwd_word_wide", reads: 4, writes: 2, texels: 4);
    private static readonly Kernel<RowParams> BwdData = new("conv/conv2d_bwd_data", reads: 4, writes: 2);
    private static readonly Kernel<RowParams> BwdDataWord = new("conv/conv2d_bwd_data_word", reads: 4, writes: 2, texels: 4);
    private static readonly Kernel<RowParams> BwdDataWide = new("conv/conv2d_bwd_data_word_wide", reads: 4, writes: 2, texels: 4);
    private static readonly Kernel<TapsParams> Taps = new("conv/conv2d_bwd_data_taps", reads: 1, writes: 1);
    private static readonly Kernel<TapsParams> TapsWord = new("conv/conv2d_bwd_data_taps_word", reads: 1, writes: 1, texels: 1);
    private static readonly Kernel<WeightParams> BwdWeight = new("conv/conv2d_bwd_weight", reads: 4, writes: 1);
    private static readonly Kernel<WeightParams> BwdWeightWord = new("conv/conv2d_bwd_weight_word", reads: 4, writes: 1, texels: 4);
    private static readonly Kernel<WeightParams> BwdWeightWide = new("conv/conv2d_bwd_weight_word_wide", reads: 4, writes: 1, texels: 4);

    /// <summary>One dispatch of a forward convolution over a run of images. partials may be null.</summary>
    public static void Forward(Recorder gpu, Tensor x, Tensor w, Tensor y, in RowParams p, ConvPrologue? prologue, Tensor? partials, bool accumulate, string detail) =>
        Rows(gpu, Pick(gpu.Caps, 4 * p.K4, Fwd, FwdWord, FwdWide), x, w, y, p, prologue, partials, accumulate, detail);

    /// <summary>One dispatch of a residue class of a data gradient over a run of images; taps as <see cref="TransposeTaps"/> gives them.</summary>
    public static void BackwardData(Recorder gpu, Tensor dy, Tensor taps, Tensor dx, in RowParams p, bool accumulate, string detail) =>
        Rows(gpu, Pick(gpu.Caps, 4 * p.K4, BwdData, BwdDataWord, BwdDataWide), dy, taps, dx, p, null, null, accumulate, detail);

    private static void Rows(Recorder gpu, Kernel<RowParams> kernel, Tensor x, Tensor w, Tensor y, in RowParams p, ConvPrologue? prologue, Tensor? partials, bool accumulate, string detail)
    {
        var rows = gpu.Caps.CpuKernels ? WordRows : TileRows;
        var groups = CeilDiv(p.M, rows) * CeilDiv(4L * p.K4, Columns(gpu.Caps, 4 * p.K4));
        // An unused slot binds a tensor that is there anyway.
        gpu.Dispatch(kernel.With(PrologueKind(prologue), accumulate ? 1u : 0u, partials is null ? 0u : 1u), groups, p,
            reads: [x, w, prologue?.Scale ?? w, prologue?.Shift ?? w], writes: [y, partials ?? y],
            new DispatchCost(2.0 * p.M * p.R * p.S * p.C4 * p.K4 * 16), detail);
    }

    /// <summary>Taps first, first - stride, ... of w: [R,S,C,K], mirrored and transposed, as a tensor [rows*columns,K,C].</summary>
    public static Tensor TransposeTaps(Recorder gpu, Tensor w, int rows, int columns, int firstR, int firstS, int stride)
    {
        var (c, k) = (w.Shape[2], w.Shape[3]);
        var taps = gpu.NewTensor($"{w.Name}.taps", new Shape(rows * columns, k, c), MemoryCategory.Workspace);
        gpu.Dispatch(gpu.Caps.CpuKernels ? TapsWord : Taps, CeilDiv((long)rows * columns * (c / 4) * (k / 4), 64),
            new(rows, columns, firstR, firstS, stride, w.Shape[1], c / 4, k / 4), reads: [w], writes: [taps], detail: $"{rows}x{columns}x{c}x{k}");
        return taps;
    }

    /// <summary>One dispatch of a weight gradient over a run of images: <paramref name="p"/>.Parts partial sums.</summary>
    public static void BackwardWeight(Recorder gpu, Tensor x, Tensor dy, Tensor parts, in WeightParams p, ConvPrologue? prologue, string detail)
    {
        var kind = PrologueKind(prologue);
        var kernel = Pick(gpu.Caps, 4 * p.K4, BwdWeight, BwdWeightWord, BwdWeightWide);
        kernel = gpu.Caps.CpuKernels ? kernel.With(kind, 4 * p.C4 % WordRows == 0 ? 1u : 0u) : kernel.With(kind);
        gpu.Dispatch(kernel, WeightTiles(gpu.Caps, p.R * p.S * p.C4 * 4, p.K4 * 4) * p.Parts, p,
            reads: [x, dy, prologue?.Scale ?? x, prologue?.Shift ?? x], writes: [parts],
            new DispatchCost(2.0 * p.N * p.P * p.Q * p.R * p.S * p.C4 * p.K4 * 16), detail);
    }

    /// <summary>Workgroups of one part of a weight gradient of [rows,k].</summary>
    public static long WeightTiles(DeviceCaps caps, int rows, int k) => CeilDiv(rows, caps.CpuKernels ? WordRows : TileRows) * CeilDiv(k, Columns(caps, k));

    private static Kernel<T> Pick<T>(DeviceCaps caps, int columns, Kernel<T> portable, Kernel<T> word, Kernel<T> wide) where T : unmanaged =>
        !caps.CpuKernels ? portable : Columns(caps, columns) == WideColumns ? wide : word;

    // Wide where it pads the columns no further than narrow tiles would.
    private static int Columns(DeviceCaps caps, int columns) =>
        caps.CpuKernels && CeilDiv(columns, WideColumns) * 2 == CeilDiv(columns, TileColumns) ? WideColumns : TileColumns;

    private static uint PrologueKind(ConvPrologue? prologue) => prologue switch { null => 0u, { Relu: false } => 1u, _ => 2u };
}
