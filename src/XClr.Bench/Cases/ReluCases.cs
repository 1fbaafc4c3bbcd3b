using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>ReLU: x -> y; dy, y -> dx.</summary>
public static class ReluCases
{
    private static readonly int[][] Shapes = [[1, 4], [13, 12], [3, 7, 5, 20], [9, 40, 40, 20]];

    public static IEnumerable<OpCase> All => Shapes.SelectMany(s => new[] { Forward(s), Backward(s) });

    public static IEnumerable<OpCase> Bench => [Forward([32, 32, 32, 64]), Backward([32, 32, 32, 64])];

    public static OpCase Forward(int[] dims) => new($"relu_fwd {string.Join('x', dims)}", [new("x", new Shape(dims))], [new("y", new Shape(dims))], (gpu, t) => ReluOp.Forward(gpu, t["x"], t["y"]));

    public static OpCase Backward(int[] dims) => new($"relu_bwd {string.Join('x', dims)}", [new("dy", new Shape(dims)), new("y", new Shape(dims))], [new("dx", new Shape(dims))],
        (gpu, t) => ReluOp.Backward(gpu, t["dy"], t["y"], t["dx"]));
}
