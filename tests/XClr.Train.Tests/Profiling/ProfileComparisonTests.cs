using XClr.Gpu;
using XClr.Train.Profiling;

namespace XClr.Train.Tests.Profiling;

public class ProfileComparisonTests
{
    private static ProfileReport Report(params double[] factors) => ProfileReport.Create(MadeProfile.Create(factors));

    private static ProfileComparison Compare(ProfileReport before, ProfileReport after, double tolerance = 3) => ProfileComparison.Create(before, after, tolerance);

    [Theory]
    [InlineData(1.2, Verdict.Slower)]
    [InlineData(0.8, Verdict.Faster)]
    [InlineData(1.02, Verdict.Same)] // Beyond the noise, but less than the tolerance.
    [InlineData(1.0, Verdict.Same)]
    public void Steady_runs_are_judged_by_the_tolerance(double factor, Verdict expected)
    {
        var comparison = Compare(Report(1, 1.001, 0.999), Report(factor, factor * 1.001, factor * 0.999));
        Assert.All(comparison.Rows, r => Assert.Equal(expected, r.Verdict));
        Assert.Equal(expected == Verdict.Slower, comparison.IsSlower);
        Assert.Equal(100 * (factor - 1), comparison.Rows[0].Percent, 6);
    }

    [Fact]
    public void Noise_of_the_steps_is_no_verdict()
    {
        // The medians differ by a tenth; one of the later runs is as fast as the earlier ones.
        var comparison = Compare(Report(1, 1.05, 0.95), Report(1.1, 1.15, 1.04));
        Assert.All(comparison.Rows, r => Assert.Equal(Verdict.Same, r.Verdict));
        Assert.False(comparison.IsSlower);
    }

    [Fact]
    public void What_is_a_hundredth_of_the_run_at_most_does_not_count()
    {
        var after = Report(1, 1, 1);
        ProfileRow Tiny(double ms) => after.Kernels[0] with { Name = "made/tiny", TimeMs = Samples.Of([ms, ms, ms]) };
        var before = after with { Kernels = [.. after.Kernels, Tiny(0.001)] };
        after = after with { Kernels = [.. after.Kernels, Tiny(0.004)] };
        Assert.False(Compare(before, after).IsSlower);
    }

    [Fact]
    public void Kernels_that_come_and_go_are_named()
    {
        var before = Report(1, 1, 1);
        var after = before with { Kernels = [before.Kernels[0], before.Kernels[1] with { Name = "made/other" }] };
        var comparison = Compare(before, after);
        Assert.Equal(Verdict.Gone, Assert.Single(comparison.Rows, r => r.Name == before.Kernels[1].Name).Verdict);
        Assert.Equal(Verdict.New, Assert.Single(comparison.Rows, r => r.Name == "made/other").Verdict);
    }

    [Fact]
    public void Other_networks_and_parts_of_one_are_not_compared()
    {
        var before = Report(1, 1, 1);
        ProfileComparison.RequireComparable(before, before.Subject, "old.json");
        var error = Assert.Throws<UsageException>(() => ProfileComparison.RequireComparable(before with { Subject = before.Subject with { Rows = 64 } }, before.Subject, "old.json"));
        Assert.Contains("old.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(", 64 rows, ", error.Message, StringComparison.Ordinal);
        var part = ProfileReport.Create(MadeProfile.Create(), new NameGlob("made/c*"));
        Assert.Contains("--filter made/c*", Assert.Throws<UsageException>(() => ProfileComparison.RequireComparable(part, part.Subject, "old.json")).Message, StringComparison.Ordinal);
    }
}
