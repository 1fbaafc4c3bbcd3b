using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit.References;
using Values = System.Collections.Generic.IReadOnlyDictionary<string, double[]>;

namespace XClr.Nn.Tests.Ops;

/// <summary>Data gradients that carry the mask and the sums of the batch normalisation below them.</summary>
public sealed class ConvNormTests
{
    // The convolution's sums as in Conv2dOpTests; the normalisation takes two means off them, which leaves no more than a few times their rounding.
    private const double Tolerance = 1e-4;

    // Two stored values, dx and dnorm, are rounded, of values up to nine times the rms.
    private static double Stored(DType storage) => 2 * 9 * StoredValues.Rounding(storage);

    private static readonly string[] Halves = ["dy", "w", "x", "norm_x", "norm_y", "dx", "dnorm"];

    public static EachDeviceAnd Names => new(ConvNormCases.All.Select(c => c.Name));

    [SkippableTheory, MemberData(nameof(Names))]
    public void Matches_reference(string device, string name)
    {
        var c = ConvNormCases.All.Single(c => c.Name == name);
        OpRunner.Check(device, c.ToOpCase(), t => Reference(c, t), Tolerance, ConvChecks.Unread(c.Geometry, c.AddEvery));
        foreach (var storage in StoredValues.Halves)
        {
            OpRunner.Check(device, c.ToOpCase().In(storage, Halves), t => Reference(c, t), Stored(storage), ConvChecks.Unread(c.Geometry, c.AddEvery));
        }
    }

    /// <summary>The portable kernel's other tiles: 128 columns where the compiler gives figures, 32 where it does 64 badly.</summary>
    [SkippableTheory]
    [InlineData(TestDevices.Floor, 4)]
    [InlineData(TestDevices.Floor, 1)]
    [InlineData(TestDevices.SwiftShader, 4)]
    [InlineData(TestDevices.SwiftShader, 1)]
    public void Other_tiles_match_reference(string device, uint quads)
    {
        var c = new ConvNormCase(new(2, 15, 11, 196, 24, 1, 1, 1, 0), ReluMask.Recomputed, AddEvery: 1);
        var caps = TestDevices.Get(device).Caps with { CpuKernels = false, LaneRowKernels = false, PipelineStatistics = quads == 4 };
        if (quads == 1)
        {
            caps = caps with { KernelsPassedOver = new HashSet<string> { $"conv/conv2d_bwd_data_norm<{(uint)c.Mask},1,2>" } };
        }
        Assert.EndsWith($",{quads}>", Kernel(caps, c.ToOpCase()).Key, StringComparison.Ordinal);
        OpRunner.Check(device, c.ToOpCase(), t => Reference(c, t), Tolerance, caps: caps);
    }

    [SkippableTheory, EachDevice]
    public void Signs_match_reference(string device)
    {
        var caps = Portable(device);
        foreach (var c in ConvNormCases.WithSigns)
        {
            OpRunner.Check(device, c.ToOpCase(), t => Reference(c, t), Tolerance, ConvChecks.Unread(c.Geometry, c.AddEvery), caps);
            foreach (var storage in StoredValues.Halves)
            {
                OpRunner.Check(device, c.ToOpCase().In(storage, Halves), t => Reference(c, t), Stored(storage), ConvChecks.Unread(c.Geometry, c.AddEvery), caps);
            }
        }
    }

    /// <summary>Rows that are no multiple of eight, and two to four rows to a lane; more than one binding at the portable floor.</summary>
    [SkippableTheory, EachDevice]
    public void Signs_of_the_forward_pass_mask_as_its_output_does(string device)
    {
        string[] halves = ["x", "y", "residual", "dy", "w", "dnorm"];
        foreach (var g in new ConvGeometry[] { new(3, 7, 5, 32, 8, 1, 1, 1, 0), new(1, 9, 7, 96, 8, 1, 1, 2, 0), new(2, 64, 64, 64, 4, 1, 1, 1, 0), new(3, 61, 64, 64, 4, 1, 1, 1, 0) })
        {
            foreach (var storage in (DType[])[DType.Float32, .. StoredValues.Halves])
            {
                var (ofSigns, ofOutput) = (ConvNormCases.Between(g, signs: true).In(storage, halves), ConvNormCases.Between(g, signs: false).In(storage, halves));
                var inputs = OpRunner.Inputs(ofSigns);
                var want = OpRunner.Run(TestDevices.Get(device), ofOutput, inputs, Portable(device));
                foreach (var (name, values) in OpRunner.Run(TestDevices.Get(device), ofSigns, inputs, Portable(device)))
                {
                    Assert.True(values.AsSpan().SequenceEqual(want[name]), $"{ofSigns.Name} on {device}: {name}");
                }
                Assert.Contains(want["y"], v => v == 0);
            }
        }
    }

    private static DeviceCaps Portable(string device) => TestDevices.Get(device).Caps with { CpuKernels = false, LaneRowKernels = false };

    private static IEnumerable<ConvNormCase> OnMatrices => ConvNormCases.All.Concat(ConvNormCases.WithSigns).Concat(ConvNormCases.WithSecond);

    public static EachDeviceAnd NamesOnMatrices => new(OnMatrices.Select(c => c.Name));

    [SkippableTheory, MemberData(nameof(NamesOnMatrices))]
    public void Cooperative_matrices_match_reference(string device, string name)
    {
        var c = OnMatrices.Single(c => c.Name == name);
        foreach (var (storage, cores) in from storage in MatrixDevices.StoragesOf(device) from cores in new[] { 1, 1000 } select (storage, cores))
        {
            var caps = MatrixDevices.Caps(device) with { ShaderCores = cores };
            var op = c.ToOpCase().In(storage, Halves);
            Assert.StartsWith(c.Second ? "conv/conv2d_bwd_data_moments_coopmat" : "conv/conv2d_bwd_data_norm_coopmat", Kernel(caps, op).Name, StringComparison.Ordinal);
            OpRunner.Check(device, op, t => Reference(c, t), Stored(storage), ConvChecks.Unread(c.Geometry, c.AddEvery), caps);
        }
    }

    private static Kernel Kernel(DeviceCaps caps, OpCase op)
    {
        var gpu = new Recorder(caps);
        op.Record(gpu, op.NewTensors());
        return gpu.Dispatches.First(d => d.Kernel.Name.StartsWith("conv/conv2d_bwd_data", StringComparison.Ordinal) && !d.Kernel.Name.Contains("taps", StringComparison.Ordinal)).Kernel;
    }

    // [dy, x] w + offset.
    private static double[] Both(ConvGeometry g, Values t)
    {
        double[] Product(string name, int rows, int skip) => Conv2dReference.Forward(g with { C = rows, K = g.C }, t[name], t["w"][(skip * g.C)..((skip + rows) * g.C)]);
        return [.. Product("dy", g.K, 0).Zip(Product("x", g.C, g.K), (a, b) => a + b).Select((v, i) => v + t["offset"][i % g.C])];
    }

    private static Dictionary<string, double[]> Reference(ConvNormCase c, Values t)
    {
        var dx = c.Second ? Both(c.Geometry, t) : Conv2dReference.BackwardData(c.Geometry, t["dy"], t["w"]);
        var norm = new Dictionary<string, double[]>(t) { ["x"] = t["norm_x"] };
        var hasSigns = c.Mask is ReluMask.FromSigns or ReluMask.FromSignsAlone;
        var y = c.Mask == ReluMask.FromOutput ? t["norm_y"] : hasSigns ? [.. dx.Select((_, i) => c.IsOpen(i) ? 1.0 : 0)] : BatchNormReference.Forward(norm, relu: false, residual: false, affine: true)["y"];
        norm["dy"] = [.. dx.Select((v, i) => c.Mask != ReluMask.None && y[i] <= 0 ? 0 : v + (Conv2dCase.IsAddedTo(c.Geometry, c.AddEvery, i) ? t["dx"][i] : 0))];
        var want = BatchNormReference.Backward(norm, relu: false, residual: false, affine: true);
        if (c.Mask == ReluMask.FromSignsAlone)
        {
            // Without the part along norm_x.
            var (_, variance) = BatchNormReference.Statistics(norm["x"], c.Geometry.C);
            var channels = c.Geometry.C;
            want["dx"] = [.. norm["dy"].Select((v, i) => (v - want["dbeta"][i % channels] / (norm["x"].Length / channels)) * t["gamma"][i % channels] / Math.Sqrt(variance[i % channels] + BatchNormState.DefaultEps))];
            want["dgamma"] = new double[channels];
        }
        return new() { ["dnorm"] = want["dx"], ["dgamma"] = want["dgamma"], ["dbeta"] = want["dbeta"] };
    }
}
