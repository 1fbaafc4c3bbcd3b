using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Losses;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Losses;

public sealed class ContrastiveLossTests
{
    // Logits of up to 1/tau = 10 carry a relative error of 1e-7, exp turns that into 1e-6 of a probability; some hundred such terms, averaged. The drivers' exp
    // and log are good to 2e-7 (lavapipe's polynomials).
    private const double LossTolerance = 1e-5;

    // Coefficients are differences of probabilities of relative error 2e-6/tau*0.1 and of targets; an element of dz sums 2N of them.
    private const double GradientTolerance = 2e-5;

    public static EachDeviceAnd Cases => new(ContrastiveCases.Small.Select(c => c.ToString()));

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Matches_the_reference(string device, string name)
    {
        var batch = ContrastiveCases.Small.Single(c => c.ToString() == name);
        var (inputs, got) = Run(device, batch);
        var reference = Reference(batch, inputs);
        var scale = Math.Max(1, 0.1 / batch.Tau);
        Closeness.Require($"{name} stats", got["stats"], reference.Stats(), LossTolerance * scale);
        Closeness.Require($"{name} loss", got["loss"], [got["stats"][0]], 0);
        double[] dz = [.. reference.Gradient().Select(g => g * batch.LossScale)];
        if (batch.N == 1)
        {
            // Both softmaxes are over one column and cancel: what their rounding leaves is judged against the terms that cancel, of z's size over tau.
            Assert.All(dz, g => Assert.Equal(0, g));
            Assert.All(got["dz"], g => Assert.InRange(Math.Abs(g), 0, GradientTolerance * scale * batch.LossScale * inputs["z"].Max(Math.Abs) / batch.Tau));
            return;
        }
        Closeness.Require($"{name} dz", got["dz"], dz, GradientTolerance * scale);
    }

    [Fact]
    public void The_reference_gradient_agrees_with_finite_differences()
    {
        const int N = 4, P = 3;
        var random = new Random(3);
        double[] z = [.. Enumerable.Range(0, 2 * N * P).Select(_ => random.NextDouble() - 0.5)];
        double[] text = [.. Enumerable.Range(0, N * N).Select(_ => random.NextDouble())];
        ContrastiveReference Of(double[] rows) => new(rows, N, P, 0.3, (a, b) => text[(a * N) + b], 0.4);
        var gradient = Of(z).Gradient();
        for (var i = 0; i < z.Length; i++)
        {
            Assert.Equal(FiniteDifferences.Slope(e => Of(FiniteDifferences.Moved(z, i, e)).Loss(), 1e-5), gradient[i], 8);
        }
    }

    [SkippableTheory, EachDevice]
    public void Identity_similarity_of_samples_at_zero_temperature_is_nt_xent(string device)
    {
        var sharp = new ContrastiveCase(ContrastiveKind.ClassSimilarity, 19, 16, Classes: 19, TauS: 1e-4f);
        var (inputs, got) = Run(device, sharp with { DistinctLabels = true }, i => i["similarity"] = Identity(19));
        var (_, want) = Run(device, new ContrastiveCase(ContrastiveKind.OtherView, 19, 16), i => i["z"] = inputs["z"]);
        Closeness.Require("loss", got["loss"], want["loss"].ToDoubles(), LossTolerance);
        Closeness.Require("dz", got["dz"], want["dz"].ToDoubles(), GradientTolerance);
    }

    [SkippableTheory, EachDevice]
    public void Identity_similarity_of_classes_at_zero_temperature_is_sup_con(string device)
    {
        var (inputs, got) = Run(device, new ContrastiveCase(ContrastiveKind.ClassSimilarity, 33, 20, Classes: 5, TauS: 1e-4f), i => i["similarity"] = Identity(5));
        var (_, want) = Run(device, new ContrastiveCase(ContrastiveKind.SameLabel, 33, 20, Classes: 5), i => i["z"] = inputs["z"]);
        Closeness.Require("loss", got["loss"], want["loss"].ToDoubles(), LossTolerance);
        Closeness.Require("stats", got["stats"], want["stats"].ToDoubles(), LossTolerance);
        Closeness.Require("dz", got["dz"], want["dz"].ToDoubles(), GradientTolerance);
    }

    [SkippableTheory, EachDevice]
    public void Orthonormal_samples_have_the_closed_form(string device)
    {
        // Both views of sample a are unit vector a, texts too: logits 1/tau on the other view and 0 on the 2N-2 others, targets likewise.
        const int N = 12;
        var batch = new ContrastiveCase(ContrastiveKind.Text, N, N, N, Tau: 0.5f, TauS: 0.25f);
        var (_, got) = Run(device, batch, i => (i["z"], i["text"]) = ([.. Identity(N), .. Identity(N)], Identity(N)));
        var own = Math.Exp(4) / (Math.Exp(4) + (2 * N) - 2);
        var loss = Math.Log(Math.Exp(2) + (2 * N) - 2) - (own * 2);
        Closeness.RequireWithin("loss", got["loss"][0], loss, LossTolerance);
        Closeness.RequireWithin("own view", got["stats"][2], own, LossTolerance);
    }

    [SkippableTheory, EachDevice]
    public void Repeated_captions_share_the_target(string device)
    {
        var batch = new ContrastiveCase(ContrastiveKind.Text, 6, 8, 12, TauS: 0.01f);
        var (inputs, got) = Run(device, batch, i =>
        {
            for (var s = 1; s < 6; s++)
            {
                i["text"].AsSpan(0, 12).CopyTo(i["text"].AsSpan(12 * s));
            }
        });
        // All captions equal: the target is uniform over the 2N - 1 other rows.
        Closeness.RequireWithin("entropy", got["stats"][1], Math.Log(11), 1e-4);
        Closeness.RequireWithin("own view", got["stats"][2], 1.0 / 11, 1e-5);
        Closeness.Require("dz", got["dz"], Reference(batch, inputs).Gradient(), 10 * GradientTolerance);
    }

    [SkippableTheory, EachDevice]
    public void Ranks_together_give_the_loss_and_gradient_of_the_whole_batch(string device)
    {
        var whole = new ContrastiveCase(ContrastiveKind.Text, 41, 20, 36);
        var (inputs, want) = Run(device, whole);
        var losses = 0.0;
        foreach (var (first, local) in new[] { (0, 16), (16, 25) })
        {
            float[] rows = [.. inputs["z"][(first * 20)..((first + local) * 20)], .. inputs["z"][((41 + first) * 20)..((41 + first + local) * 20)]];
            float[] wanted = [.. want["dz"][(first * 20)..((first + local) * 20)], .. want["dz"][((41 + first) * 20)..((41 + first + local) * 20)]];
            var (_, got) = Run(device, whole with { First = first, Local = local }, i => (i["z"], i["columns"], i["text"], i["all_states"]) = (rows, inputs["z"], inputs["text"], want["state"]));
            Closeness.Require("state", got["state"], want["state"][(4 * first)..(4 * (first + local))].ToDoubles(), 1e-6);
            Closeness.Require("dz", got["dz"], wanted.ToDoubles(), GradientTolerance);
            losses += got["loss"][0] * local;
        }
        Closeness.RequireWithin("loss", losses / 41, want["loss"][0], LossTolerance);
    }

    [Fact]
    public void Wrong_shapes_and_temperatures_are_refused_by_name()
    {
        var recorder = new Recorder(PaperDevice.Caps);
        Tensor New(string name, params int[] dims) => recorder.NewTensor(name, new Shape(dims));
        var z = new ContrastiveRows(New("z", 8, 16));
        void Forward(ContrastiveTargets targets, float tau) =>
            ContrastiveLoss.Forward(recorder, z, targets, tau, New("state", 4, 4), New("loss", 1), New("stats", 4));
        Assert.Contains("tau", Assert.Throws<ShapeException>(() => Forward(new ContrastiveTargets.OtherView(), 0)).Message);
        Assert.Contains("'text'", Assert.Throws<ShapeException>(() => Forward(new ContrastiveTargets.Text(New("text", 5, 8), 0.1f), 0.1f)).Message);
        Assert.Contains("multiple of 4", Assert.Throws<ShapeException>(() => Forward(new ContrastiveTargets.Text(New("text", 4, 6), 0.1f), 0.1f)).Message);
        Assert.Contains("'labels'", Assert.Throws<ShapeException>(() => Forward(new ContrastiveTargets.SameLabel(New("labels", 4)), 0.1f)).Message);
    }

    internal static (Dictionary<string, float[]> Inputs, Dictionary<string, float[]> Outputs) Run(string device, ContrastiveCase batch, Action<Dictionary<string, float[]>>? change = null)
    {
        var gpu = TestDevices.Get(device);
        var op = batch.ToOpCase();
        var inputs = OpRunner.Inputs(op);
        foreach (var (name, width) in new[] { ("z", batch.P), ("columns", batch.P), ("text", batch.D) })
        {
            if (inputs.TryGetValue(name, out var rows))
            {
                RandomValues.Normalize(rows, width);
            }
        }
        change?.Invoke(inputs);
        return (inputs, OpRunner.Run(gpu, op, inputs));
    }

    internal static ContrastiveReference Reference(ContrastiveCase batch, Dictionary<string, float[]> inputs)
    {
        var labels = batch.Labels();
        Func<int, int, double> similarity = batch.Kind switch
        {
            ContrastiveKind.Text => (a, b) => Dot(inputs["text"], a, b, batch.D),
            ContrastiveKind.ClassSimilarity => (a, b) => inputs["similarity"][(labels[a] * batch.Classes) + labels[b]],
            ContrastiveKind.SameLabel => (a, b) => labels[a] == labels[b] ? 1 : double.NegativeInfinity,
            _ => (_, _) => double.NegativeInfinity,
        };
        return new(inputs["z"].ToDoubles(), batch.N, batch.P, batch.Tau, similarity, batch.TauS);
    }

    private static float[] Identity(int n) => [.. Enumerable.Range(0, n * n).Select(i => i / n == i % n ? 1f : 0f)];

    private static double Dot(float[] rows, int a, int b, int width)
    {
        double dot = 0;
        for (var d = 0; d < width; d++)
        {
            dot += (double)rows[(a * width) + d] * rows[(b * width) + d];
        }
        return dot;
    }
}
