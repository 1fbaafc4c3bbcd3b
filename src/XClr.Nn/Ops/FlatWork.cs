using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>Push constants of the element-wise kernels that do not care about rows: quads of four elements, and how many a lane takes.</summary>
internal readonly record struct FlatParams(uint Count, uint Reps);

/// <summary>Dispatches element-wise kernels over equally shaped tensors [...,C], C a multiple of 4.</summary>
internal static class FlatWork
{
    public static void Dispatch(Recorder gpu, Kernel<FlatParams> portable, Kernel<FlatParams> word, ReadOnlySpan<Tensor> reads, Tensor write)
    {
        var (_, c) = RowWork.Require2D(write);
        Tensor[] all = [.. reads, write];
        foreach (var tensor in all)
        {
            Shape.Require(write.Shape.Dims, tensor);
        }
        Tensor[] flat = [.. all.Select(RowWork.Flat)];
        var lanes = RowWork.Lanes(gpu);
        foreach (var (start, count) in gpu.RowRuns(flat))
        {
            var quads = (long)count * (c / 4);
            // Many quads a lane on a CPU, as long as 16 workgroups remain; few on a GPU.
            var reps = gpu.Caps.CpuKernels ? (uint)Math.Clamp(quads / (16 * lanes), 1, 64) : (uint)Math.Clamp(quads / 65536, 1, 4);
            BufferView[] views = [.. flat.Select(t => (BufferView)t.Rows(start, count))];
            gpu.Dispatch(RowWork.Pick(gpu, portable, word), OpMath.CeilDiv(quads, lanes * reps), new FlatParams((uint)quads, reps),
                reads: views.AsSpan()[..^1], writes: views.AsSpan()[^1..], new DispatchCost((double)count * c), $"{count}x{c}");
        }
    }
}
