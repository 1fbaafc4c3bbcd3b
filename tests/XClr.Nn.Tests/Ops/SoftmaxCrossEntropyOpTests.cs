using XClr.Bench;
using XClr.Bench.Cases;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

public class SoftmaxCrossEntropyOpTests
{
    // exp is allowed 3 + 2|x| units in the last place, |x| up to 8 here: 1e-6 of a probability; label entries of dlogits reach thirty times the rms at 1,000 classes, rounded to 6e-8.
    private const double Rounding = 1e-5;

    [SkippableTheory, EachDevice]
    public void Matches_reference(string device)
    {
        foreach (var op in SoftmaxCrossEntropyCases.All)
        {
            OpRunner.Check(device, op, t => SoftmaxCrossEntropyReference.Forward(t, Classes(op), SoftmaxCrossEntropyCases.Scale), Rounding);
        }
    }

    // Logits of 1,000 overflow exp unless the maximum is taken off first; differences of whole numbers keep them exact.
    [SkippableTheory, EachDevice]
    public void Large_logits_stay_finite(string device)
    {
        var op = SoftmaxCrossEntropyCases.Forward(13, 10, 12);
        OpRunner.Check(device, op, t => SoftmaxCrossEntropyReference.Forward(t, 10, SoftmaxCrossEntropyCases.Scale), Rounding, t => t["logits"] = [.. t["logits"].Select(v => 1000 + MathF.Round(4 * v))]);
    }

    // Whole numbers from -1 to 1 tie often: only the first of the largest logits counts as the prediction.
    [SkippableTheory, EachDevice]
    public void Tied_predictions_count_for_the_first(string device)
    {
        var op = SoftmaxCrossEntropyCases.Forward(127, 7, 8);
        OpRunner.Check(device, op, t => SoftmaxCrossEntropyReference.Forward(t, 7, SoftmaxCrossEntropyCases.Scale), Rounding, t => t["logits"] = [.. t["logits"].Select(v => MathF.Round(Math.Clamp(v, -1, 1)))]);
    }

    [SkippableFact]
    public void An_unknown_label_makes_the_loss_nan()
    {
        var op = SoftmaxCrossEntropyCases.Forward(3, 10, 12, i => i == 1 ? 10u : 0u);
        var outputs = OpRunner.Run(TestDevices.Get(TestDevices.Lavapipe), op, OpRunner.Inputs(op));
        Assert.True(float.IsNaN(outputs["loss"][0]));
        // So that the optimiser makes no step with it.
        Assert.Contains(outputs["dlogits"], float.IsNaN);
    }

    // Central differences in double precision, step 1e-5.
    [Fact]
    public void Reference_gradient_matches_finite_differences()
    {
        var t = OpRunner.Inputs(SoftmaxCrossEntropyCases.Forward(3, 6, 8)).ToDoubles();
        double Loss() => SoftmaxCrossEntropyReference.Forward(t, 6, 1)["loss"][0];
        var want = SoftmaxCrossEntropyReference.Forward(t, 6, 1)["dlogits"];
        for (var i = 0; i < want.Length; i++)
        {
            var at = t["logits"][i];
            t["logits"][i] = at + 1e-5;
            var up = Loss();
            t["logits"][i] = at - 1e-5;
            Assert.Equal((up - Loss()) / 2e-5, want[i], 1e-9);
            t["logits"][i] = at;
        }
    }

    private static int Classes(OpCase op) => int.Parse(op.Name.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
}
