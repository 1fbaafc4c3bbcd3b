using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>Second pass of every split sum: adds parts in a fixed order.</summary>
internal static class SumPartsOp
{
    // Of a workgroup of shaders/gemm/sum_parts.glsl. Many parts are shared out over several lanes: there are few sums then, and one lane's loads wait for each other.
    private const int Lanes = 64, MostSlices = 8, ManyParts = 16;

    private readonly record struct SumParams(int Parts, int N4);

    private static readonly Kernel<SumParams> Sum = new("gemm/sum_parts", reads: 1, writes: 1);
    private static readonly Kernel<SumParams> SumWord = new("gemm/sum_parts_word", reads: 1, writes: 1, texels: 1);

    /// <summary>sum = parts[0] + parts[1] + ... (plus sum with <paramref name="accumulate"/>). parts: [parts,...], sum: as many elements as one part, a multiple of 4.</summary>
    public static void Forward(Recorder gpu, Tensor parts, Tensor sum, bool accumulate)
    {
        var n4 = checked((int)(parts.RowCount / 4));
        var slices = !gpu.Caps.CpuKernels && parts.Shape[0] >= ManyParts ? MostSlices : 1;
        gpu.Dispatch(RowWork.Pick(gpu, Sum, SumWord).With(accumulate ? 1u : 0u, (uint)slices), CeilDiv(n4, Lanes / slices), new(parts.Shape[0], n4),
            reads: [parts], writes: [sum], new DispatchCost(4.0 * n4 * parts.Shape[0]), $"{parts.Shape}");
    }
}
