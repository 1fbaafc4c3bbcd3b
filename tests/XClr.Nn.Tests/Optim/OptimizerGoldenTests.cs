using System.Globalization;
using XClr.Gpu;
using XClr.Nn.Optim;

namespace XClr.Nn.Tests.Optim;

/// <summary>Three steps of each optimiser against PyTorch in float64 (tests/Golden/data/optimizer), states included.</summary>
public sealed class OptimizerGoldenTests
{
    public static EachDeviceAnd Cases => new(["sgd", "sgd-plain", "sgd-nesterov-clip", "lars", "lars-no-decay-clip", "adamw", "adamw-clip"]);

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Agrees(string device, string name)
    {
        var gpu = TestDevices.Get(device);
        using var weights = GoldenFile.Open("optimizer/w.safetensors");
        using var gradients = GoldenFile.Open("optimizer/g.safetensors");
        using var want = GoldenFile.Open($"optimizer/{name}.safetensors");
        ParameterSpec[] specs = [.. weights.Tensors.Select(t => new ParameterSpec(t.Name, t.Shape.Count == 0 ? new Shape(1) : new Shape([.. t.Shape.Select(d => (int)d)])))];
        var options = Options(want.Metadata["options"]);
        var rates = options["lr"].Split(',').Select(r => float.Parse(r, CultureInfo.InvariantCulture)).ToArray();
        lock (TestDevices.Gate)
        {
            using var run = new OptimizerRun(gpu, specs, [.. specs.Select(s => weights.ReadFloat32(s.Name))], 1, (p, caps) => Make(options, p, caps),
                (recorder, p) => Optimizer.Clamp(recorder, p.Value("clip.logit_scale"), 0, (float)Math.Log(100)));
            for (var step = 0; step < 3; step++)
            {
                run.Step([.. specs.Select(s => gradients.ReadFloat32($"{step}.{s.Name}"))], rates[Math.Min(step, rates.Length - 1)], (float)Number(options, "clip-norm", 0));
            }
            string[] states = options["optimizer"] == "adamw" ? ["exp_avg.", "exp_avg_sq."] : ["momentum."];
            foreach (var spec in specs)
            {
                RequireClose(run, run.Parameters.Values, spec.Name, want, spec.Name);
                for (var s = 0; s < states.Length; s++)
                {
                    RequireClose(run, run.Optimizer.States[s].Flat, spec.Name, want, states[s] + spec.Name);
                }
            }
            Assert.Equal(want.ReadInt64("step")[0], BitConverter.SingleToUInt32Bits(gpu.Transfer.Download(run.Optimizer.Updates, 1)[0]));
            TestDevices.RequireSilence(gpu);
        }
    }

    private static Optimizer Make(Dictionary<string, string> options, ParameterSet p, DeviceCaps caps) => options["optimizer"] switch
    {
        "sgd" => new Sgd(p, caps, Number(options, "momentum", 0.9), Number(options, "weight-decay", 0), options.ContainsKey("nesterov")),
        "lars" => new Lars(p, caps, Number(options, "momentum", 0.9), Number(options, "weight-decay", 0)),
        _ => new AdamW(p, caps, Number(options, "weight-decay", 0)),
    };

    // Relative L2 of the tensor, the limit that the golden file states (1e-6); a tensor of zeros must be zeros.
    private static void RequireClose(OptimizerRun run, GpuBuffer flat, string name, SafetensorsFile want, string key)
    {
        var expected = want.ReadFloat64(key);
        var got = run.Device.Transfer.Download(run.Parameters.In(flat, name), expected.Length);
        var error = Math.Sqrt(expected.Zip(got).Sum(p => (p.First - p.Second) * (p.First - p.Second)));
        var limit = double.Parse(want.Metadata[$"limit.{key}"], CultureInfo.InvariantCulture);
        var norm = Math.Sqrt(expected.Sum(v => v * v));
        Assert.True(error <= limit * norm, $"{key}: off by {error / norm:g3} of its norm {norm:g3}, limit {limit:g3}");
    }

    private static double Number(Dictionary<string, string> options, string key, double otherwise) =>
        options.TryGetValue(key, out var text) ? double.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    // "--optimizer sgd --nesterov --lr 0.1,0.05" as key and value; a flag has an empty value.
    private static Dictionary<string, string> Options(string text)
    {
        var words = text.Split(' ');
        var options = new Dictionary<string, string>();
        for (var i = 0; i < words.Length; i++)
        {
            var flag = i + 1 == words.Length || words[i + 1].StartsWith("--", StringComparison.Ordinal);
            options[words[i][2..]] = flag ? "" : words[++i];
        }
        return options;
    }
}
