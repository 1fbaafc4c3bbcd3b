using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Rounding to fp16: x -> y.</summary>
public static class CastCases
{
    private static readonly int[][] Shapes = [[1, 4], [13, 12], [3, 7, 5, 20], [9, 40, 40, 20]];

    public static IEnumerable<OpCase> All => Shapes.Select(Forward);

    public static IEnumerable<OpCase> Bench => [Forward([64, 64, 64, 4])];

    public static OpCase Forward(int[] dims) => new($"cast_fwd {string.Join('x', dims)}", [new("x", new Shape(dims))], [new("y", new Shape(dims), Type: DType.Float16)], (gpu, t) => CastOp.Forward(gpu, t["x"], t["y"]));
}
