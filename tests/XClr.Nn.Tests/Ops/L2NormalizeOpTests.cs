using XClr.Bench.Cases;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

public class L2NormalizeOpTests
{
    // Sums of up to 132 squares and one division: some ten roundings of 6e-8; the projection in the backward pass doubles them, elements reach five times the rms.
    private const double Rounding = 5e-6;

    [SkippableTheory, EachDevice]
    public void Matches_reference(string device)
    {
        foreach (var op in L2NormalizeCases.All)
        {
            var p = op.Inputs[0].Shape[1];
            OpRunner.Check(device, op, t => t.ContainsKey("dz") ? L2NormalizeReference.Backward(t, p) : L2NormalizeReference.Forward(t, p), Rounding);
        }
    }

    // A row of zeros and one shorter than 1e-12 are divided by 1e-12, a constant: no projection in their gradient.
    [SkippableTheory, EachDevice]
    public void Short_rows_are_divided_by_eps(string device)
    {
        void Shorten(Dictionary<string, float[]> t) => t["x"] = [.. t["x"].Select((v, i) => (i / 12) switch { 0 => 0, 1 => v * 1e-14f, _ => v })];
        OpRunner.Check(device, L2NormalizeCases.Forward(3, 12), t => L2NormalizeReference.Forward(t, 12), Rounding, Shorten);
        OpRunner.Check(device, L2NormalizeCases.Backward(3, 12), t => L2NormalizeReference.Backward(t, 12), Rounding, Shorten);
    }

    // Central differences in double precision, step 1e-5: truncation and rounding near 1e-10.
    [Fact]
    public void Reference_gradient_matches_finite_differences()
    {
        var t = OpRunner.Inputs(L2NormalizeCases.Backward(3, 4)).ToDoubles();
        var want = L2NormalizeReference.Backward(t, 4)["dx"];
        double Loss() => L2NormalizeReference.Forward(t, 4)["z"].Zip(t["dz"], (z, d) => z * d).Sum();
        for (var i = 0; i < want.Length; i++)
        {
            var at = t["x"][i];
            t["x"][i] = at + 1e-5;
            var up = Loss();
            t["x"][i] = at - 1e-5;
            Assert.Equal((up - Loss()) / 2e-5, want[i], 1e-8);
            t["x"][i] = at;
        }
    }
}
