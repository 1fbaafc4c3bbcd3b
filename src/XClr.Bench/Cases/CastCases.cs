using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Rounding to 16 bits: x -> y.</summary>
public static class CastCases
{
    private static readonly int[][] Shapes = [[1, 4], [13, 12], [3, 7, 5, 20], [9, 40, 40, 20]];

    public static IEnumerable<OpCase> All(DType storage) => Shapes.Select(dims => Forward(dims, storage));

    public static OpCase Forward(int[] dims, DType storage) => new($"cast_fwd {string.Join('x', dims)} {storage}", [new("x", new Shape(dims))], [new("y", new Shape(dims), Type: storage)], (gpu, t) => CastOp.Forward(gpu, t["x"], t["y"]));
}
