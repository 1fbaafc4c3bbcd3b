using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// 2-D convolution as an implicit matrix product: any kernel size, stride and zero padding; no dilation, no groups.
/// x, dx: [N,H,W,C], w, dw: [R,S,C,K], y, dy: [N,OH,OW,K]; C and K multiples of 4. All fp32, or all fp16 or all bf16 but dw and statistics; sums are fp32.
/// </summary>
public static class Conv2dOp
{
    /// <summary>Number of workgroups that fills a device; the weight gradient's sum is split to reach it.</summary>
    internal const int CpuGroups = 16;
    private const int GpuGroups = 512;

    /// <summary>Fewest pixels that a part of the weight gradient's split sum should have.</summary>
    private const int PixelsPerPart = 64;

    /// <summary>Pixels of a part whose share of x and dy a workgroup with one row per lane finds in the processor's second-level cache again (at most 768 bytes of each pixel), and the most bytes that such parts of a run of images take.</summary>
    private const int CachedPixels = 512, CachedPartsBytes = 32 << 20;

    /// <summary>
    /// Whether a convolution with this many taps and output channels normalises its input on load. That saves writing and reading the input once more, and costs arithmetic once per
    /// tap, tile of columns and load. It pays with one tap and one tile of columns, where memory is the bound; not on CPU drivers, which are bound by arithmetic (shaders/REJECTED.md).
    /// </summary>
    public static bool NormalisesOnLoad(DeviceCaps caps, int taps, int columns) => !caps.CpuKernels && taps == 1 && columns <= Conv2dKernels.WideColumns;

    /// <summary>
    /// y[n,p,q,k] = sum over r, s, c of x[n, p*stride - pad + r, q*stride - pad + s, c] * w[r,s,c,k], plus y with <paramref name="accumulate"/>.
    /// <paramref name="prologue"/> is applied to x as it is loaded; <paramref name="epilogue"/> receives statistics of y. <paramref name="onStore"/> (without the other two) is applied to the sum;
    /// y is added to the result of its normalisation, before its ReLU.
    /// </summary>
    /// <exception cref="ShapeException">Shapes do not fit the geometry.</exception>
    public static void Forward(Recorder gpu, Tensor x, Tensor w, Tensor y, ConvGeometry g, NormOnLoad? prologue = null, ConvEpilogue? epilogue = null, bool accumulate = false, NormOnStore? onStore = null)
    {
        Require(gpu.Caps, g, x, w, y, prologue);
        onStore?.Require(g.K);
        if (onStore is not null && (prologue is not null || epilogue is not null))
        {
            throw new ArgumentException("onStore goes with neither prologue nor epilogue: its vectors take their place.", nameof(onStore));
        }
        if (epilogue is not null)
        {
            Shape.Require(ConvEpilogue.PartialsShape(gpu.Caps, g).Dims, epilogue.Partials);
        }
        var way = Way(gpu, new(ConvPass.Forward, g, y.Type, prologue is not null, prologue?.Relu ?? onStore?.Relu ?? false, epilogue is not null, accumulate ? 1 : 0, null, onStore is not null));
        var rowsPerBlock = ConvEpilogue.RowsPerBlock(gpu.Caps);
        var partials = Conv2dKernels.IsLaneRows(gpu.Caps, y.Type, way) ? null : epilogue?.Partials;
        var imageRows = g.OH * g.OW;
        var perRun = partials is null ? 0 : ImagesPerRun(gpu, rowsPerBlock, imageRows, x, y);
        if (perRun == 0)
        {
            // Statistics, where they are wanted, take a pass of their own.
            (partials, perRun) = (null, ImagesPerRun(gpu, 1, imageRows, x, y));
        }
        using (gpu.Disjoint())
        {
            for (var start = 0; start < g.N; start += perRun)
            {
                var count = Math.Min(perRun, g.N - start);
                var p = Conv2dKernels.ForwardParams(g, count, (int)((long)start * imageRows / rowsPerBlock));
                Conv2dKernels.Forward(gpu, x.Rows(start, count), w, y.Rows(start, count), p, (ChannelNorm?)onStore ?? prologue, partials, accumulate, way, $"{g with { N = count }}");
            }
        }
        if (epilogue is not null && partials is null)
        {
            BatchNormOp.RowBlocks(gpu, y, epilogue.ToStatistics(gpu.Caps));
        }
    }

    /// <summary>
    /// y = relu(scale z + shift + residual), z the convolution of x with w, which is not stored; residual, y: [N,OH,OW,K]. The residual is added as it is, or normalised as <paramref name="residualOnLoad"/> says.
    /// signs: a tensor from <see cref="BatchNormOp.Signs"/>, which is filled.
    /// </summary>
    /// <exception cref="ShapeException">Shapes do not fit, or <see cref="HasResidual"/> does not hold.</exception>
    public static void ForwardResidual(Recorder gpu, Tensor x, Tensor w, Tensor residual, Tensor y, Tensor signs, ConvGeometry g, NormOnStore onStore, NormOnLoad? residualOnLoad = null)
    {
        Require(gpu.Caps, g, x, w, y, null);
        Shape.Require(g.Y.Dims, residual);
        Shape.Require([g.N, g.OH, g.OW, g.K / Conv2dKernels.ColumnsPerWord], signs);
        onStore.Require(g.K);
        residualOnLoad?.Require(g.K);
        if (!onStore.Relu || residualOnLoad is { Relu: true })
        {
            throw new ArgumentException("A ReLU follows the sum, and none the residual.", nameof(onStore));
        }
        var kind = residualOnLoad is null ? ResidualKind.AsIs : ResidualKind.Normalised;
        var way = Way(gpu, new(ConvPass.Forward, g, y.Type, Prologue: false, Relu: true, Statistics: false, AddEvery: 0, null, OnStore: true, kind));
        var kernel = Conv2dKernels.ChooseResidual(gpu.Caps, y.Type, g, kind, way) ?? throw new ShapeException($"Convolution {g} of {y.Type}: {gpu.Caps.Name} has no kernel that adds a residual to it.");
        foreach (var (start, count) in gpu.RowRuns(x, y, residual, signs))
        {
            Conv2dKernels.ForwardResidual(gpu, kernel, x.Rows(start, count), w, residual.Rows(start, count), y.Rows(start, count), signs.Rows(start, count), Conv2dKernels.ForwardParams(g, count, 0), onStore, residualOnLoad,
                $"{g with { N = count }}");
        }
    }

    /// <summary>Whether this device has <see cref="ForwardResidual"/>: on cooperative matrices, for K a multiple of 32.</summary>
    public static bool HasResidual(DeviceCaps caps, DType storage, ConvGeometry g, ResidualKind kind) => Conv2dKernels.ChooseResidual(caps, storage, g, kind, null) is not null;

    /// <summary>
    /// dx[n,h,w,c] = sum over r, s, k of dy[n, (h + pad - r) / stride, (w + pad - s) / stride, k] * w[r,s,c,k] where the divisions are exact; every element of
    /// dx is written (zero where no output reaches), or added to, with <paramref name="addEvery"/>: 1 adds to all of dx; s > 1 adds to the pixels whose row and column are multiples of s and overwrites the others.
    /// With <paramref name="leaveUnreached"/> pixels that no output reaches are left as they are. One dispatch per residue class of pixels mod stride.
    /// With <paramref name="norm"/>, the batch norm that produced x, dx is also masked by its ReLU, and the result is its sums for <see cref="BatchNormOp.BackwardFromSums"/>; null on CPU
    /// drivers, whose kernels do neither, since they are not bound by memory.
    /// </summary>
    public static Tensor? BackwardData(Recorder gpu, Tensor dy, Tensor w, Tensor dx, ConvGeometry g, int addEvery = 0, NormPass? norm = null, bool leaveUnreached = false)
    {
        Require(gpu.Caps, g, dx, w, dy, null);
        norm = Carried(gpu, norm);
        var way = DataWay(gpu, dx, g, addEvery, norm);
        return Data(gpu, dy, Taps(gpu, w, g, leaveUnreached || IsLeft(addEvery, norm), way), dx, g, addEvery, norm, way);
    }

    /// <summary>
    /// dx[m,c] = sum over k of dy[m,k] weights[k,c] + sum over d of x[m,d] weights[K+d,c] + offset[c], masked by the ReLU of <paramref name="norm"/>, the batch norm that produced x. dy: [N,H,W,K], x, dx: [N,H,W,C], weights: [K+C,C], offset: [C] (fp32).
    /// The result: its sums, for <see cref="BatchNormOp.BackwardFromSums"/>.
    /// </summary>
    /// <exception cref="ShapeException">Shapes do not fit, or <see cref="HasMoments"/> does not hold.</exception>
    public static Tensor BackwardDataMoments(Recorder gpu, Tensor dy, Tensor x, Tensor weights, Tensor offset, Tensor dx, ConvGeometry g, NormPass norm)
    {
        Shape.Require(g.Y.Dims, dy);
        Shape.Require(g.X.Dims, x);
        Shape.Require(g.X.Dims, dx);
        Shape.Require([g.K + g.C, g.C], weights);
        Shape.Require([g.C], offset);
        var way = Way(gpu, new(ConvPass.BackwardData, g, dx.Type, Prologue: false, Relu: false, Statistics: false, AddEvery: 0, norm.Mask, Second: true));
        var kernel = Conv2dKernels.ChooseMoments(gpu.Caps, dx.Type, g, norm.Mask, way) ?? throw new ShapeException($"Convolution {g} of {dx.Type}: {gpu.Caps.Name} has no kernel whose data gradient has a second input.");
        var runs = gpu.RowRuns(dy, x, dx, norm.X, norm.Y ?? norm.X).ToList();
        // Of stride 1, all pixels are one class.
        var all = ResidueClass.Of(g, skipEmpty: true).Single();
        var partials = GradientSums(gpu, dx, runs.Sum(r => all.Blocks(r.Count)));
        var block = 0L;
        using var disjoint = gpu.Disjoint();
        foreach (var (start, count) in runs)
        {
            Conv2dKernels.BackwardDataMoments(gpu, kernel, dy.Rows(start, count), x.Rows(start, count), weights, offset, dx.Rows(start, count), all.Params(g, count, (int)block), norm.Rows(start, count), partials, $"{g with { N = count }}");
            block += all.Blocks(count);
        }
        return partials;
    }

    /// <summary>Whether this device has <see cref="BackwardDataMoments"/>: on cooperative matrices, for K a multiple of 64 and C of 32.</summary>
    public static bool HasMoments(DeviceCaps caps, DType storage, ConvGeometry g, ReluMask mask) => Conv2dKernels.ChooseMoments(caps, storage, g, mask, null) is not null;

    /// <summary>
    /// <see cref="BackwardData"/> into dx and <see cref="BackwardWeight"/> into dw together: the two convolutions do not depend on each other and have no barrier between them.
    /// </summary>
    public static Tensor? Backward(Recorder gpu, Tensor x, Tensor dy, Tensor w, Tensor dx, Tensor dw, ConvGeometry g, NormOnLoad? prologue = null, int addEvery = 0, bool accumulateWeight = false, NormPass? norm = null, bool leaveUnreached = false)
    {
        Require(gpu.Caps, g, dx, w, dy, null);
        Require(gpu.Caps, g, x, dw, dy, prologue);
        RowWork.RequireSingle(dw);
        norm = Carried(gpu, norm);
        var way = DataWay(gpu, dx, g, addEvery, norm);
        var taps = Taps(gpu, w, g, leaveUnreached || IsLeft(addEvery, norm), way);
        var parts = WeightParts(gpu, x, dy, dw, g, prologue, accumulateWeight);
        var sums = Data(gpu, dy, taps, dx, g, addEvery, norm, way);
        Sum(gpu, parts, dw, accumulateWeight);
        return sums;
    }

    // The normalisation below, where the kernels mask the gradient for it and add up its sums.
    private static NormPass? Carried(Recorder gpu, NormPass? norm) => gpu.Caps.CpuKernels ? null : norm;

    // Whether what no tap reaches is right as it is.
    private static bool IsLeft(int addEvery, NormPass? norm) => addEvery == 1 && norm is null;

    private static ConvWay? DataWay(Recorder gpu, Tensor dx, ConvGeometry g, int addEvery, NormPass? norm) =>
        Way(gpu, new(ConvPass.BackwardData, g, dx.Type, Prologue: false, Relu: false, Statistics: false, addEvery, norm?.Mask));

    // Each class with its taps; with w itself where it has none, or the kernels take them from there.
    private static List<(ResidueClass Class, Tensor Taps)> Taps(Recorder gpu, Tensor w, ConvGeometry g, bool skipEmpty, ConvWay? way) =>
        [.. ResidueClass.Of(g, skipEmpty).Select(c => (c, c.TapsR == 0 || Conv2dKernels.IsLaneRows(gpu.Caps, w.Type, way) ? w : Conv2dKernels.TransposeTaps(gpu, w, c.TapsR, c.TapsS, c.Order(g))))];

    private static Tensor? Data(Recorder gpu, Tensor dy, List<(ResidueClass Class, Tensor Taps)> classes, Tensor dx, ConvGeometry g, int addEvery, NormPass? norm, ConvWay? way)
    {
        var runs = (norm is null ? gpu.RowRuns(dy, dx) : gpu.RowRuns(dy, dx, norm.X, norm.Y ?? norm.X)).ToList();
        var partials = norm is null
            ? null
            : GradientSums(gpu, dx, runs.Sum(r => classes.Sum(c => c.Class.Blocks(r.Count))));
        var block = 0L;
        using var disjoint = gpu.Disjoint();
        foreach (var (c, taps) in classes)
        {
            var add = c.AddEvery(g, addEvery);
            foreach (var (start, count) in runs)
            {
                var p = c.Params(g, count, (int)block);
                var detail = $"{g with { N = count }} {c.Y},{c.X}";
                if (partials is null)
                {
                    Conv2dKernels.BackwardData(gpu, dy.Rows(start, count), taps, dx.Rows(start, count), p, c.Order(g), add, way, detail);
                    continue;
                }
                Conv2dKernels.BackwardData(gpu, dy.Rows(start, count), taps, dx.Rows(start, count), p, norm!.Rows(start, count), partials, add, way, detail);
                block += c.Blocks(count);
            }
        }
        return partials;
    }

    private static Tensor GradientSums(Recorder gpu, Tensor dx, long blocks) => gpu.NewTensor($"{dx.Name}.gradient_sums", new Shape((int)blocks, 2, dx.Shape.Dims[^1]), MemoryCategory.Workspace);

    /// <summary>
    /// dw[r,s,c,k] = sum over n, p, q of x[n, p*stride - pad + r, q*stride - pad + s, c] * dy[n,p,q,k], with <paramref name="prologue"/> applied to x as it is
    /// loaded, plus dw with <paramref name="accumulate"/>. If [R,S,C,K] alone does not fill the device, the sum over pixels is split and the parts are added in a fixed order.
    /// </summary>
    public static void BackwardWeight(Recorder gpu, Tensor x, Tensor dy, Tensor dw, ConvGeometry g, NormOnLoad? prologue = null, bool accumulate = false)
    {
        Require(gpu.Caps, g, x, dw, dy, prologue);
        RowWork.RequireSingle(dw);
        Sum(gpu, WeightParts(gpu, x, dy, dw, g, prologue, accumulate), dw, accumulate);
    }

    // Of each run of images the parts of its sum; none where dw has the sum already.
    private static List<Tensor> WeightParts(Recorder gpu, Tensor x, Tensor dy, Tensor dw, ConvGeometry g, NormOnLoad? prologue, bool accumulate)
    {
        var way = Way(gpu, new(ConvPass.BackwardWeight, g, x.Type, prologue is not null, prologue is { Relu: true }, Statistics: false, AddEvery: 0, null));
        var tiles = Conv2dKernels.WeightTiles(gpu.Caps, x.Type, g, prologue, way);
        var runs = gpu.RowRuns(x, dy).ToList();
        List<Tensor> result = [];
        foreach (var (start, count) in runs)
        {
            var run = g with { N = count };
            var partCount = PartCount(gpu.Caps, run, tiles.Groups, tiles.Variant, out var most);
            partCount = way is { } measured ? Math.Min(measured.Parts, most) : partCount;
            var direct = runs.Count == 1 && partCount == 1 && !accumulate;
            var parts = direct ? dw : gpu.NewTensor($"{dw.Name}.parts", new Shape(partCount, g.R * g.S * g.C, g.K), MemoryCategory.Workspace);
            var p = new Conv2dKernels.WeightParams(count, g.OH, g.OW, g.H, g.W, g.C / 4, g.K / 4, g.Stride, g.Pad, g.R, g.S, partCount);
            Conv2dKernels.BackwardWeight(gpu, x.Rows(start, count), dy.Rows(start, count), parts, run, p, prologue, way, $"{run} parts {partCount}");
            if (!direct)
            {
                result.Add(parts);
            }
        }
        return result;
    }

    private static void Sum(Recorder gpu, List<Tensor> parts, Tensor dw, bool accumulate)
    {
        for (var i = 0; i < parts.Count; i++)
        {
            SumPartsOp.Forward(gpu, parts[i], dw, accumulate || i > 0);
        }
    }

    /// <summary>Number of parts into which the cost model splits a weight gradient's sum over a run of images, given the workgroups of one part and their variant, and the largest number possible.</summary>
    internal static int PartCount(DeviceCaps caps, ConvGeometry g, long groups, ConvVariant variant, out int most)
    {
        var partBytes = g.Weights.Count * sizeof(float);
        most = (int)Math.Clamp(caps.MaxStorageBufferRange / partBytes, 1, CeilDiv(g.M, PixelsPerPart));
        if (variant == ConvVariant.Matrices)
        {
            return MatrixTile.Parts(caps, groups, most);
        }
        var filling = CeilDiv(caps.Kind == GpuKind.Cpu ? CpuGroups : GpuGroups, groups);
        var cached = variant == ConvVariant.LaneRow ? Math.Min(CeilDiv(g.M, CachedPixels), CachedPartsBytes / partBytes) : 1;
        return (int)Math.Clamp(Math.Max(filling, cached), 1, most);
    }

    // Names the work, and looks whether a way was measured for it.
    private static ConvWay? Way(Recorder gpu, ConvWork work)
    {
        gpu.Note(work);
        return work.Measured(gpu.Caps);
    }

    // Images of a run as RowRuns cuts them, such that every run but the last is a whole number of blocks of rows; 0 where the device's maxStorageBufferRange holds no such run.
    private static int ImagesPerRun(Recorder gpu, int rowsPerBlock, int imageRows, Tensor x, Tensor y)
    {
        var longest = gpu.RowRuns(x, y).First().Count;
        if (longest == x.Shape[0])
        {
            return longest;
        }
        var step = Enumerable.Range(1, longest).FirstOrDefault(i => (long)i * imageRows % rowsPerBlock == 0 && RowWork.IsBindable(gpu, x, i) && RowWork.IsBindable(gpu, y, i));
        return step > 0 ? longest - longest % step : 0;
    }

    private static void Require(DeviceCaps caps, ConvGeometry g, Tensor x, Tensor w, Tensor y, NormOnLoad? prologue)
    {
        if (prologue is not null && caps.CpuKernels)
        {
            throw new ArgumentException($"Convolution {g}: the kernels for CPU drivers, which {caps.Name} runs, do not normalise where they load; pass a normalised tensor (Conv2dOp.NormalisesOnLoad says where a prologue is possible).", nameof(prologue));
        }
        g.Require();
        Shape.Require(g.X.Dims, x);
        Shape.Require(g.Weights.Dims, w);
        Shape.Require(g.Y.Dims, y);
        prologue?.Require(g.C);
    }
}
