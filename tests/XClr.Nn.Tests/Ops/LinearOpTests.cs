using XClr.Bench.Cases;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

public sealed class LinearOpTests
{
    // Sums of up to 4,500 fp32 products, each rounded to 6e-8: sqrt(4500) * 6e-8 = 4e-6 of their rms, times 4 for the worst element.
    private const double Tolerance = 2e-5;

    public static EachDeviceAnd Cases => new(LinearCases.All.Select(c => c.Name));

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Matches_reference(string device, string name)
    {
        var layer = LinearCases.All.Single(l => l.Name == name);
        OpRunner.Check(device, layer.ToOpCase(), t => LinearReference.All(layer.M, layer.C, layer.K, t["x"], t["w"], layer.Bias ? t["bias"] : null, t["dy"]), Tolerance);
    }
}
