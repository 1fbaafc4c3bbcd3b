using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>L2 normalisation of rows: x -> z, norm; x, dz -> dx through forward and backward.</summary>
public static class L2NormalizeCases
{
    // The last exceeds the binding range at the floor: it is sliced, with norms at legal offsets.
    private static readonly (int M, int P)[] Shapes = [(1, 4), (3, 12), (13, 128), (127, 132), (2049, 132)];

    public static IEnumerable<OpCase> All => Shapes.SelectMany(s => new[] { Forward(s.M, s.P), Backward(s.M, s.P) });

    public static OpCase Forward(int m, int p) => new($"l2normalize_fwd {m}x{p}", [new("x", new Shape(m, p))], [new("z", new Shape(m, p)), new("norm", new Shape(m))],
        (gpu, t) => L2NormalizeOp.Forward(gpu, t["x"], t["z"], t["norm"]));

    public static OpCase Backward(int m, int p) => new($"l2normalize_bwd {m}x{p}", [new("x", new Shape(m, p)), new("dz", new Shape(m, p))], [new("dx", new Shape(m, p))], (gpu, t) =>
    {
        var (z, norm) = (gpu.NewTensor("z", new Shape(m, p)), gpu.NewTensor("norm", new Shape(m)));
        L2NormalizeOp.Forward(gpu, t["x"], z, norm);
        L2NormalizeOp.Backward(gpu, t["dz"], z, norm, t["dx"]);
    });
}
