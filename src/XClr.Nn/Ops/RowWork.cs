using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>How kernels that see a tensor as [M,C] (C in quads of four) share its rows among lanes, blocks and bindings.</summary>
internal static class RowWork
{
    /// <summary>Lanes of a workgroup of the row kernels (LANES in the shaders).</summary>
    public static uint Lanes(Recorder gpu) => gpu.Caps.CpuKernels ? 64u : 256u;

    /// <summary>The variant for this device.</summary>
    public static Kernel<T> Pick<T>(Recorder gpu, Kernel<T> portable, Kernel<T> word) where T : unmanaged => gpu.Caps.CpuKernels ? word : portable;

    /// <summary>The storage of these activations, which must be the same.</summary>
    /// <exception cref="ShapeException">They are not, or their type is none of fp32, fp16 and bf16.</exception>
    public static DType Storage(params ReadOnlySpan<Tensor> activations)
    {
        foreach (var tensor in activations)
        {
            if (tensor.Type != activations[0].Type || tensor.Type is not (DType.Float32 or DType.Float16 or DType.BFloat16))
            {
                throw new ShapeException($"'{tensor.Name}' is stored as {tensor.Type}, '{activations[0].Name}' as {activations[0].Type}: all must be Float32, all Float16, or all BFloat16.");
            }
        }
        return activations[0].Type;
    }

    /// <summary>
    /// What a slot of fp32 quads binds that the kernel does not use: a tensor that is there anyway. Not as the words of bfloat16, which are no floats to a texel buffer.
    /// </summary>
    public static BufferView Unused(Tensor tensor) => tensor.Type == DType.BFloat16 ? tensor.View with { Texel = TexelType.Half } : tensor;

    /// <summary>Throws unless a tensor is fp32: what is summed, or holds parameters.</summary>
    public static void RequireSingle(Tensor tensor)
    {
        if (tensor.Type != DType.Float32)
        {
            throw new ShapeException($"'{tensor.Name}' is stored as {tensor.Type}; it must be Float32.");
        }
    }

    /// <summary>[M,C] with C a multiple of 4.</summary>
    /// <exception cref="ShapeException">C is not a multiple of 4.</exception>
    public static (int M, int C) Require2D(Tensor x)
    {
        var (m, c) = x.Shape.As2D();
        return c % 4 == 0 ? (m, c) : throw new ShapeException($"'{x.Name}' {x.Shape}: the last dimension must be a multiple of 4 (pad channels with zeros).");
    }

    /// <summary>Rows of one lane of a kernel over [M,C] (common/rows.glsl): many on a CPU, as long as 16 workgroups remain; few on a GPU.</summary>
    public static uint RowsPerLane(Recorder gpu, long m, long quads) =>
        gpu.Caps.CpuKernels ? (uint)Math.Clamp(m * quads / (16 * 64 * 4), 1, 64) : (uint)Math.Clamp(m * quads / 65536, 1, 8);

    /// <summary>
    /// Rows of one block of a reduction: about 2,048 blocks x quads on a CPU and 131,072 on a GPU, a multiple of 16 from 16 to 512.
    /// A function of the shape and of the kind of kernels alone, so that sums are taken in the same order in every run.
    /// </summary>
    public static int RowsPerBlock(Recorder gpu, long m, long quads) =>
        (int)Math.Clamp(m * quads / (gpu.Caps.CpuKernels ? 2048 : 131072) / 16 * 16, 16, 512);

    /// <summary>Workgroups of a kernel over [M,C] whose lanes take <paramref name="rows"/> rows each of one quad, or on a CPU of a fourth of a strip of 32 quads (common/rows.glsl).</summary>
    public static long Groups(Recorder gpu, long m, long quads, long rows) =>
        OpMath.CeilDiv(OpMath.CeilDiv(m, rows) * (gpu.Caps.CpuKernels ? OpMath.CeilDiv(quads, 32) * 8 : quads), Lanes(gpu));

    /// <summary>Workgroups of a kernel that merges blocks: one quad a group, on a CPU eight.</summary>
    public static long MergeGroups(Recorder gpu, long quads) => gpu.Caps.CpuKernels ? OpMath.CeilDiv(quads, 8) : quads;

    /// <summary>Workgroups of a kernel that reduces along rows: one row a group, eight rows of a lane each on a CPU.</summary>
    public static long RowGroups(Recorder gpu, long rows) => gpu.Caps.CpuKernels ? OpMath.CeilDiv(rows, 8) : rows;

    /// <summary>Whether a binding may begin so many rows into a tensor.</summary>
    public static bool IsBindable(Recorder gpu, Tensor t, int rows) => rows * t.RowBytes % gpu.Caps.MinStorageBufferOffsetAlignment == 0;

    /// <summary>Runs of rows as <see cref="RecorderExtensions.RowRuns"/> cuts them, every run but the last a multiple of <paramref name="block"/> rows.</summary>
    public static IEnumerable<(int Start, int Count)> Runs(Recorder gpu, int block, params Tensor[] tensors)
    {
        var (m, _) = tensors[0].Shape.As2D();
        var longest = gpu.RowRuns(tensors).First().Count;
        var run = longest == m ? m : Enumerable.Range(0, longest / block).Select(less => (longest / block - less) * block).FirstOrDefault(rows => tensors.All(t => IsBindable(gpu, t, rows)));
        if (run == 0)
        {
            throw new ShapeException($"'{tensors[0].Name}' {tensors[0].Shape}: {block} rows exceed the device's maxStorageBufferRange of {gpu.Caps.MaxStorageBufferRange}.");
        }
        for (var start = 0; start < m; start += run)
        {
            yield return (start, Math.Min(run, m - start));
        }
    }

    /// <summary>The tensor as [M,C].</summary>
    public static Tensor Flat(Tensor x)
    {
        var (m, c) = x.Shape.As2D();
        return x.Reshape(m, c);
    }
}
