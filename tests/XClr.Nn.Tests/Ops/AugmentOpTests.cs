using System.Numerics;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

public sealed class AugmentOpTests
{
    // Values of 0 to 1 come out of ~100 roundings of 6e-8 in the resize; jitter factors of up to 1.8 in three steps multiply that by 6, the
    // division by std (0.22) by 4.5; relative to an rms of about 1.5.
    private const double Tolerance = 3e-5;

    public static EachDeviceAnd Cases => new(AugmentCases.Views.Select(c => c.Name));

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Matches_reference(string device, string name)
    {
        var views = AugmentCases.Views.Single(v => v.Name == name);
        foreach (var row in views.Table)
        {
            row.Require(views.Ring.Length, views.Spec);
        }
        OpRunner.Check(device, views.ToOpCase(), _ => new Dictionary<string, double[]> { ["y"] = AugmentReference.Forward(views.Ring, views.Table, views.Spec) }, Tolerance);
    }

    // The last step alone rounds to 16 bits, values up to four times the rms.
    [SkippableTheory, EachDeviceAndHalf]
    public void Halves_match_reference(string device, DType storage)
    {
        foreach (var views in AugmentCases.Views)
        {
            OpRunner.Check(device, views.ToOpCase().In(storage, "y"), _ => new Dictionary<string, double[]> { ["y"] = AugmentReference.Forward(views.Ring, views.Table, views.Spec) }, Tolerance + 4 * StoredValues.Rounding(storage));
        }
    }

    // Pixels that are exactly on, just below and above the threshold, unresized: the comparison is exact and its side is checked.
    [SkippableTheory, EachDevice]
    public void Solarise_inverts_from_its_threshold_on(string device)
    {
        byte[] ring = [63, 64, 65, 0, 255, 200, 64, 64, 63, 100, 1, 254];
        var entry = AugmentEntry.Box(0, 2, 2, 3, (0, 0, 2, 2), 2) with { Solarise = 1, SolariseThreshold = 64f / 255 };
        var y = RunOne(device, ring, entry, new AugmentSpec(2, ResizeFilter.Bilinear, Vector3.Zero, Vector3.One));
        double[] want = [.. ring.Select(b => b >= 64 ? 1 - b / 255.0 : b / 255.0)];
        for (var i = 0; i < want.Length; i++)
        {
            // 2e-7: a rounding or two of values below 1. A pixel on the wrong side would be off by half.
            Assert.InRange(y[i / 3 * 4 + i % 3], want[i] - 2e-7, want[i] + 2e-7);
        }
    }

    // A cubic overshoots beside an edge; steps of the jitter that change nothing do not clip it.
    [SkippableTheory, EachDevice]
    public void A_factor_of_one_is_no_step(string device)
    {
        byte[] ring = [.. Enumerable.Range(0, 16).SelectMany(i => Enumerable.Repeat((byte)(i % 4 < 2 ? 0 : 255), 3))];
        var entry = AugmentEntry.Box(0, 4, 4, 3, (0, 0, 4, 4), 8);
        var spec = new AugmentSpec(8, ResizeFilter.Bicubic, Vector3.Zero, Vector3.One);
        var plain = RunOne(device, ring, entry, spec);
        Assert.InRange(plain.Min(), -0.2f, -0.01f);
        Assert.InRange(plain.Max(), 1.01f, 1.2f);
        Assert.Equal(plain, RunOne(device, ring, entry with { Jitter = 1 }, spec));
        Assert.InRange(RunOne(device, ring, entry with { Jitter = 1, Saturation = 0.9f }, spec).Min(), 0, 0);
    }

    // An unresized, unnormalised view shows the source's bytes exactly, flipped where asked; the padding channel stays zero.
    [SkippableTheory, EachDevice]
    public void Plain_box_shows_the_source_bytes(string device)
    {
        var ring = new byte[3 + 7 * 17];
        new Random(3).NextBytes(ring);
        var spec = new AugmentSpec(3, ResizeFilter.Bicubic, AugmentSpec.ImageNetMean, AugmentSpec.ImageNetStd);
        var entry = AugmentEntry.Box(3, 5, 7, 3, (1, 2, 3, 3), 3) with { Stride = 17, Flip = 1 };
        var y = RunOne(device, ring, entry, spec);
        var rgb = spec.ToRgb8(y);
        for (var i = 0; i < 27; i++)
        {
            Assert.Equal(ring[3 + (2 + i / 9) * 17 + (1 + 2 - i / 3 % 3) * 3 + i % 3], rgb[i]);
        }
        Assert.All(Enumerable.Range(0, 9), p => Assert.Equal(0, y[p * 4 + 3]));
    }

    // Two tables over one tensor of views: what the second one has no row for stays as the first one left it.
    [SkippableTheory, EachDevice]
    public void The_view_of_a_default_row_is_left_as_it_is(string device)
    {
        var ring = new byte[4 * 4 * 3 + 5 * 5 * 3];
        new Random(4).NextBytes(ring);
        var spec = new AugmentSpec(4, ResizeFilter.Bicubic, AugmentSpec.ImageNetMean, AugmentSpec.ImageNetStd);
        AugmentEntry[] entries = [AugmentEntry.Box(0, 4, 4, 3, (0, 0, 4, 4), 4), AugmentEntry.Box(48, 5, 5, 3, (0, 0, 5, 5), 4) with { Jitter = 1, Contrast = 0.5f }];
        default(AugmentEntry).Require(0, spec);
        var gpu = TestDevices.Get(device);
        lock (TestDevices.Gate)
        {
            var source = Tensor.Persistent("ring", new Shape((ring.Length + 3) / 4), MemoryCategory.Inputs, DType.UInt32);
            var table = Tensor.Persistent("table", new Shape(3, AugmentEntry.Words), MemoryCategory.Inputs, DType.UInt32);
            var y = Tensor.Persistent("y", new Shape(3, 4, 4, 4), MemoryCategory.Outputs);
            try
            {
                gpu.Transfer.Upload<byte>(source.View.Slice(0, ring.Length), ring);
                gpu.Transfer.Clear(y.View.Buffer);
                using var plan = Plan.Build(gpu, gpu.Record(r => AugmentOp.Forward(r, source, table, y, spec)));
                float[] Views(params AugmentEntry[] rows)
                {
                    gpu.Transfer.Upload<AugmentEntry>(table, rows);
                    plan.Run();
                    return gpu.Transfer.Download(y.View, (int)y.Shape.Count);
                }
                var first = Views(entries[0], default, entries[1]);
                Assert.All(first[64..128], v => Assert.Equal(0f, v));
                Assert.Equal([.. first[..64], .. first[128..], .. first[128..]], Views(default, entries[1], default));
                Assert.NotEqual(first[..64], first[128..]);
            }
            finally
            {
                source.View.Buffer.Dispose();
                table.View.Buffer.Dispose();
                y.View.Buffer.Dispose();
            }
        }
    }

    [Theory]
    [InlineData(224, 500, 375, 341, 256, 58, 16)]
    [InlineData(224, 375, 500, 256, 341, 16, 58)]
    [InlineData(32, 28, 28, 36, 36, 2, 2)]
    [InlineData(64, 97, 41, 172, 73, 54, 4)]
    public void Evaluation_takes_the_centre_as_torchvision_does(int size, int width, int height, int resizeW, int resizeH, int windowX, int windowY)
    {
        var entry = AugmentEntry.Evaluation(0, width, height, 3, size);
        Assert.Equal(((uint)resizeW, (uint)resizeH, (uint)windowX, (uint)windowY), (entry.ResizeW, entry.ResizeH, entry.WindowX, entry.WindowY));
    }

    public static TheoryData<string, AugmentEntry> BadEntries()
    {
        var good = AugmentEntry.Box(8, 10, 6, 3, (0, 0, 10, 6), 4);
        return new()
        {
            { "SourceOffset", good with { SourceOffset = 9 } },
            { "Channels", good with { Channels = 2 } },
            { "Stride", good with { Stride = 29 } },
            { "CropW", good with { CropX = 1 } },
            { "CropW", good with { CropX = uint.MaxValue } },
            { "CropH", good with { CropH = 0 } },
            { "ResizeW", good with { WindowX = 1 } },
            { "ResizeH", good with { ResizeH = uint.MaxValue } },
            { "JitterOrder", good with { Jitter = 1, JitterOrder = 0 } },
            { "Hue", good with { Jitter = 1, Hue = float.NaN } },
            { "BlurSigma", good with { Blur = 1, BlurSigma = 0 } },
        };
    }

    [Theory]
    [MemberData(nameof(BadEntries))]
    public void Unsafe_entries_are_refused_by_field(string field, AugmentEntry entry)
    {
        var spec = new AugmentSpec(4, ResizeFilter.Bilinear, Vector3.Zero, Vector3.One);
        AugmentEntry.Box(8, 10, 6, 3, (0, 0, 10, 6), 4).Require(188, spec);
        var error = Assert.Throws<ArgumentException>(() => entry.Require(188, spec));
        Assert.StartsWith($"AugmentEntry.{field} is ", error.Message, StringComparison.Ordinal);
    }

    private static float[] RunOne(string device, byte[] ring, AugmentEntry entry, AugmentSpec spec)
    {
        entry.Require(ring.Length, spec);
        var op = new AugmentCase("one view", spec, ring, [entry]).ToOpCase();
        return OpRunner.Run(TestDevices.Get(device), op, OpRunner.Inputs(op))["y"];
    }
}
