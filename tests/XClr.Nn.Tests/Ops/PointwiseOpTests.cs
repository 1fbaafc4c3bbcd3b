using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit;
using XClr.TestKit.References;
using Xunit;

namespace XClr.Nn.Tests.Ops;

public class PointwiseOpTests
{
    public static TheoryData<string> Devices => [.. TestDevices.All];

    // Copies and zeros: exact.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void ReluMatchesReference(string device)
    {
        foreach (var op in ReluCases.All)
        {
            OpRunner.Check(device, op, t => t.ContainsKey("dy") ? PointwiseReference.ReluGradient(t) : PointwiseReference.Relu(t), 0);
        }
    }

    [SkippableFact]
    public void ReluKeepsNan()
    {
        var op = ReluCases.Forward([1, 4]);
        var y = OpRunner.Run(TestDevices.Get(TestDevices.Lavapipe), op, new() { ["x"] = [float.NaN, -1, 2, float.NegativeInfinity] })["y"];
        Assert.Equal([float.NaN, 0, 2, 0], y);
    }

    // One rounding of 6e-8 of a sum up to five times the rms.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void AddMatchesReference(string device)
    {
        foreach (var op in AddCases.All)
        {
            OpRunner.Check(device, op, t => new Dictionary<string, double[]> { [op.Outputs[0].Name] = PointwiseReference.Add(t) }, 3e-7);
        }
    }

    // To the nearest half, ties to even, as .NET rounds.
    [SkippableTheory, MemberData(nameof(Devices))]
    public void CastRoundsToTheNearestHalf(string device)
    {
        foreach (var op in CastCases.All)
        {
            OpRunner.Check(device, op, t => new Dictionary<string, double[]> { ["y"] = [.. t["x"].Select(v => (double)(Half)v)] }, 0);
        }
    }

    [SkippableFact]
    public void WhatIsBeyondHalvesIsInfinite()
    {
        var op = CastCases.Forward([1, 4]);
        Assert.Equal([float.PositiveInfinity, float.NegativeInfinity, 65504, float.NaN], OpRunner.Run(TestDevices.Get(TestDevices.Lavapipe), op, new() { ["x"] = [1e5f, -1e5f, 65504, float.NaN] })["y"]);
    }

    [SkippableFact]
    public void ChannelsMustComeInFours()
    {
        var recorder = new Recorder(TestDevices.Get(TestDevices.Lavapipe).Caps);
        Tensor New() => recorder.NewTensor("odd", new Shape(2, 3));
        Assert.Contains("multiple of 4", Assert.Throws<ShapeException>(() => ReluOp.Forward(recorder, New(), New())).Message, StringComparison.Ordinal);
    }
}
