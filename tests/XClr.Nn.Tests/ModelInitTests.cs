using XClr.Nn.Models;

namespace XClr.Nn.Tests;

/// <summary>Starting values: torchvision's of the backbone, with the residual blocks' last gammas at zero, and PyTorch's of linear layers.</summary>
public class ModelInitTests
{
    private static readonly ModelSpec Spec = new(Arch.ResNet18, Stem.Half, 0.125);

    [SkippableFact]
    public void Convolutions_are_normal_by_their_outputs()
    {
        var start = Start(Spec, seed: 3);
        foreach (var (name, outputs, taps) in new[] { ("conv1.weight", 8, 9), ("layer2.0.conv1.weight", 16, 9), ("layer2.0.downsample.0.weight", 16, 1), ("layer4.1.conv2.weight", 64, 9) })
        {
            var values = start[name];
            var wanted = Math.Sqrt(2.0 / (outputs * taps));
            var (mean, deviation) = (values.Average(), Math.Sqrt(values.Average(v => (double)v * v)));
            // Five standard errors.
            Assert.InRange(mean, -5 * wanted / Math.Sqrt(values.Length), 5 * wanted / Math.Sqrt(values.Length));
            Assert.InRange(deviation / wanted, 1 - (5 / Math.Sqrt(2 * values.Length)), 1 + (5 / Math.Sqrt(2 * values.Length)));
        }
    }

    [SkippableFact]
    public void Norms_begin_as_identities_and_residual_blocks_too()
    {
        var start = Start(Spec, seed: 3);
        var last = new ResNetBlueprint(Spec).LastGammas.ToHashSet();
        Assert.Equal(8, last.Count);
        foreach (var (name, values) in start.Where(s => s.Value.Length > 0 && (s.Key.Contains("bn", StringComparison.Ordinal) || s.Key.Contains("downsample.1", StringComparison.Ordinal) || s.Key.StartsWith("projector.1", StringComparison.Ordinal))))
        {
            var wanted = last.Contains(name) ? 0 : name.EndsWith(".weight", StringComparison.Ordinal) || name.EndsWith("running_var", StringComparison.Ordinal) ? 1f : 0;
            Assert.True(values.All(v => v == wanted), $"{name} begins with {values[0]}, not {wanted}");
        }
    }

    [SkippableFact]
    public void Linear_layers_are_uniform_by_their_inputs()
    {
        RequireUniform(Start(Spec, seed: 3)["projector.3.weight"], inputs: 64);
        var classifier = Start(Spec with { Head = HeadKind.Classifier, ProjectionWidth = 200 }, seed: 3);
        RequireUniform(classifier["fc.weight"], inputs: 64);
        RequireUniform(classifier["fc.bias"], inputs: 64);
        var clip = Start(Spec with { Head = HeadKind.Clip, TextWidth = 16 }, seed: 3);
        RequireUniform(clip["clip.text_projection.weight"], inputs: 16);
        Assert.Equal([(float)Math.Log(1 / 0.07)], clip["clip.logit_scale"]);
    }

    [SkippableFact]
    public void Each_tensor_and_each_seed_has_values_of_its_own()
    {
        var (first, again, other) = (Start(Spec, seed: 3), Start(Spec, seed: 3), Start(Spec, seed: 4));
        Assert.Equal(first, again);
        var drawn = first.Where(s => s.Key.Contains("conv", StringComparison.Ordinal) || s.Key.Contains("downsample.0", StringComparison.Ordinal)).ToList();
        Assert.All(drawn, s => Assert.NotEqual(s.Value, other[s.Key]));
        Assert.Equal(drawn.Count, drawn.Select(s => s.Value[0]).Distinct().Count());
    }

    // The largest of n values lies below 1 - 20 / n of the bound once in e^10 times.
    private static void RequireUniform(float[] values, int inputs)
    {
        var bound = 1 / Math.Sqrt(inputs);
        Assert.InRange(values.Max() / bound, 1 - (20.0 / values.Length), 1);
        Assert.InRange(values.Min() / bound, -1, (20.0 / values.Length) - 1);
    }

    private static Dictionary<string, float[]> Start(ModelSpec spec, ulong seed)
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            using var model = new Model(spec);
            ModelInit.Fill(device, model, seed);
            return StateDict.Download(device, model.Parameters, model.Parameters.Values).Concat(StateDict.DownloadBuffers(device, model.Parameters)).ToDictionary(a => a.Name, a => a.Values);
        }
    }
}
