using System.Numerics;
using System.Text.Json.Nodes;
using XClr.Bench.Cases;
using XClr.Nn.Ops;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

/// <summary>Op and reference against torchvision 0.14 on float32 tensors: every step alone, and chains of steps.</summary>
public sealed class AugmentGoldenTests
{
    // Absolute, on values of 0 to 1 or, normalised, -2 to 3. torchvision's own float32 rounding (~1e-6, times 4.5 where normalised) is the
    // larger part for the reference; the op adds as much of its own, and drivers' exp, divisions and fract a few ulp.
    private const double ReferenceTolerance = 1e-5;
    private const double OpTolerance = 3e-5;

    public static TheoryData<string> Names()
    {
        using var goldens = GoldenFile.Open("augment.safetensors");
        return [.. goldens.Metadata.Keys.Order(StringComparer.Ordinal)];
    }

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Matches_torchvision(string name)
    {
        using var goldens = GoldenFile.Open("augment.safetensors");
        var description = JsonNode.Parse(goldens.Metadata[name])!;
        var source = "source." + (string)description["source"]!;
        var (height, width) = ((int)goldens[source].Shape[0], (int)goldens[source].Shape[1]);
        var size = (int)goldens[name + ".output"].Shape[1];
        var views = Parse(name, description["steps"]!.AsArray(), goldens.ReadBytes(source), width, height, size);

        var want = ToNhwc4(goldens.ReadFloat32(name + ".output"), size * size);
        RequireClose(AugmentReference.Forward(views.Ring, views.Table, views.Spec), want, ReferenceTolerance, "reference");
        var op = views.ToOpCase();
        var got = OpRunner.Run(TestDevices.Get(TestDevices.Lavapipe), op, OpRunner.Inputs(op))["y"];
        RequireClose(got.ToDoubles(), want, OpTolerance, "op");
    }

    private static AugmentCase Parse(string name, JsonArray steps, byte[] image, int width, int height, int size)
    {
        var entry = AugmentEntry.Box(0, width, height, 3, (0, 0, width, height), size);
        var (mean, std) = (Vector3.Zero, Vector3.One);
        var order = new List<uint>();
        foreach (var step in steps.Select(s => s!.AsObject()))
        {
            float Number(string key) => (float)step[key]!;
            uint Whole(string key) => (uint)step[key]!;
            var kind = (string)step["op"]!;
            switch (kind)
            {
                case "crop":
                    entry = entry with { CropX = Whole("left"), CropY = Whole("top"), CropW = Whole("width"), CropH = Whole("height") };
                    break;
                case "eval":
                    entry = AugmentEntry.Evaluation(0, width, height, 3, size);
                    break;
                case "normalize":
                    (mean, std) = (Vector(step["mean"]!), Vector(step["std"]!));
                    break;
                case "brightness" or "contrast" or "saturation" or "hue":
                    order.Add(kind switch { "brightness" => 0, "contrast" => 1, "saturation" => 2, _ => 3u });
                    entry = Jittered(entry, kind, Number("factor"));
                    break;
                default:
                    entry = kind switch
                    {
                        "flip" => entry with { Flip = 1 },
                        "grey" => entry with { Grey = 1 },
                        "blur" => entry with { Blur = 1, BlurSigma = Number("sigma") },
                        "solarize" => entry with { Solarise = 1, SolariseThreshold = Number("threshold") },
                        _ => throw new NotSupportedException($"{name}: step '{kind}'"),
                    };
                    break;
            }
        }
        order.AddRange(new uint[] { 0, 1, 2, 3 }.Except(order));
        entry = entry with { JitterOrder = order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6 };
        var filter = Enum.Parse<ResizeFilter>((string)steps[0]!["interpolation"]!, ignoreCase: true);
        var spec = new AugmentSpec(size, filter, mean, std);
        entry.Require(image.Length, spec);
        return new AugmentCase(name, spec, image, [entry]);
    }

    private static AugmentEntry Jittered(AugmentEntry entry, string kind, float factor) => (entry with { Jitter = 1 }) switch
    {
        var e when kind == "brightness" => e with { Brightness = factor },
        var e when kind == "contrast" => e with { Contrast = factor },
        var e when kind == "saturation" => e with { Saturation = factor },
        var e => e with { Hue = factor },
    };

    private static Vector3 Vector(JsonNode node) => new((float)node[0]!, (float)node[1]!, (float)node[2]!);

    private static double[] ToNhwc4(float[] chw, int pixels)
    {
        var result = new double[4 * pixels];
        for (var i = 0; i < chw.Length; i++)
        {
            result[i % pixels * 4 + i / pixels] = chw[i];
        }
        return result;
    }

    private static void RequireClose(double[] got, double[] want, double tolerance, string who)
    {
        Assert.Equal(want.Length, got.Length);
        for (var i = 0; i < want.Length; i++)
        {
            Assert.True(Math.Abs(got[i] - want[i]) <= tolerance, $"{who}: element {i} is {got[i]}, torchvision has {want[i]}");
        }
    }
}
