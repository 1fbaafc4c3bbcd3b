using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Max pooling: x -> y; and x, dy -> dx through the batch norm before it, forward and backward.</summary>
public static class MaxPoolCases
{
    /// <summary>ResNet's pool after the stem.</summary>
    public static readonly PoolWindow Stem = new(3, 3, 2, 1);

    private static readonly (int[] Image, PoolWindow Window)[] Shapes =
    [
        ([3, 1, 1, 4], Stem), ([2, 7, 5, 12], Stem), ([1, 6, 9, 20], new(2, 2, 2, 0)), ([2, 5, 5, 8], new(5, 3, 1, 1)), ([1, 13, 11, 4], new(3, 3, 1, 1)), ([1, 9, 7, 4], new(2, 3, 3, 1)),
        ([3, 60, 60, 32], Stem), ([2, 13, 11, 48], new(2, 3, 3, 1)), ([2, 9, 8, 16], new(3, 3, 1, 1)),
        // More blocks of pixels than a GPU's kernels have lanes at a time.
        ([6, 60, 60, 64], Stem),
    ];

    public static IEnumerable<OpCase> All => Shapes.SelectMany(s => new[] { Forward(s.Image, s.Window), Backward(s.Image, s.Window) });

    /// <summary>The window of each case, in the order of <see cref="All"/>.</summary>
    public static IEnumerable<PoolWindow> Windows => Shapes.SelectMany(s => new[] { s.Window, s.Window });

    public static OpCase Forward(int[] image, PoolWindow window) => new($"maxpool_fwd {Name(image, window)}", [new("x", new Shape(image))], [new("y", window.Pooled(new Shape(image)))],
        (gpu, t) => MaxPoolOp.Forward(gpu, t["x"], window, t["y"]));

    /// <summary>The same of x scale + shift, and a ReLU behind it, applied as x is loaded.</summary>
    public static OpCase Normalised(int[] image, PoolWindow window, bool relu) => new($"maxpool_fwd {Name(image, window)} {(relu ? "relu" : "affine")}",
        [new("x", new Shape(image)), new("scale", new Shape(image[^1])), new("shift", new Shape(image[^1]))], [new("y", window.Pooled(new Shape(image)))],
        (gpu, t) => MaxPoolOp.Forward(gpu, t["x"], window, t["y"], onLoad: new(t["scale"], t["shift"], relu)));

    /// <summary>Backward through the pool, the ReLU and the training batch norm before them, all of which the forward pass applied as it loaded x.</summary>
    public static OpCase Backward(int[] image, PoolWindow window)
    {
        var (pooled, c) = (window.Pooled(new Shape(image)), image[^1]);
        OpTensor Vector(string name, Fill fill = Fill.Normal) => new(name, new Shape(c), fill);
        return new($"maxpool_bwd {Name(image, window)}",
            [new("x", new Shape(image)), new("dy", pooled), Vector("gamma"), Vector("beta"), Vector("running_mean"), Vector("running_var", Fill.Positive), Vector("dgamma"), Vector("dbeta")],
            [new("dx", new Shape(image)), Vector("dgamma"), Vector("dbeta")], (gpu, t) =>
            {
                Tensor New(string name) => gpu.NewTensor(name, new Shape(c));
                var (state, mean, invStd, onLoad) = (new BatchNormState(t["gamma"], t["beta"], t["running_mean"], t["running_var"]), New("mean"), New("inv_std"), new NormOnLoad(New("scale"), New("shift"), Relu: true));
                BatchNormOp.Statistics(gpu, t["x"], state, mean, invStd);
                BatchNormOp.ScaleShift(gpu, state, mean, invStd, onLoad.Scale, onLoad.Shift);
                var argmax = MaxPoolOp.NewArgmax(gpu, pooled);
                MaxPoolOp.Forward(gpu, t["x"], window, gpu.NewTensor("y", pooled, type: t["x"].Type), argmax, onLoad);
                var norm = new NormPass(t["x"], state, mean, invStd, ReluMask.OnLoad, OnLoad: onLoad);
                MaxPoolOp.Backward(gpu, t["dy"], argmax, window, norm, t["dx"], t["dgamma"], t["dbeta"], accumulateParameters: true);
            });
    }

    private static string Name(int[] image, PoolWindow w) => $"{string.Join('x', image)} {w.R}x{w.S} s{w.Stride} p{w.Pad}";
}
