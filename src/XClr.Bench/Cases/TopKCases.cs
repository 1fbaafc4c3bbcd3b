using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>The k best of a bank that comes in two slabs of `Rows` rows, of the second of which `Last` count. first, second: [Rows,Queries].</summary>
public sealed record TopKCase(int Rows, int Last, int Queries, int K)
{
    public OpCase ToOpCase() => new($"topk_fwd {Rows}+{Last}x{Queries} k{K}",
        [new("first", new Shape(Rows, Queries)), new("second", new Shape(Rows, Queries)),
            Window("window1", TopKOp.Window(Rows, 0, resume: false)), Window("window2", TopKOp.Window(Last, Rows, resume: true))],
        [new("values", new Shape(K, Queries)), new("indices", new Shape(K, Queries), Type: DType.UInt32)],
        (gpu, t) =>
        {
            TopKOp.Forward(gpu, t["first"], t["window1"], t["values"], t["indices"]);
            TopKOp.Forward(gpu, t["second"], t["window2"], t["values"], t["indices"]);
        });

    private static OpTensor Window(string name, uint[] words) => new(name, new Shape(TopKOp.WindowWords), Type: DType.UInt32, Values: () => words);
}

/// <summary>Small and ragged; the last one's slabs exceed one binding at the portable floor (1 MiB).</summary>
public static class TopKCases
{
    public static IReadOnlyList<TopKCase> All { get; } = [new(1, 0, 4, 1), new(5, 2, 8, 3), new(37, 13, 132, 7), new(130, 127, 68, 20), new(300, 1, 36, 200), new(2049, 1000, 260, 20)];
}
