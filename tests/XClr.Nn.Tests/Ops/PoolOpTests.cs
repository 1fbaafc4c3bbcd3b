using XClr.Bench.Cases;
using XClr.Nn.Ops;
using XClr.TestKit;
using XClr.TestKit.References;
using Xunit;

namespace XClr.Nn.Tests.Ops;

public class PoolOpTests
{
    public static TheoryData<string> Devices => [.. TestDevices.All];

    public static TheoryData<string, DType> Stored => OpRunner.DevicesAndHalves;

    // The forward pass copies (exact). The backward pass adds at most R S values and goes through batch norm: about ten roundings of 6e-8 of values up to nine times the rms, and the sums'.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void MaxPoolMatchesReference(string device)
    {
        foreach (var (op, window) in MaxPoolCases.All.Zip(MaxPoolCases.Windows))
        {
            var image = op.Inputs[0].Shape;
            OpRunner.Check(device, op, t => t.ContainsKey("dy") ? PoolReference.MaxGradient(t, image, window, relu: true) : PoolReference.Max(t, image, window), op.Inputs.Count > 1 ? 1e-5 : 0);
        }
        int[] plain = [2, 7, 5, 12];
        OpRunner.Check(device, MaxPoolCases.Backward(plain, MaxPoolCases.Stem, relu: false), t => PoolReference.MaxGradient(t, new Shape(plain), MaxPoolCases.Stem, relu: false), 1e-5);
    }

    // 16 bits round what is stored, of values up to nine times the rms, and of gradients, most of which are nearly zero behind a max pool, up to 36 times. A maximum is one of the values and exact.
    [SkippableTheory, MemberData(nameof(Stored))]
    public void HalvesMatchReference(string device, DType storage)
    {
        var rounding = 9 * OpRunner.Rounding(storage);
        foreach (var (op, window) in MaxPoolCases.All.Zip(MaxPoolCases.Windows))
        {
            var image = op.Inputs[0].Shape;
            OpRunner.Check(device, op.In(storage, "x", "y", "dy", "dx"), t => t.ContainsKey("dy") ? PoolReference.MaxGradient(t, image, window, relu: true) : PoolReference.Max(t, image, window), op.Inputs.Count > 1 ? 4 * rounding : 0);
        }
        foreach (var op in GlobalAvgPoolCases.All)
        {
            var backward = op.Inputs[0].Name == "dy";
            var image = (backward ? op.Outputs : op.Inputs)[0].Shape;
            OpRunner.Check(device, op.In(storage, "x", "dx"), t => backward ? PoolReference.AverageGradient(t, image) : PoolReference.Average(t, image), backward ? rounding : 1e-5);
        }
    }

    // One multiply-add is rounded; storage in 16 bits rounds it again, values up to nine times the rms.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void MaxPoolNormalisesAsItLoads(string device)
    {
        foreach (var (image, window, relu) in new[] { (new[] { 2, 7, 5, 12 }, MaxPoolCases.Stem, true), ([1, 13, 11, 4], new PoolWindow(3, 3, 1, 1), false), ([3, 60, 60, 32], MaxPoolCases.Stem, true) })
        {
            Dictionary<string, double[]> Reference(IReadOnlyDictionary<string, double[]> t) =>
                PoolReference.Max(new Dictionary<string, double[]> { ["x"] = Conv2dReference.Prologue(t["x"], t["scale"], t["shift"], relu) }, new Shape(image), window);
            var op = MaxPoolCases.Normalised(image, window, relu);
            OpRunner.Check(device, op, Reference, 1e-6);
            foreach (var storage in OpRunner.Halves)
            {
                OpRunner.Check(device, op.In(storage, "x", "y"), Reference, 9 * OpRunner.Rounding(storage));
            }
        }
    }

    // Values from {-1, 0, 1} tie in nearly every window; the gradient must go to the first maximum in row-major order.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void TiesGoToTheFirst(string device)
    {
        int[] image = [2, 9, 7, 8];
        OpRunner.Check(device, MaxPoolCases.Backward(image, MaxPoolCases.Stem), t => PoolReference.MaxGradient(t, new Shape(image), MaxPoolCases.Stem, relu: true), 1e-5,
            t => t["x"] = [.. t["x"].Select(v => (float)Math.Round(Math.Clamp(v, -1, 1)))]);
    }

    // There would be no statistics to go back through.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void BackwardWantsANormThatWasAppliedOnLoad(string device)
    {
        var (image, pooled) = (new Shape(1, 4, 4, 4), new Shape(1, 2, 2, 4));
        Assert.Contains("applied where the pool loads", Assert.Throws<ShapeException>(() => TestDevices.Get(device).Record(gpu =>
        {
            Tensor New(Shape shape) => gpu.NewTensor("t", shape);
            var state = new BatchNormState(null, null, New(new Shape(4)), New(new Shape(4)));
            var norm = new NormPass(New(image), state, New(new Shape(4)), New(new Shape(4)), ReluMask.Recomputed);
            MaxPoolOp.Backward(gpu, New(pooled), MaxPoolOp.NewArgmax(gpu, "argmax", pooled), MaxPoolCases.Stem, norm, New(image));
        })).Message, StringComparison.Ordinal);
    }

    [SkippableTheory, MemberData(nameof(Devices))]
    public void AllMinusInfinityAndNanArePooledAsInTorch(string device)
    {
        int[] image = [1, 2, 2, 4];
        var op = MaxPoolCases.Forward(image, new(2, 2, 2, 0));
        const float Low = float.NegativeInfinity;
        float[] x = [Low, 1, 1, 1, Low, float.NaN, 2, 1, Low, 3, Low, 1, Low, 2, 0, 1];
        Assert.Equal([Low, float.NaN, 2, 1], OpRunner.Run(TestDevices.Get(device), op, new() { ["x"] = x })["y"]);
    }

    // Sums of up to 2,440 pixels: a random walk of roundings of 6e-8 each, of a mean that is a fiftieth of the values.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void GlobalAveragePoolMatchesReference(string device)
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
    public void UnsuitableWindowsAreRefused(int r, int s, int stride, int pad) =>
        Assert.Contains("does not suit", Assert.Throws<ShapeException>(() => new PoolWindow(r, s, stride, pad).Pooled(new Shape(1, 8, 8, 4))).Message, StringComparison.Ordinal);
}
