using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>What a training step consists of, at the shapes of real training, for benchmarks.</summary>
public static class NetworkCases
{
    /// <summary>Square matrix products x [n,n] times w [n,n], through the product's own kernel.</summary>
    public static OpCase Gemm(int n, DType storage) =>
        new OpCase($"gemm {n}x{n}x{n}", [new("x", new Shape(n, n)), new("w", new Shape(n, n))], [new("y", new Shape(n, n))], (gpu, t) => LinearOp.Forward(gpu, t["x"], t["w"], bias: null, t["y"])).In(storage, "x", "w", "y");

    /// <summary>Every distinct convolution of ResNet-50 in one direction (the stem has no data gradient), and how often a step runs it.</summary>
    public static IEnumerable<(OpCase Op, int Count)> ResNet50(DeviceCaps caps, ConvPass pass, int size, int rows, DType storage) =>
        from layer in ResNet50(size, rows)
        where pass != ConvPass.BackwardData || layer.Geometry.R != 7
        select (new Conv2dCase(pass, layer.Geometry, Epilogue: pass == ConvPass.Forward).ToOpCase(caps).In(storage, "x", "w", "y", "dx", "dy"), layer.Count);

    // The distinct convolutions of ResNet-50 (stride in the 3x3) for n square images of this many pixels a side, and how often each occurs; the stem's input is padded to 4 channels.
    private static List<(ConvGeometry Geometry, int Count)> ResNet50(int size, int n)
    {
        ConvGeometry Conv(int pixels, int c, int k, int kernel, int stride) => new(n, pixels, pixels, c, k, kernel, kernel, stride, kernel / 2);
        List<(ConvGeometry, int)> layers = [(Conv(size, 4, 64, 7, 2), 1)];
        var (pixels, channels) = ((size + 3) / 4, 64);
        foreach (var (width, blocks) in new[] { (64, 3), (128, 4), (256, 6), (512, 3) })
        {
            var stride = width == 64 ? 1 : 2;
            layers.Add((Conv(pixels, channels, width, 1, 1), 1));
            layers.Add((Conv(pixels, width, width, 3, stride), 1));
            layers.Add((Conv(pixels, channels, 4 * width, 1, stride), 1));
            (pixels, channels) = ((pixels + stride - 1) / stride, 4 * width);
            layers.Add((Conv(pixels, width, channels, 1, 1), blocks));
            layers.Add((Conv(pixels, channels, width, 1, 1), blocks - 1));
            layers.Add((Conv(pixels, width, width, 3, 1), blocks - 1));
        }
        return [.. layers.GroupBy(l => l.Item1).Select(g => (g.Key, g.Sum(l => l.Item2)))];
    }

    /// <summary>X-CLR's loss, forward and backward, over 2N rows of 128 numbers with captions of 384.</summary>
    public static OpCase Loss(int rows) => new ContrastiveCase(ContrastiveKind.Text, rows / 2, 128, 384).ToOpCase();
}
