using Xunit;

namespace XClr.TestKit;

/// <summary>Comparisons of computed values with what they should be. State a tolerance's reason where you call them.</summary>
public static class Closeness
{
    /// <summary>Throws unless |got - want| is at most the tolerance.</summary>
    public static void RequireWithin(string what, double got, double want, double tolerance) =>
        Assert.True(Math.Abs(got - want) <= tolerance, $"{what}: {got:g9}, expected {want:g12}, tolerance {tolerance:g3}");

    /// <summary>Throws unless every |got - want| is at most tolerance times the reference's root mean square: an element's error is judged against the tensor's size, as sums of many terms round by their size.</summary>
    public static void Require(string what, ReadOnlySpan<float> got, ReadOnlySpan<double> want, double tolerance)
    {
        Assert.True(got.Length == want.Length, $"{what}: {got.Length} elements, expected {want.Length}");
        double squares = 0, worst = 0;
        var at = 0;
        for (var i = 0; i < want.Length; i++)
        {
            squares += want[i] * want[i];
            var error = Math.Abs(got[i] - want[i]);
            // A NaN is worse than anything: no later element takes its place.
            if (!(error <= worst) && !double.IsNaN(worst))
            {
                (worst, at) = (error, i);
            }
        }
        var scale = Math.Max(Math.Sqrt(squares / want.Length), 1e-30);
        Assert.True(worst <= tolerance * scale, $"{what}: element {at} is {got[at]}, expected {want[at]}: off by {worst / scale:g3} of the tensor's rms {scale:g3}, tolerance {tolerance:g3}");
    }
}
