using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Tests.Ops;

/// <summary>Every way of a convolution that `xclr tune` may choose.</summary>
public sealed class ConvWayTests
{
    private static readonly ConvGeometry Geometry = new(3, 6, 5, 64, 128, 3, 3, 1, 1);

    /// <summary>Each is taken where it is the measured one, is another plan than every other one, and agrees with double precision.</summary>
    [SkippableTheory, EachDevice]
    public void Every_way_is_taken_and_matches_reference(string device)
    {
        var own = TestDevices.Get(device).Caps;
        foreach (var caps in own.HalfMatrixShapes.Count > 0 && own.CpuKernels ? [own, own with { CpuKernels = false, LaneRowKernels = false }] : new[] { own })
        {
            foreach (var c in new Conv2dCase[] { new(ConvPass.Forward, Geometry, Prologue: !caps.CpuKernels, Relu: !caps.CpuKernels, Epilogue: true), new(ConvPass.BackwardData, Geometry, AddEvery: 1), new(ConvPass.BackwardWeight, Geometry) })
            {
                foreach (var storage in (DType[])[DType.Float32, .. StoredValues.Halves])
                {
                    Check(device, caps, c, c.ToOpCase(caps).In(storage, "x", "w", "y", "dy", "dx"), storage);
                }
            }
        }
    }

    /// <summary>Choices of other shapes, and ways that a device does not have, change nothing.</summary>
    [Fact]
    public void Other_choices_are_left_alone()
    {
        var op = new Conv2dCase(ConvPass.Forward, Geometry).ToOpCase(PaperDevice.Caps);
        var work = Assert.IsType<ConvWork>(Assert.Single(Record(op, PaperDevice.Caps).Works));
        Assert.Equal(["Portable 64x128", "Portable 64x64", "Portable 64x32"], work.Ways(PaperDevice.Caps));
        string Key(Dictionary<string, string> ways) => Record(op, PaperDevice.Caps with { Tuning = new Tuning(ways) }).Dispatches.Single().Kernel.Key;
        Assert.Equal("conv/conv2d_fwd<0,0,0,2>", Key([]));
        Assert.Equal("conv/conv2d_fwd<0,0,0,1>", Key(new() { [work.Name] = "Portable 64x32" }));
        Assert.Equal("conv/conv2d_fwd<0,0,0,2>", Key(new() { [work.Name] = "Word 16x64" }));
        Assert.Equal("conv/conv2d_fwd<0,0,0,2>", Key(new() { [(work with { Geometry = Geometry with { N = 4 } }).Name] = "Portable 64x32" }));
    }

    [Fact]
    public void A_name_says_all_of_the_work()
    {
        var work = new ConvWork(ConvPass.BackwardData, Geometry, DType.Float16, Prologue: false, Relu: false, Statistics: false, AddEvery: 1, ReluMask.OnLoad);
        Assert.Equal("conv2d_bwd_data 3x6x5x64 k128 3x3 s1 p1 Float16 acc norm OnLoad", work.Name);
        Assert.Equal("conv2d_bwd_data 3x6x5x64 k128 3x3 s1 p1 Float16 acc every 2 norm OnLoad", (work with { AddEvery = 2 }).Name);
        Assert.Equal("conv2d_fwd 3x6x5x64 k128 3x3 s1 p1 Float16 relu stats", new ConvWork(ConvPass.Forward, Geometry, DType.Float16, true, true, true, 0, null).Name);
    }

    /// <summary>The tuner measures all of a work's ways, and keeps the cost model's where none is faster.</summary>
    [SkippableFact]
    public void The_tuner_measures_every_way()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            foreach (var pass in Enum.GetValues<ConvPass>())
            {
                var work = new ConvWork(pass, Geometry, DType.Float32, Prologue: false, Relu: false, Statistics: pass == ConvPass.Forward, AddEvery: 0, null);
                var tuned = Tuner.Tune(device, work, 3, repeats: 2);
                Assert.Equal((work.Name, 3, work.Ways(device.Caps).Count), (tuned.Work, tuned.Count, tuned.Measured.Count + tuned.PassedOver));
                Assert.Contains(tuned.Before, work.Ways(device.Caps));
                Assert.Contains(tuned.Best, work.Ways(device.Caps));
                Assert.True(tuned.Changed ? tuned.Ratio > 1 + Tuner.Noise : tuned.Ratio == 1, $"{tuned}");
            }
            TestDevices.RequireSilence(device);
        }
    }

    private static void Check(string device, DeviceCaps caps, Conv2dCase c, OpCase op, DType storage)
    {
        var work = (ConvWork)Record(op, caps).Works.Single();
        var plans = new HashSet<string>();
        // Of the many tiles of matrices some.
        foreach (var way in work.Ways(caps).Where((w, i) => !w.StartsWith("Matrices", StringComparison.Ordinal) || i % 7 == 0))
        {
            var tuned = caps with { Tuning = new Tuning(new Dictionary<string, string> { [work.Name] = way }) };
            Assert.True(plans.Add(string.Join('\n', Record(op, tuned).Dispatches.Select(d => $"{d.Kernel.Key} {d.Groups} {Convert.ToHexString(d.PushConstants)}"))), $"{work.Name}: {way} is what another way is");
            // As in Conv2dOpTests. The order of rows in a block of statistics is the kernel's own.
            var order = caps with { LaneRowKernels = way.StartsWith("LaneRow", StringComparison.Ordinal) };
            var tolerance = storage == DType.Float32 || c.Pass == ConvPass.BackwardWeight ? 3e-5 : 6 * StoredValues.Rounding(storage);
            OpRunner.Check(device, op with { Name = $"{op.Name} {way}" }, t => ConvChecks.Reference(c, order, t, storage), tolerance, caps: tuned);
        }
    }

    private static Recorder Record(OpCase op, DeviceCaps caps)
    {
        var gpu = new Recorder(caps);
        op.Record(gpu, op.NewTensors());
        return gpu;
    }
}
