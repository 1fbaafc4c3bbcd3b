using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Max pooling: x -> y; and x, dy -> dx through forward and backward.</summary>
public static class MaxPoolCases
{
    /// <summary>ResNet's pool after the stem.</summary>
    public static readonly PoolWindow Stem = new(3, 3, 2, 1);

    private static readonly (int[] Image, PoolWindow Window)[] Shapes =
    [
        ([1, 1, 1, 4], Stem), ([2, 7, 5, 12], Stem), ([1, 6, 9, 20], new(2, 2, 2, 0)), ([2, 5, 5, 8], new(5, 3, 1, 1)), ([1, 13, 11, 4], new(3, 3, 1, 1)), ([1, 9, 7, 4], new(2, 3, 3, 1)),
        ([3, 60, 60, 32], Stem),
    ];

    public static IEnumerable<OpCase> All => Shapes.SelectMany(s => new[] { Forward(s.Image, s.Window), Backward(s.Image, s.Window) });

    public static IEnumerable<OpCase> Bench => [Forward([32, 32, 32, 64], Stem), Backward([32, 32, 32, 64], Stem)];

    /// <summary>The window of each case, in the order of <see cref="All"/>.</summary>
    public static IEnumerable<PoolWindow> Windows => Shapes.SelectMany(s => new[] { s.Window, s.Window });

    public static OpCase Forward(int[] image, PoolWindow window) => new($"maxpool_fwd {Name(image, window)}", [new("x", new Shape(image))], [new("y", window.Pooled(new Shape(image)))],
        (gpu, t) => MaxPoolOp.Forward(gpu, t["x"], window, t["y"]));

    /// <summary>The same of x scale + shift, and a ReLU behind it, applied as x is loaded.</summary>
    public static OpCase Normalised(int[] image, PoolWindow window, bool relu) => new($"maxpool_fwd {Name(image, window)} {(relu ? "relu" : "affine")}",
        [new("x", new Shape(image)), new("scale", new Shape(image[^1])), new("shift", new Shape(image[^1]))], [new("y", window.Pooled(new Shape(image)))],
        (gpu, t) => MaxPoolOp.Forward(gpu, t["x"], window, t["y"], onLoad: new(t["scale"], t["shift"], relu)));

    public static OpCase Backward(int[] image, PoolWindow window)
    {
        var pooled = window.Pooled(new Shape(image));
        return new($"maxpool_bwd {Name(image, window)}", [new("x", new Shape(image)), new("dy", pooled)], [new("dx", new Shape(image))], (gpu, t) =>
        {
            var argmax = MaxPoolOp.NewArgmax(gpu, "argmax", pooled);
            MaxPoolOp.Forward(gpu, t["x"], window, gpu.NewTensor("y", pooled, type: t["x"].Type), argmax);
            MaxPoolOp.Backward(gpu, t["dy"], argmax, window, t["dx"]);
        });
    }

    private static string Name(int[] image, PoolWindow w) => $"{string.Join('x', image)} {w.R}x{w.S} s{w.Stride} p{w.Pad}";
}
