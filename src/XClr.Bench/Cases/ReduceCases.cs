using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Column sums: x [M,C] is added to y [C].</summary>
public static class ReduceCases
{
    public static IEnumerable<OpCase> All => [ColumnSums([1, 4]), ColumnSums([127, 20]), ColumnSums([1025, 140]), ColumnSums([9, 40, 40, 20])];

    public static IEnumerable<OpCase> Bench => [ColumnSums([32768, 64]), ColumnSums([64, 2048])];

    public static OpCase ColumnSums(int[] dims)
    {
        OpTensor y = new("y", new Shape(dims[^1]));
        return new($"reduce {string.Join('x', dims)}", [new("x", new Shape(dims)), y], [y], (gpu, t) => ReduceOp.ColumnSums(gpu, t["x"], t["y"], accumulate: true));
    }
}
