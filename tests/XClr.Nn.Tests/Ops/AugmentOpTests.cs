using System.Runtime.InteropServices;
using XClr.Bench.Cases;
using XClr.Nn.Ops;
using XClr.TestKit;
using XClr.TestKit.References;
using Xunit;

namespace XClr.Nn.Tests.Ops;

public sealed class AugmentOpTests
{
    // Values of 0 to 1 come out of ~100 roundings of 6e-8 in the resize; jitter factors of up to 1.8 in three steps multiply that by 6, the
    // division by std (0.22) by 4.5; relative to an rms of about 1.5.
    private const double Tolerance = 3e-5;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var device in TestDevices.All)
        {
            foreach (var views in AugmentCases.Views)
            {
                data.Add(device, views.Name);
            }
        }
        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void MatchesReference(string device, string name)
    {
        var views = AugmentCases.Views.Single(v => v.Name == name);
        foreach (var row in views.Table)
        {
            row.Require(views.Ring.Length, views.Spec);
        }
        OpRunner.Check(device, views.ToOpCase(), _ => new Dictionary<string, double[]> { ["y"] = AugmentReference.Forward(views.Ring, views.Table, views.Spec) }, Tolerance);
    }
}
