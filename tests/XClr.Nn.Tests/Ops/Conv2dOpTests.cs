using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

public sealed class Conv2dOpTests
{
    public static EachDeviceAnd Cases => new(Conv2dCases.All.Select(c => c.Name));

    // What kernels for CPU drivers compute.
    private static IEnumerable<Conv2dCase> CpuCases => Conv2dCases.All.Where(c => !c.Prologue);

    public static TheoryData<string> CpuCaseNames => [.. CpuCases.Select(c => c.Name)];

    // The device's own kernels, or the portable ones where it runs those for CPU drivers and a prologue is wanted.
    private static DeviceCaps CapsFor(string device, Conv2dCase c) => TestDevices.Get(device).Caps is { CpuKernels: true } caps && c.Prologue ? caps with { CpuKernels = false, LaneRowKernels = false } : TestDevices.Get(device).Caps;

    /// <summary>All directions and slots; the gradients of L = sum(u*y) with random u are BackwardData and BackwardWeight of dy = u.</summary>
    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Matches_reference(string device, string name)
    {
        var c = Conv2dCases.All.Single(c => c.Name == name);
        var caps = CapsFor(device, c);
        OpRunner.Check(device, c.ToOpCase(caps), t => ConvChecks.Reference(c, caps, t), ConvChecks.Fp32, ConvChecks.Unread(c.Geometry, c.AddEvery), caps);
    }

    /// <summary>Storage of images, weights and their gradients in 16 bits; sums, statistics and the weights' gradient are fp32.</summary>
    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Halves_match_reference(string device, string name)
    {
        var c = Conv2dCases.All.Single(c => c.Name == name);
        var caps = CapsFor(device, c);
        foreach (var storage in StoredValues.Halves)
        {
            OpRunner.Check(device, c.ToOpCase(caps).In(storage, "x", "w", "y", "dy", "dx"), t => ConvChecks.Reference(c, caps, t, storage), ConvChecks.StoredTolerance(c, storage, MatrixDevices.TakesMatrices(caps, storage)), ConvChecks.Unread(c.Geometry, c.AddEvery), caps);
        }
    }

    /// <summary>
    /// The kernels for CPU drivers that this one does not take: those with a row per lane on an old lavapipe, and on a new one those whose every access synchronization validation sees (it sees none through pointers).
    /// </summary>
    [SkippableTheory]
    [MemberData(nameof(CpuCaseNames))]
    public void Other_kernels_for_cpu_drivers_match_reference(string name)
    {
        var caps = TestDevices.Get(TestDevices.Lavapipe).Caps;
        caps = caps with { LaneRowKernels = !caps.LaneRowKernels };
        Skip.If(caps.LaneRowKernels && !caps.BufferDeviceAddress, "this lavapipe has no buffer addresses");
        var c = Conv2dCases.All.Single(c => c.Name == name);
        Assert.Equal(caps.LaneRowKernels, Key(caps, c).Contains("_lanerow", StringComparison.Ordinal));
        OpRunner.Check(TestDevices.Lavapipe, c.ToOpCase(caps), t => ConvChecks.Reference(c, caps, t), ConvChecks.Fp32, ConvChecks.Unread(c.Geometry, c.AddEvery), caps);
    }

    /// <summary>The portable kernels' other tiles, which a device takes by what its compiler says: 128 columns where it gives figures, 32 where 64 do not run well.</summary>
    [SkippableTheory]
    [InlineData(TestDevices.Floor, 128)]
    [InlineData(TestDevices.Floor, 32)]
    [InlineData(TestDevices.SwiftShader, 128)]
    [InlineData(TestDevices.SwiftShader, 32)]
    public void Other_tiles_match_reference(string device, int columns)
    {
        var caps = TestDevices.Get(device).Caps with { PipelineStatistics = columns == 128 };
        foreach (var c in Conv2dCases.All.Where(c => c.Geometry is { K: 132 or 68 } or { C: 68 or 132 } || c.Epilogue || c.AddEvery > 0 || columns == 32))
        {
            if (columns == 32)
            {
                caps = PassOver(caps, c, tile: 64);
            }
            OpRunner.Check(device, c.ToOpCase(caps), t => ConvChecks.Reference(c, caps, t), ConvChecks.Fp32, caps: caps);
        }
    }

    /// <summary>The tile of a kernel is what the compiler's figures and the device's cores leave: the widest first, then 64 columns, then 32.</summary>
    [SkippableFact]
    public void Tile_follows_the_compilers_figures_and_the_cores()
    {
        var caps = TestDevices.Get(TestDevices.Floor).Caps;
        var c = new Conv2dCase(ConvPass.Forward, new ConvGeometry(1, 4, 4, 64, 128, 1, 1, 1, 0));
        Assert.Equal("conv/conv2d_fwd<0,0,0,2>", Key(caps, c));
        caps = caps with { PipelineStatistics = true };
        Assert.Equal("conv/conv2d_fwd<0,0,0,4>", Key(caps, c));
        Assert.Equal("conv/conv2d_fwd<0,0,0,2>", Key(caps, c with { Geometry = c.Geometry with { K = 64 } }));
        caps = PassOver(caps, c, tile: 128);
        Assert.Equal("conv/conv2d_fwd<0,0,0,2>", Key(caps, c));
        Assert.Equal("conv/conv2d_fwd<0,0,0,1>", Key(PassOver(caps, c, tile: 64), c));
        // Ten cores hold 20 workgroups: 20 of them keep all busy, 15 do not.
        var cores = TestDevices.Get(TestDevices.Floor).Caps with { PipelineStatistics = true, ShaderCores = 10 };
        string KeyOf(int rows) => Key(cores, c with { Geometry = c.Geometry with { N = 1, H = rows, W = 1 } });
        Assert.Equal("conv/conv2d_fwd<0,0,0,4>", KeyOf(20 * 64));
        Assert.Equal("conv/conv2d_fwd<0,0,0,2>", KeyOf(10 * 64));
        Assert.Equal("conv/conv2d_fwd<0,0,0,1>", KeyOf(5 * 64));
    }

    // The caps of a device whose compiler does this case's kernel badly as it stands, and that with this tile.
    private static DeviceCaps PassOver(DeviceCaps caps, Conv2dCase c, int tile)
    {
        var family = Key(caps, c);
        return caps with { KernelsPassedOver = caps.KernelsPassedOver.Append($"{family[..family.LastIndexOf(',')]},{tile / 32}>").ToHashSet() };
    }

    private static string Key(DeviceCaps caps, Conv2dCase c)
    {
        var gpu = new Recorder(caps);
        var op = c.ToOpCase(caps);
        op.Record(gpu, op.NewTensors());
        return gpu.Dispatches.First(d => d.Kernel.Name.StartsWith("conv/conv2d", StringComparison.Ordinal) && !d.Kernel.Name.Contains("taps", StringComparison.Ordinal)).Kernel.Key;
    }

    /// <summary>Pixels that no output reaches keep what they have where they are to be left.</summary>
    [SkippableTheory]
    [InlineData(TestDevices.Lavapipe)]
    [InlineData(TestDevices.Floor)]
    [InlineData(TestDevices.SwiftShader)]
    public void Unreached_pixels_are_left(string device)
    {
        var g = new ConvGeometry(2, 9, 8, 16, 8, 1, 1, 2, 0);
        var op = new Conv2dCase(ConvPass.BackwardData, g, LeaveUnreached: true).ToOpCase(TestDevices.Get(device).Caps);
        OpRunner.Check(device, op, t => new Dictionary<string, double[]> { ["dx"] = [.. Conv2dReference.BackwardData(g, t["dy"], t["w"]).Select((v, i) => Conv2dCase.IsAddedTo(g, g.Stride, i) ? v : t["dx"][i])] }, ConvChecks.Fp32);
    }

    /// <summary>Statistics of values with mean / std = 1,000: M2 must keep its digits, which a sum of squares would lose.</summary>
    [SkippableTheory]
    [InlineData(TestDevices.Lavapipe)]
    [InlineData(TestDevices.Floor)]
    [InlineData(TestDevices.SwiftShader)]
    public void Statistics_survive_a_large_mean(string device)
    {
        var c = new Conv2dCase(ConvPass.Forward, new ConvGeometry(3, 5, 5, 4, 8, 1, 1, 1, 0), Epilogue: true);
        var gpu = TestDevices.Get(device);
        var op = c.ToOpCase(gpu.Caps);
        var inputs = OpRunner.Inputs(op);
        // Channel 0 carries the mean of 1,000, channels 1 to 3 the spread of about 1 through weights of 1/sqrt(3).
        var (x, w) = (inputs["x"], inputs["w"]);
        for (var i = 0; i < x.Length; i += 4)
        {
            x[i] = 1000;
        }
        for (var i = 0; i < w.Length; i++)
        {
            w[i] = i < 8 ? 1 : 0.577f;
        }
        var outputs = OpRunner.Run(gpu, op, inputs);
        var want = ConvChecks.Partials(gpu.Caps, c.Geometry, outputs["y"].ToDoubles());
        var rows = new[] { "mean", "M2" };
        for (var kind = 0; kind < 2; kind++)
        {
            double[] Pick(IEnumerable<double> values) => [.. values.Where((_, i) => i / 8 % 2 == kind)];
            // Against the stored values: a mean of 1,000 is rounded to 3e-5; blocks of 64 merge 8 groups, whose means differ by about 0.35, so M2 (of about 42)
            // is off by up to 8 * 2 * 0.35 * 3e-5 * 8 = 1.3e-3.
            Closeness.Require($"{rows[kind]} on {device}", [.. Pick(outputs["partials"].Select(v => (double)v)).Select(v => (float)v)], Pick(want), 4e-5);
        }
    }

    /// <summary>Runs of images with the kernels for CPU drivers: bindings of at most 1 MiB. Blocks of statistics are cut within each run.</summary>
    [SkippableFact]
    public void Runs_of_images_on_a_cpu_driver()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, "maxStorageBufferRange=1M");
        foreach (var c in CpuCases.Where(c => c.Geometry.N * c.Geometry.H > 256))
        {
            var op = c.ToOpCase(device.Caps);
            var inputs = OpRunner.Inputs(op);
            var outputs = OpRunner.Run(device, op, inputs);
            var want = ConvChecks.Reference(c, device.Caps, inputs.ToDoubles());
            foreach (var name in op.Outputs.Select(o => o.Name).Where(n => n != "partials"))
            {
                Closeness.Require($"{c.Name}: {name}", outputs[name], want[name], ConvChecks.Fp32);
            }
            if (c.Epilogue)
            {
                // Whole blocks of 16 rows: the mean over all rows is the mean of the blocks' means, whatever their order.
                double[] Means(IReadOnlyList<double> partials) => [.. Enumerable.Range(0, c.Geometry.K).Select(k => Enumerable.Range(0, partials.Count / 2 / c.Geometry.K).Average(b => partials[2 * b * c.Geometry.K + k]))];
                Assert.Equal(0, c.Geometry.M % ConvEpilogue.RowsPerBlock(device.Caps));
                Closeness.Require($"{c.Name}: mean", [.. Means(outputs["partials"].ToDoubles()).Select(v => (float)v)], Means(want["partials"]), ConvChecks.Fp32);
            }
        }
    }

    /// <summary>Images of 15x15 pixels, of which a run holds nine: 225 times a number up to nine is no whole number of blocks, so that a pass of its own computes the statistics, of neighbours in memory.</summary>
    [SkippableTheory]
    [InlineData("maxStorageBufferRange=64K")]
    [InlineData("maxStorageBufferRange=64K,cpuKernels=0")]
    public void Statistics_of_runs_that_are_no_whole_blocks(string caps)
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, caps);
        var c = new Conv2dCase(ConvPass.Forward, new ConvGeometry(20, 15, 15, 4, 8, 1, 1, 1, 0), Epilogue: true);
        var op = c.ToOpCase(device.Caps);
        var inputs = OpRunner.Inputs(op);
        var outputs = OpRunner.Run(device, op, inputs);
        var want = ConvChecks.Reference(c, device.Caps, inputs.ToDoubles())["y"];
        Closeness.Require("y", outputs["y"], want, ConvChecks.Fp32);
        Closeness.Require("partials", outputs["partials"], Conv2dReference.Partials(want, c.Geometry.K, ConvEpilogue.RowsPerBlock(device.Caps)), ConvChecks.Fp32);
    }

    [Fact]
    public void Refuses_what_it_cannot_compute()
    {
        Assert.Contains("multiples of 4", Assert.Throws<ShapeException>(() => new ConvGeometry(1, 8, 8, 3, 8, 3, 3, 1, 1).Require()).Message);
        Assert.Contains("larger than the padded image", Assert.Throws<ShapeException>(() => new ConvGeometry(1, 2, 2, 4, 8, 5, 5, 1, 1).Require()).Message);
        Assert.Contains("must be positive", Assert.Throws<ShapeException>(() => new ConvGeometry(1, 8, 8, 4, 8, 3, 3, 0, 1).Require()).Message);
    }

    /// <summary>The kernels for CPU drivers have no prologue, and none is ignored.</summary>
    [Fact]
    public void Kernels_for_cpu_drivers_refuse_a_prologue()
    {
        var caps = PaperDevice.Caps with { CpuKernels = true };
        Assert.False(Conv2dOp.NormalisesOnLoad(caps, taps: 1, columns: 64));
        foreach (var c in Conv2dCases.All.Where(c => c.Prologue))
        {
            Assert.Contains("do not normalise where they load", Assert.Throws<ArgumentException>(() => Key(caps, c)).Message, StringComparison.Ordinal);
        }
    }
}
