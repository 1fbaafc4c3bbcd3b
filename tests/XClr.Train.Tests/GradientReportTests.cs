namespace XClr.Train.Tests;

/// <summary>What a run is told of gradients whose update was skipped.</summary>
public sealed class GradientReportTests
{
    [Fact]
    public void A_norm_that_overflows_is_told_as_such_and_names_no_tensor()
    {
        Assert.Null(new GradientReport(3, null).Problem);
        Assert.Equal("the gradient of fc.weight is not finite", new GradientReport(float.NaN, "fc.weight").Problem);
        Assert.Equal("the norm of all gradients overflows fp32, though each of them is finite", new GradientReport(float.PositiveInfinity, null).Problem);
    }
}
