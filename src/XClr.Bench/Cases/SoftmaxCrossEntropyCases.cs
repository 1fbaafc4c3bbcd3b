using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Softmax cross-entropy on labels: logits, labels -> loss, correct, dlogits (of 3 times the loss, so that the scale is seen).</summary>
public static class SoftmaxCrossEntropyCases
{
    public const float Scale = 3;

    /// <summary>Rows, classes, columns with padding.</summary>
    private static readonly (int M, int Classes, int K)[] Shapes = [(1, 1, 4), (3, 10, 12), (13, 100, 100), (127, 7, 8), (5, 1000, 1000), (2049, 130, 132)];

    public static IEnumerable<OpCase> All => Shapes.Select(s => Forward(s.M, s.Classes, s.K));

    public static OpCase Forward(int m, int classes, int k, Func<int, uint>? label = null) => new($"crossentropy_fwd {m}x{k} of {classes}",
        [new("logits", new Shape(m, k)), new("labels", new Shape(m), Type: DType.UInt32, Values: () => [.. Enumerable.Range(0, m).Select(label ?? (i => (uint)(i * 7919 % classes)))])],
        [new("loss", new Shape(1)), new("correct", new Shape(1)), new("dlogits", new Shape(m, k))],
        (gpu, t) => SoftmaxCrossEntropyOp.Forward(gpu, t["logits"], t["labels"], classes, t["loss"], t["dlogits"], t["correct"], Scale));
}
