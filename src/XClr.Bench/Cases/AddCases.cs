using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Addition: a, b -> y, or a += b in place.</summary>
public static class AddCases
{
    public static IEnumerable<OpCase> All => [Forward([1, 4]), Forward([3, 7, 5, 20]), InPlace([9, 40, 40, 20])];

    public static IEnumerable<OpCase> Bench => [Forward([32, 32, 32, 64])];

    public static OpCase Forward(int[] dims) => new($"add_fwd {string.Join('x', dims)}", [new("a", new Shape(dims)), new("b", new Shape(dims))], [new("y", new Shape(dims))],
        (gpu, t) => AddOp.Forward(gpu, t["a"], t["b"], t["y"]));

    public static OpCase InPlace(int[] dims) => new($"add_fwd {string.Join('x', dims)} in place", [new("a", new Shape(dims)), new("b", new Shape(dims))], [new("a", new Shape(dims))],
        (gpu, t) => AddOp.Forward(gpu, t["a"], t["b"], t["a"]));
}
