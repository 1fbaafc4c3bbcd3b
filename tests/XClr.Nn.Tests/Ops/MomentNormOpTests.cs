using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit.References;
using Values = System.Collections.Generic.IReadOnlyDictionary<string, double[]>;

namespace XClr.Nn.Tests.Ops;

/// <summary>A block's last convolution, batch norm, residual sum and ReLU by moments of the input, on the devices with cooperative matrices; and the convolution in it alone.</summary>
public sealed class MomentNormOpTests
{
    // Sums of a thousand products in fp32, of which the mean's square takes up to a hundredth part off again.
    private const double Tolerance = 1e-4;

    // As in ConvNormTests: what is stored in 16 bits, and of weights that were rounded (dx).
    private static double Stored(DType storage) => 2 * 9 * StoredValues.Rounding(storage);

    public static EachDeviceAnd Names => new(MomentNormCases.All.Select(c => c.Name));

    public static EachDeviceAnd Convolutions => new(MomentNormCases.Convolutions.Select(c => c.Name));

    [SkippableTheory, MemberData(nameof(Names))]
    public void Matches_reference(string device, string name)
    {
        var c = MomentNormCases.All.Single(c => c.Name == name);
        foreach (var (storage, moments) in from storage in MatrixDevices.StoragesOf(device) from moments in new[] { true, false } select (storage, moments))
        {
            var caps = MatrixDevices.Caps(device) with { MomentNormRows = moments ? 0 : int.MaxValue };
            Assert.Equal(moments, IsTaken(caps, storage, c.Geometry, c.Kind, ReluMask.None));
            var op = c.ToOpCase().In(storage, [.. MomentNormCase.Activations]);
            var inputs = OpRunner.Inputs(op);
            var outputs = OpRunner.Run(TestDevices.Get(device), op, inputs, caps);
            foreach (var (output, want) in Reference(c, inputs.ToDoubles(), outputs["y"]))
            {
                Closeness.Require($"{op.Name} on {device}: {output}", outputs[output], want, !moments || output is "y" or "dx" ? Stored(storage) : Tolerance);
            }
        }
    }

    [SkippableTheory, MemberData(nameof(Convolutions))]
    public void Convolution_matches_reference(string device, string name)
    {
        var c = MomentNormCases.Convolutions.Single(c => c.Name == name);
        foreach (var (storage, cores) in from storage in MatrixDevices.StoragesOf(device) from cores in new[] { 1, 1000 } select (storage, cores))
        {
            var op = c.ToOpCase().In(storage, "x", "w", "residual", "y");
            var inputs = OpRunner.Inputs(op);
            var outputs = OpRunner.Run(TestDevices.Get(device), op, inputs, MatrixDevices.Caps(device) with { ShaderCores = cores });
            var t = inputs.ToDoubles();
            Closeness.Require($"{op.Name} on {device}", outputs["y"], Sum(Conv2dReference.Forward(c.Geometry, t["x"], t["w"]), t, t["scale"], t["shift"]), Stored(storage));
            var signs = outputs["signs"].SelectMany(word => Enumerable.Range(0, 32).Select(bit => (BitConverter.SingleToUInt32Bits(word) >> bit & 1) != 0));
            Assert.Equal(outputs["y"].Select(v => v > 0), signs);
        }
    }

    /// <summary>It is taken from so many rows per channel on or as measured, where there are matrices, for 1x1 convolutions alone; what was asked for counts more than what was measured.</summary>
    [Fact]
    public void Is_taken_for_many_rows_per_channel()
    {
        var shape = new CooperativeMatrixShape(16, 16, 16, "float16", "float16", "float32", "float32");
        var caps = PaperDevice.Caps with { CooperativeMatrix = true, CooperativeMatrixShapes = [shape], ShaderCores = 100 };
        var g = new ConvGeometry(16, 64, 32, 64, 256, 1, 1, 1, 0);
        bool Suits(DeviceCaps caps, ConvGeometry g) => IsTaken(caps, DType.Float16, g, ResidualKind.AsIs, ReluMask.Recomputed);
        Assert.True(Suits(caps, g));
        Assert.False(Suits(caps, g with { N = 15 }));
        Assert.True(Suits(caps with { MomentNormRows = 120 }, g with { N = 15 }));
        DeviceCaps Measured(string way) => caps with { Tuning = new Tuning(new Dictionary<string, string> { [new MomentNormWork(g, DType.Float16, ResidualKind.AsIs).Name] = way }) };
        Assert.False(Suits(Measured(MomentNormWork.Stored), g));
        Assert.True(Suits(Measured("unknown"), g));
        Assert.True(Suits(Measured(MomentNormWork.Stored), g with { N = 17 }));
        Assert.True(Suits(Measured(MomentNormWork.Stored) with { MomentNormRows = 128 }, g));
        Assert.False(Suits(Measured(MomentNormWork.Moments) with { MomentNormRows = 129 }, g));
        Assert.False(IsTaken(caps, DType.Float32, g, ResidualKind.AsIs, ReluMask.Recomputed));
        Assert.False(Suits(caps with { CooperativeMatrix = false }, g));
        Assert.False(Suits(caps with { CpuKernels = true }, g));
        Assert.False(Suits(caps, g with { K = 224 }));
        Assert.False(Suits(caps, g with { C = 48 }));
        Assert.False(Suits(caps, g with { R = 3, S = 3, Pad = 1 }));
        Assert.False(Suits(caps, g with { N = 64, Stride = 2 }));
    }

    private static bool IsTaken(DeviceCaps caps, DType storage, ConvGeometry g, ResidualKind residual, ReluMask below) => MomentNormOp.IsTaken(new Recorder(caps), new(g, storage, residual), below);

    // The mask is that of y as it is stored: next to zero it may round to the other side.
    private static Dictionary<string, double[]> Reference(MomentNormCase c, Values t, float[] stored)
    {
        var z = Conv2dReference.Forward(c.Geometry, t["x"], t["w"]);
        var norm = new Dictionary<string, double[]>(t) { ["x"] = z };
        var forward = BatchNormReference.Forward(norm, relu: false, residual: false, affine: true);
        var y = Sum(forward["y"], t, null, null);
        norm["dy"] = [.. t["dy"].Select((v, i) => stored[i] > 0 ? v : 0)];
        var backward = BatchNormReference.Backward(norm, relu: false, residual: false, affine: true);
        var want = new Dictionary<string, double[]>
        {
            ["y"] = y, ["dy"] = norm["dy"], ["running_mean"] = forward["running_mean"], ["running_var"] = forward["running_var"],
            ["dx"] = Conv2dReference.BackwardData(c.Geometry, backward["dx"], t["w"]), ["dw"] = Conv2dReference.BackwardWeight(c.Geometry, t["x"], backward["dx"]),
            ["dgamma"] = backward["dgamma"], ["dbeta"] = backward["dbeta"],
        };
        foreach (var name in c.Accumulate ? ["dw", "dgamma", "dbeta"] : Array.Empty<string>())
        {
            want[name] = [.. want[name].Select((v, i) => v + t[name][i])];
        }
        return want;
    }

    // relu(scale z + shift + residual), the residual by residual_scale and residual_shift where there are such.
    private static double[] Sum(double[] z, Values t, double[]? scale, double[]? shift)
    {
        double Affine(double v, int i, double[]? by, double[]? plus) => by is null ? v : v * by[i % by.Length] + plus![i % by.Length];
        return [.. z.Select((v, i) => Math.Max(Affine(v, i, scale, shift) + Affine(t["residual"][i], i, t.GetValueOrDefault("residual_scale"), t.GetValueOrDefault("residual_shift")), 0))];
    }
}
