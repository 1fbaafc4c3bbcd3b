using System.Globalization;
using XClr.Bench;
using XClr.Gpu;
using XClr.Nn.Losses;
using XClr.Nn.Optim;

namespace XClr.Nn.Tests.Losses;

/// <summary>The four contrastive losses against PyTorch in float64 (tests/Golden/data/loss).</summary>
public sealed class LossGoldenTests
{
    // As in ContrastiveLossTests; temperatures of 0.01 to 0.02 amplify a dot product's rounding (6e-8) by 50 to 100.
    private const double LossTolerance = 1e-5;
    private const double GradientTolerance = 1e-4;

    private static readonly string[] Contrastive =
    [
        "simclr-n1", "simclr-n5", "simclr-n7", "simclr-n97", "supcon-n1", "supcon-n5", "supcon-n7", "supcon-n97", "xclr-n1", "xclr-n5", "xclr-n7", "xclr-n97", "xclr-n7-sharp", "xclr-n9-cold",
        "xclr-n11-classes",
    ];

    private static readonly string[] Clip = ["clip-n1", "clip-n5", "clip-n97"];

    public static EachDeviceAnd ContrastiveFiles => new(Contrastive);

    public static EachDeviceAnd ClipFiles => new(Clip);

    [SkippableTheory]
    [MemberData(nameof(ContrastiveFiles))]
    public void Contrastive_losses_agree(string device, string name)
    {
        using var golden = GoldenFile.Open($"loss/{name}.safetensors");
        var (n, p) = ((int)golden["z"].Shape[0] / 2, (int)golden["z"].Shape[1]);
        var tau = float.Parse(golden.Metadata["tau"], CultureInfo.InvariantCulture);
        var tauS = float.Parse(golden.Metadata["tau_s"], CultureInfo.InvariantCulture);
        var inputs = new Dictionary<string, float[]> { ["z"] = Pad(golden.ReadFloat32("z"), p) };
        var tensors = new List<OpTensor> { new("z", new Shape(2 * n, Padded(p))), Step() };
        var labels = golden.ReadInt64("labels").Select(l => (uint)l).ToArray();
        var lookUp = golden.Contains("class_text");
        var kind = golden.Metadata["loss"];
        if (kind == "supcon" || lookUp)
        {
            tensors.Add(new("labels", new Shape(n), Type: DType.UInt32, Values: () => labels));
        }
        if (lookUp)
        {
            var (k, d) = ((int)golden["class_text"].Shape[0], (int)golden["class_text"].Shape[1]);
            var classes = RandomValues.Normalize(golden.ReadFloat32("class_text"), d);
            inputs["similarity"] = [.. Enumerable.Range(0, k * k).Select(i => (float)Enumerable.Range(0, d).Sum(x => (double)classes[(i / k * d) + x] * classes[(i % k * d) + x]))];
            tensors.Add(new("similarity", new Shape(k, k)));
        }
        else if (kind == "xclr")
        {
            var d = (int)golden["text"].Shape[1];
            inputs["text"] = Pad(RandomValues.Normalize(golden.ReadFloat32("text"), d), d);
            tensors.Add(new("text", new Shape(n, Padded(d))));
        }
        var op = new OpCase(name, tensors,
            [new("state", new Shape(n, ContrastiveLoss.StateWidth)), new("loss", new Shape(1)), new("stats", new Shape(4)), new("dz", new Shape(2 * n, Padded(p)))],
            (gpu, t) =>
            {
                ContrastiveTargets targets = kind switch
                {
                    "simclr" => new ContrastiveTargets.OtherView(),
                    "supcon" => new ContrastiveTargets.SameLabel(t["labels"]),
                    _ when lookUp => new ContrastiveTargets.ClassSimilarity(t["labels"], t["similarity"], tauS),
                    _ => new ContrastiveTargets.Text(t["text"], tauS),
                };
                ContrastiveLoss.Forward(gpu, new ContrastiveRows(t["z"]), targets, tau, t["state"], t["loss"], t["stats"]);
                ContrastiveLoss.Backward(gpu, new ContrastiveRows(t["z"]), targets, tau, t["state"], t["step"], t["dz"]);
            });
        var got = OpRunner.Run(TestDevices.Get(device), op, inputs);
        RequireScalar($"{name} loss", got["loss"][0], golden.ReadFloat64("loss")[0]);
        RequireScalar($"{name} target_entropy", got["stats"][1], golden.ReadFloat64("target_entropy")[0]);
        RequireScalar($"{name} target_own_view", got["stats"][2], golden.ReadFloat64("target_own_view")[0]);
        RequireGradient($"{name} dz", got["dz"], Pad(golden.ReadFloat32("dz"), p));
    }

    [SkippableTheory]
    [MemberData(nameof(ClipFiles))]
    public void Clip_agrees(string device, string name)
    {
        using var golden = GoldenFile.Open($"loss/{name}.safetensors");
        var (n, p) = ((int)golden["text_rows"].Shape[0], (int)golden["text_rows"].Shape[1]);
        var inputs = new Dictionary<string, float[]>
        {
            ["z"] = Pad(golden.ReadFloat32("z"), p), ["text"] = Pad(golden.ReadFloat32("text_rows"), p), ["scale"] = golden.ReadFloat32("logit_scale"),
        };
        var (rows, texts) = (new Shape(2 * n, Padded(p)), new Shape(n, Padded(p)));
        var op = new OpCase(name, [new("z", rows), new("text", texts), new("scale", new Shape(1)), Step()],
            [new("state", new Shape(4 * n, ClipLoss.StateWidth)), new("loss", new Shape(1)), new("stats", new Shape(4)), new("dz", rows), new("dtext", texts), new("dscale", new Shape(1))],
            (gpu, t) =>
            {
                var clip = new ClipRows(t["z"], t["text"]);
                ClipLoss.Forward(gpu, clip, t["scale"], t["state"], t["loss"], t["stats"]);
                ClipLoss.Backward(gpu, clip, t["scale"], t["state"], t["state"], t["step"], t["dz"], t["dtext"], t["dscale"]);
            });
        var got = OpRunner.Run(TestDevices.Get(device), op, inputs);
        RequireScalar($"{name} loss", got["loss"][0], golden.ReadFloat64("loss")[0]);
        RequireGradient($"{name} dz", got["dz"], Pad(golden.ReadFloat32("dz"), p));
        RequireGradient($"{name} dtext_rows", got["dtext"], Pad(golden.ReadFloat32("dtext_rows"), p));
        RequireScalar($"{name} dlogit_scale", got["dscale"][0], golden.ReadFloat32("dlogit_scale")[0]);
    }

    private static OpTensor Step() => new("step", new Shape(StepVariables.Words), Type: DType.UInt32, Values: () => [0, BitConverter.SingleToUInt32Bits(1), 0, 0]);

    private static void RequireScalar(string what, double got, double want) => Closeness.RequireWithin(what, got, want, LossTolerance * Math.Max(1, Math.Abs(want)));

    private static void RequireGradient(string what, float[] got, float[] want)
    {
        // One sample: the only other row is the own view, every gradient is zero; an error of 1e-6 is then one
        // rounding of a coefficient of size 1/tau. Vulkan lets exp be off by three of them (NVIDIA's card: 1.3e-6).
        var scale = Math.Sqrt(want.Average(v => (double)v * v));
        for (var i = 0; i < want.Length; i++)
        {
            Closeness.RequireWithin($"{what} [{i}]", got[i], want[i], GradientTolerance * (scale > 1e-6 ? scale : 3e-2));
        }
    }

    private static int Padded(int width) => (width + 3) / 4 * 4;

    private static float[] Pad(float[] rows, int width) => [.. rows.Chunk(width).SelectMany(r => r.Concat(new float[Padded(width) - width]))];
}
