using System.Numerics;
using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>Second pass of every split sum: adds parts in a fixed order.</summary>
internal static class SumPartsOp
{
    // Parts of a lane, on a GPU: many parts are shared out over several lanes, since there are few sums then, and one lane's loads wait for each other.
    private const int PartsPerLane = 8, MostSlices = 32;

    private readonly record struct SumParams(int Parts, int N4);

    private static readonly Kernel<SumParams> Sum = new("gemm/sum_parts", reads: 1, writes: 1);
    private static readonly Kernel<SumParams> SumWord = new("gemm/sum_parts_word", reads: 1, writes: 1, texels: 1);

    /// <summary>sum = parts[0] + parts[1] + ... (plus sum with <paramref name="accumulate"/>). parts: [parts,...], sum: as many elements as one part, a multiple of 4.</summary>
    public static void Forward(Recorder gpu, Tensor parts, Tensor sum, bool accumulate)
    {
        var n4 = checked((int)(parts.RowCount / 4));
        var slices = gpu.Caps.CpuKernels ? 1 : (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(parts.Shape[0] / PartsPerLane, 1, MostSlices));
        gpu.Dispatch(RowWork.Pick(gpu, Sum, SumWord).With(accumulate ? 1u : 0u, (uint)slices), CeilDiv(n4, RowWork.Lanes(gpu) / slices), new(parts.Shape[0], n4),
            reads: [parts], writes: [sum], new DispatchCost(4.0 * n4 * parts.Shape[0]), $"{parts.Shape}");
    }
}
