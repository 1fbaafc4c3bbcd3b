using XClr.Bench;
using XClr.Bench.Cases;
using XClr.TestKit;
using XClr.TestKit.References;
using Xunit;

namespace XClr.Nn.Tests.Losses;

public sealed class ContrastiveLossTests
{
    // Logits of up to 1/tau = 10 carry a relative error of 1e-7, exp turns that into 1e-6 of a probability; some hundred such terms, averaged. The drivers' exp
    // and log are good to 2e-7 (lavapipe's polynomials).
    private const double LossTolerance = 1e-5;

    // Coefficients are differences of probabilities of relative error 2e-6/tau*0.1 and of targets; an element of dz sums 2N of them.
    private const double GradientTolerance = 2e-5;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var device in TestDevices.All)
        {
            foreach (var batch in ContrastiveCases.Small)
            {
                data.Add(device, batch.ToString());
            }
        }
        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Matches_the_reference(string device, string name)
    {
        var batch = ContrastiveCases.Small.Single(c => c.ToString() == name);
        var (inputs, got) = Run(device, batch);
        var reference = Reference(batch, inputs);
        var scale = Math.Max(1, 0.1 / batch.Tau);
        OpRunner.RequireClose($"{name} stats", got["stats"], reference.Stats(), LossTolerance * scale);
        OpRunner.RequireClose($"{name} loss", got["loss"], [reference.Loss()], LossTolerance * scale);
        OpRunner.RequireClose($"{name} dz", got["dz"], [.. reference.Gradient().Select(g => g * batch.LossScale)], GradientTolerance * scale);
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
                Normalize(rows, width);
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
        return new([.. inputs["z"].Select(v => (double)v)], batch.N, batch.P, batch.Tau, similarity, batch.TauS);
    }

    internal static void Normalize(float[] rows, int width)
    {
        for (var at = 0; at < rows.Length; at += width)
        {
            var norm = Math.Sqrt(rows.AsSpan(at, width).ToArray().Sum(v => (double)v * v));
            for (var d = at; d < at + width; d++)
            {
                rows[d] = (float)(rows[d] / norm);
            }
        }
    }

    private static double Dot(float[] rows, int a, int b, int width) => Enumerable.Range(0, width).Sum(d => (double)rows[(a * width) + d] * rows[(b * width) + d]);
}
