using XClr.Bench.Cases;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Losses;

public sealed class ClipLossTests
{
    // Logits reach 1/0.07 = 14: rounding of 1e-6 in each, 1e-6 relative in exp(logit_scale); losses and gradients average tens to hundreds of such terms.
    private const double LossTolerance = 1e-5;
    private const double GradientTolerance = 4e-5;

    public static EachDeviceAnd Cases => new(ClipCases.Small.Select(c => c.ToString()));

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Matches_the_reference(string device, string name)
    {
        var batch = ClipCases.Small.Single(c => c.ToString() == name);
        var gpu = TestDevices.Get(device);
        var op = batch.ToOpCase();
        var inputs = OpRunner.Inputs(op);
        RandomValues.Normalize(inputs["images"], batch.P);
        RandomValues.Normalize(inputs["texts"], batch.P);
        inputs["logit_scale"] = [(float)Math.Log(1 / 0.07)];
        var got = OpRunner.Run(gpu, op, inputs);
        var reference = Of(inputs, batch);
        var (du, dt, ds) = reference.Gradient();
        var loss = reference.Loss();
        Closeness.RequireWithin($"{name} loss", got["loss"][0], loss, LossTolerance * Math.Max(1, loss));
        Closeness.RequireWithin($"{name} stats loss", got["stats"][0], got["loss"][0], 0);
        Assert.Equal(0f, got["stats"][1]);
        Closeness.RequireWithin($"{name} own share", got["stats"][2], 1, 1e-6);
        RequireGradient($"{name} dimages", got["dimages"], du, batch.LossScale);
        RequireGradient($"{name} dtexts", got["dtexts"], dt, batch.LossScale);
        // A sum over 4N rows of differences that nearly cancel: judged against a logit.
        Closeness.RequireWithin($"{name} dlogit_scale", got["dlogit_scale"][0], ds * batch.LossScale, GradientTolerance * batch.LossScale);
    }

    [Fact]
    public void The_reference_gradient_agrees_with_finite_differences()
    {
        const int N = 3, P = 5;
        var random = new Random(2);
        double[] images = [.. Enumerable.Range(0, 2 * N * P).Select(_ => random.NextDouble() - 0.5)];
        double[] texts = [.. Enumerable.Range(0, N * P).Select(_ => random.NextDouble() - 0.5)];
        var (du, dt, ds) = new ClipReference(images, texts, N, P, 1.3).Gradient();
        const double Step = 1e-5;
        for (var i = 0; i < images.Length; i++)
        {
            Assert.Equal(FiniteDifferences.Slope(e => new ClipReference(FiniteDifferences.Moved(images, i, e), texts, N, P, 1.3).Loss(), Step), du[i], 8);
        }
        for (var i = 0; i < texts.Length; i++)
        {
            Assert.Equal(FiniteDifferences.Slope(e => new ClipReference(images, FiniteDifferences.Moved(texts, i, e), N, P, 1.3).Loss(), Step), dt[i], 8);
        }
        Assert.Equal(FiniteDifferences.Slope(e => new ClipReference(images, texts, N, P, 1.3 + e).Loss(), Step), ds, 8);
    }

    private static void RequireGradient(string what, float[] got, double[] want, float scale)
    {
        if (want.All(w => Math.Abs(w) < 1e-12))
        {
            Assert.All(got, g => Closeness.RequireWithin(what, g, 0, GradientTolerance * scale));
            return;
        }
        Closeness.Require(what, got, [.. want.Select(w => w * scale)], GradientTolerance);
    }

    private static ClipReference Of(Dictionary<string, float[]> inputs, ClipCase batch) =>
        new(inputs["images"].ToDoubles(), inputs["texts"].ToDoubles(), batch.N, batch.P, inputs["logit_scale"][0]);
}
