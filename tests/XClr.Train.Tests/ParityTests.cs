using System.Globalization;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;

namespace XClr.Train.Tests;

/// <summary>Whole small networks and the optimisers against PyTorch's goldens, within the limits that the golden files carry (tests/Golden/README.md).</summary>
public sealed class ParityTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("basic-xclr-sgd")]
    [InlineData("basic-supcon-adamw")]
    [InlineData("basic-half-xclr")]
    [InlineData("basic-small-supcon")]
    [InlineData("bottleneck-simclr-lars")]
    [InlineData("bottleneck-clip-lars")]
    [InlineData("bottleneck-supervised-sgd")]
    [InlineData("bottleneck-xclr-micro")]
    [InlineData("bottleneck-clip-micro")]
    [InlineData("bottleneck-supervised-micro")]
    [InlineData("bottleneck-eval")]
    public void A_network_step_agrees(string name)
    {
        using var golden = GoldenFile.Open($"network/{name}.safetensors");
        var o = Options.Parse(golden.Metadata["options"]);
        var output = folder.File("o.safetensors");
        ParityRun.Run(new ParityRequest
        {
            Arch = o.Text("arch", "") == "tiny-basic" ? Arch.ResNet18 : Arch.ResNet50,
            Stages = [1, 1, 1, 1],
            Stem = Enum.Parse<Stem>(o.Text("stem", "imagenet"), ignoreCase: true),
            Weights = Golden("network", golden.Metadata["weights"]),
            Batch = Golden("network", golden.Metadata["batch"]),
            Out = output,
            Loss = Enum.Parse<LossKind>(o.Text("loss", ""), ignoreCase: true),
            Tau = (float)o.Number("tau", 0.1),
            TauS = (float)o.Number("tau-s", 0.1),
            Optimizer = o.Optimizer,
            LearningRate = (float)o.Number("lr", 0.1),
            ClipNorm = (float)o.Number("clip-norm", 0),
            Mode = o.Text("mode", "train") == "eval" ? Mode.Eval : Mode.Train,
            MicroBatch = (int)o.Number("micro-batch", 0),
        });
        Compare(golden, output);
    }

    [Theory]
    [InlineData("sgd")]
    [InlineData("sgd-plain")]
    [InlineData("sgd-nesterov-clip")]
    [InlineData("lars")]
    [InlineData("lars-no-decay-clip")]
    [InlineData("adamw")]
    [InlineData("adamw-clip")]
    public void Optimiser_steps_agree(string name)
    {
        using var golden = GoldenFile.Open($"optimizer/{name}.safetensors");
        var o = Options.Parse(golden.Metadata["options"]);
        var output = folder.File("o.safetensors");
        var rates = o.Text("lr", "").Split(',').Select(r => float.Parse(r, CultureInfo.InvariantCulture)).ToList();
        ParityOptimizer.Run(new ParityOptimizerRequest(Golden("optimizer", "w.safetensors"), Golden("optimizer", "g.safetensors"), output, o.Optimizer!, rates, (float)o.Number("clip-norm", 0), null));
        Compare(golden, output);
    }

    [Fact]
    public void Learning_rates_are_one_or_one_per_step()
    {
        var settings = new OptimizerSettings(OptimizerKind.Sgd, 0, 0.9, false);
        var refused = Assert.Throws<SafetensorsException>(() => ParityOptimizer.Run(
            new ParityOptimizerRequest(Golden("optimizer", "w.safetensors"), Golden("optimizer", "g.safetensors"), folder.File("o.safetensors"), settings, [0.1f, 0.2f], 0, null)));
        Assert.Contains("3 steps, but 2 learning rates", refused.Message, StringComparison.Ordinal);
    }

    private static string Golden(string part, string file)
    {
        using var found = GoldenFile.Open($"{part}/{file}");
        return found.Path;
    }

    // Errors as tests/Golden/compare.py computes them: relative L2; for outputs also the largest deviation over the largest magnitude.
    private static void Compare(SafetensorsFile golden, string output)
    {
        using var got = SafetensorsFile.Open(output);
        var faults = new List<string>();
        foreach (var tensor in golden.Tensors.Where(t => t.DType != SafetensorsDType.I64))
        {
            var want = golden.ReadFloat64(tensor.Name);
            var have = got.ReadFloat64(tensor.Name);
            Assert.Equal(tensor.Shape, got[tensor.Name].Shape);
            var difference = want.Zip(have).Select(p => p.First - p.Second).ToArray();
            var error = Norm(difference) / Math.Max(Norm(want), 1e-30);
            if (tensor.Name is "features" or "projections" or "logits")
            {
                error = Math.Max(error, difference.Max(Math.Abs) / want.Max(Math.Abs));
            }
            var limit = double.Parse(golden.Metadata[$"limit.{tensor.Name}"], CultureInfo.InvariantCulture);
            if (!(error <= limit))
            {
                faults.Add($"{tensor.Name}: error {error:g3}, limit {limit:g3}");
            }
        }
        Assert.True(faults.Count == 0, $"{faults.Count} of {golden.Tensors.Count} quantities are off: {string.Join("; ", faults.Take(12))}");
        foreach (var tensor in golden.Tensors.Where(t => t.DType == SafetensorsDType.I64))
        {
            Assert.Equal(golden.ReadInt64(tensor.Name), got.ReadInt64(tensor.Name));
        }
    }

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(v => v * v));

    private sealed record Options(IReadOnlyDictionary<string, string> Values)
    {
        public static Options Parse(string text)
        {
            var words = text.Split(' ');
            var values = new Dictionary<string, string>();
            for (var i = 0; i < words.Length; i++)
            {
                var hasValue = i + 1 < words.Length && !words[i + 1].StartsWith("--", StringComparison.Ordinal);
                values[words[i][2..]] = hasValue ? words[i + 1] : "true";
                i += hasValue ? 1 : 0;
            }
            return new Options(values);
        }

        public OptimizerSettings? Optimizer => Text("optimizer", "none") is var kind && kind == "none" ? null
            : new OptimizerSettings(Enum.Parse<OptimizerKind>(kind, ignoreCase: true), Number("weight-decay", 1e-4), Number("momentum", 0.9), Values.ContainsKey("nesterov"));

        public string Text(string key, string otherwise) => Values.GetValueOrDefault(key, otherwise);

        public double Number(string key, double otherwise) => Values.TryGetValue(key, out var text) ? double.Parse(text, CultureInfo.InvariantCulture) : otherwise;
    }
}
