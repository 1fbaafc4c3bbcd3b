using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Nn.Ops;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

public class PoolOpTests
{
    // A gradient behind a max pool is nearly zero at most pixels, and elsewhere up to 36 times the rms: a few roundings of 6e-8 of that, and the sums'.
    [SkippableTheory, EachDevice]
    public void Max_pool_matches_reference(string device)
    {
        foreach (var (op, window) in MaxPoolCases.All.Zip(MaxPoolCases.Windows))
        {
            Check(device, op, window, ofDx: 1e-5);
        }
    }

    // 16 bits round what is stored, of values as large as that.
    [SkippableTheory, EachDeviceAndHalf]
    public void Halves_match_reference(string device, DType storage)
    {
        var rounding = 9 * StoredValues.Rounding(storage);
        foreach (var (op, window) in MaxPoolCases.All.Zip(MaxPoolCases.Windows))
        {
            Check(device, op.In(storage, "x", "y", "dy", "dx"), window, ofDx: 36 * StoredValues.Rounding(storage));
        }
        foreach (var op in GlobalAvgPoolCases.All)
        {
            var backward = op.Inputs[0].Name == "dy";
            var image = (backward ? op.Outputs : op.Inputs)[0].Shape;
            OpRunner.Check(device, op.In(storage, "x", "dx"), t => backward ? PoolReference.AverageGradient(t, image) : PoolReference.Average(t, image), backward ? rounding : 1e-5);
        }
    }

    // One multiply-add is rounded; storage in 16 bits rounds it again, values up to nine times the rms.
    [SkippableTheory, EachDevice]
    public void Max_pool_normalises_as_it_loads(string device)
    {
        foreach (var (image, window, relu) in new[] { (new[] { 2, 7, 5, 12 }, MaxPoolCases.Stem, true), ([1, 13, 11, 4], new PoolWindow(3, 3, 1, 1), false), ([3, 60, 60, 32], MaxPoolCases.Stem, true) })
        {
            Dictionary<string, double[]> Reference(IReadOnlyDictionary<string, double[]> t) =>
                PoolReference.Max(new Dictionary<string, double[]> { ["x"] = Conv2dReference.Prologue(t["x"], t["scale"], t["shift"], relu) }, new Shape(image), window);
            var op = MaxPoolCases.Normalised(image, window, relu);
            OpRunner.Check(device, op, Reference, 1e-6);
            foreach (var storage in StoredValues.Halves)
            {
                OpRunner.Check(device, op.In(storage, "x", "y"), Reference, 9 * StoredValues.Rounding(storage));
            }
        }
    }

    // The forward pass copies; sums, and so the parameters' gradients, are fp32 in any storage.
    private static void Check(string device, OpCase op, PoolWindow window, double ofDx)
    {
        var image = op.Inputs[0].Shape;
        if (op.Inputs.Count == 1)
        {
            OpRunner.Check(device, op, t => PoolReference.Max(t, image, window), 0);
            return;
        }
        foreach (var (names, tolerance) in new[] { (new[] { "dx" }, ofDx), (["dgamma", "dbeta"], 1e-5) })
        {
            OpRunner.Check(device, op, t => PoolReference.MaxGradient(t, image, window).Where(o => names.Contains(o.Key)).ToDictionary(), tolerance);
        }
    }

    // Values from {-1, 0, 1} tie in nearly every window; the gradient must go to the first maximum in row-major order.
    [SkippableTheory, EachDevice]
    public void Ties_go_to_the_first(string device)
    {
        int[] image = [2, 9, 7, 8];
        OpRunner.Check(device, MaxPoolCases.Backward(image, MaxPoolCases.Stem), t => PoolReference.MaxGradient(t, new Shape(image), MaxPoolCases.Stem), 1e-5,
            t => t["x"] = [.. t["x"].Select(v => (float)Math.Round(Math.Clamp(v, -1, 1)))]);
    }

    // There would be no statistics to go back through.
    [SkippableTheory, EachDevice]
    public void Backward_wants_a_norm_that_was_applied_on_load(string device)
    {
        var (image, pooled) = (new Shape(1, 4, 4, 4), new Shape(1, 2, 2, 4));
        Assert.Contains("applied where the pool loads", Assert.Throws<ShapeException>(() => TestDevices.Get(device).Record(gpu =>
        {
            Tensor New(Shape shape) => gpu.NewTensor("t", shape);
            var state = new BatchNormState(null, null, New(new Shape(4)), New(new Shape(4)));
            var norm = new NormPass(New(image), state, New(new Shape(4)), New(new Shape(4)), ReluMask.Recomputed);
            MaxPoolOp.Backward(gpu, New(pooled), MaxPoolOp.NewArgmax(gpu, pooled), MaxPoolCases.Stem, norm, New(image));
        })).Message, StringComparison.Ordinal);
    }

    [SkippableTheory, EachDevice]
    public void All_minus_infinity_and_nan_are_pooled_as_in_torch(string device)
    {
        int[] image = [1, 2, 2, 4];
        var op = MaxPoolCases.Forward(image, new(2, 2, 2, 0));
        const float Low = float.NegativeInfinity;
        float[] x = [Low, 1, 1, 1, Low, float.NaN, 2, 1, Low, 3, Low, 1, Low, 2, 0, 1];
        Assert.Equal([Low, float.NaN, 2, 1], OpRunner.Run(TestDevices.Get(device), op, new() { ["x"] = x })["y"]);
    }

    // Sums of up to 2,440 pixels: a random walk of roundings of 6e-8 each, of a mean that is a fiftieth of the values.
    [SkippableTheory, EachDevice]
    public void Global_average_pool_matches_reference(string device)
    {
        foreach (var op in GlobalAvgPoolCases.All)
        {
            var backward = op.Inputs[0].Name == "dy";
            var image = (backward ? op.Outputs : op.Inputs)[0].Shape;
            OpRunner.Check(device, op, t => backward ? PoolReference.AverageGradient(t, image) : PoolReference.Average(t, image), backward ? 1e-6 : 1e-5);
        }
    }

    [Theory]
    [InlineData(3, 3, 2, 2)]
    [InlineData(17, 17, 1, 0)]
    [InlineData(9, 1, 1, 0)]
    [InlineData(3, 3, 0, 1)]
    public void Unsuitable_windows_are_refused(int r, int s, int stride, int pad) =>
        Assert.Contains("does not suit", Assert.Throws<ShapeException>(() => new PoolWindow(r, s, stride, pad).Pooled(new Shape(1, 8, 8, 4))).Message, StringComparison.Ordinal);
}
