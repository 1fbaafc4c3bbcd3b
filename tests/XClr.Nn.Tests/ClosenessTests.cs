using Xunit.Sdk;

namespace XClr.Nn.Tests;

/// <summary>The comparison that the operators' tests stand on.</summary>
public class ClosenessTests
{
    private static readonly double[] Want = [1, 2, 3, 4];

    [Theory]
    [InlineData(float.NaN, 2, 3, 4)]
    [InlineData(1, float.NaN, 3, 4)]
    [InlineData(1, 2, 3, float.NaN)]
    [InlineData(11, float.NaN, 3, 4)]
    [InlineData(float.NaN, 12, 3, 4)]
    [InlineData(1, float.PositiveInfinity, 3, 4)]
    [InlineData(1.001f, 2, 3, 4)]
    public void What_is_off_or_no_number_is_refused_wherever_it_stands(float a, float b, float c, float d) =>
        Assert.Throws<TrueException>(() => Closeness.Require("values", [a, b, c, d], Want, 1e-6));

    [Fact]
    public void The_error_counts_by_the_tensors_size()
    {
        Closeness.Require("values", [1.0001f, 2, 3, 4], Want, 1e-4);
        Assert.Throws<TrueException>(() => Closeness.Require("short", [1, 2, 3], Want, 1));
    }
}
