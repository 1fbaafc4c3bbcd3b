using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Global average pooling: x -> y; dy -> dx.</summary>
public static class GlobalAvgPoolCases
{
    private static readonly int[][] Images = [[1, 1, 1, 4], [5, 3, 7, 12], [7, 2, 2, 132], [3, 40, 61, 40]];

    public static IEnumerable<OpCase> All => Images.SelectMany(s => new[] { Forward(s), Backward(s) });

    public static OpCase Forward(int[] image) => new($"globalavgpool_fwd {string.Join('x', image)}", [new("x", new Shape(image))], [new("y", new Shape(image[0], image[3]))],
        (gpu, t) => GlobalAvgPoolOp.Forward(gpu, t["x"], t["y"]));

    public static OpCase Backward(int[] image) => new($"globalavgpool_bwd {string.Join('x', image)}", [new("dy", new Shape(image[0], image[3]))], [new("dx", new Shape(image))],
        (gpu, t) => GlobalAvgPoolOp.Backward(gpu, t["dy"], t["dx"]));
}
