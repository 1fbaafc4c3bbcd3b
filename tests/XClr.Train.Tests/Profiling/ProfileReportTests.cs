using XClr.Train.Profiling;

namespace XClr.Train.Tests.Profiling;

public class ProfileReportTests
{
    private static readonly ProfileReport Report = ProfileReport.Create(MadeProfile.Create());

    public static TheoryData<string> Tables => ["phases", "layers", "kernels", "dispatches"];

    [Theory]
    [MemberData(nameof(Tables))]
    public void Every_table_adds_up_to_the_run(string name)
    {
        var rows = name switch { "phases" => Report.Phases, "layers" => Report.Layers, "kernels" => Report.Kernels, _ => [.. Report.Dispatches.Select(d => d.Row)] };
        for (var step = 0; step < Report.Steps; step++)
        {
            Assert.Equal(Report.Totals.SumMs.Values[step], rows.Sum(r => r.TimeMs.Values[step]), 9);
        }
        Assert.Equal(1, rows.Sum(r => r.Share), 9);
        Assert.Equal(4, rows.Sum(r => r.Calls));
        Assert.Equal(150e6, rows.Sum(r => r.Flops));
        Assert.Equal(17_000_000, rows.Sum(r => r.Bytes));
    }

    [Fact]
    public void Overlap_and_gaps_are_told_apart()
    {
        // 100 + 200 + 200 + 100 microseconds, of which 100 overlap, and 100 lie between 400 and 500.
        Assert.Equal(0.6, Report.Totals.SumMs.Median, 9);
        Assert.Equal(0.5, Report.Totals.BusyMs.Median, 9);
        Assert.Equal(0.1, Report.Totals.GapMs.Median, 9);
        Assert.Equal(0.6, Report.Totals.GpuMs.Median, 9);
        var forward = Assert.Single(Report.Phases, p => p.Name == "forward");
        Assert.Equal((0.5, 0.4), (Math.Round(forward.TimeMs.Median, 9), Math.Round(forward.WallMs, 9)));
        var gap = Assert.Single(Report.Gaps);
        Assert.Equal("made/copy", gap.Before);
        Assert.Equal(0.1, gap.Ms, 9);
    }

    [Fact]
    public void Host_time_is_that_of_upload_and_submit()
    {
        Assert.Equal(0.025, Report.Totals.HostMs.Median, 9);
        Assert.Equal(0.010, Report.Totals.LoaderWaitMs.Median, 9);
        Assert.Equal(0.8, Report.Totals.WallMs.Median, 9);
        Assert.Equal(8 / 0.8e-3, Report.Totals.ImagesPerSecond, 3);
    }

    [Fact]
    public void Rates_and_roof_follow_from_the_median_time()
    {
        // 150 MFLOP in 300 us; at 1,000 GFLOP/s they would take 150.
        var produce = Assert.Single(Report.Kernels, k => k.Name == "made/produce");
        Assert.Equal(500, produce.GigaflopsPerSecond, 6);
        Assert.Equal(0.5, produce.Roofline, 9);
        Assert.False(produce.MemoryBound);
        // 15 MB in 300 us; at 100 GB/s they would take 150.
        var copy = Assert.Single(Report.Kernels, k => k.Name == "made/copy");
        Assert.Equal(50, copy.GigabytesPerSecond, 6);
        Assert.Equal(0.5, copy.Roofline, 9);
        Assert.True(copy.MemoryBound);
        Assert.Equal(new CompilerColumns(40, 0, null), copy.Compiler);
        Assert.Null(produce.Compiler);
    }

    [Fact]
    public void The_cost_of_timestamps_is_the_difference_of_medians() => Assert.Equal(1, Report.TimestampCost.Percent, 9);

    [Fact]
    public void Dispatches_outside_layers_go_by_their_phase() => Assert.Equal(["conv1", "a,b", "(optimizer)"], Report.Layers.Select(l => l.Name));

    [Fact]
    public void Memory_is_that_of_the_planner()
    {
        // a; a and b; b and c; b and d, of 1 MiB each.
        Assert.Equal([1 << 20, 2 << 20, 2 << 20, 2 << 20], Report.Memory.LiveBytes);
        Assert.Equal(["a", "b"], Report.Memory.LargestAtPeak.Select(b => b.Name).Order());
        Assert.InRange(Report.Memory.ArenaBytes, 2 << 20, 4 << 20);
    }

    [Fact]
    public void A_filter_leaves_shares_of_the_whole_run()
    {
        var some = ProfileReport.Create(MadeProfile.Create(), new NameGlob("MADE/c*"));
        Assert.Equal(["made/copy"], some.Kernels.Select(k => k.Name));
        Assert.Equal(0.5, some.Kernels[0].Share, 9);
        Assert.Equal(Report.Totals.SumMs.Values, some.Totals.SumMs.Values);
        var error = Assert.Throws<UsageException>(() => ProfileReport.Create(MadeProfile.Create(), new NameGlob("conv/*")));
        Assert.Contains("made/copy, made/produce", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("conv/*", "conv/conv2d_fwd", true)]
    [InlineData("conv/*", "xconv/conv2d_fwd", false)]
    [InlineData("*_fw?", "conv/conv2d_fwd", true)]
    [InlineData("conv.*", "conv/conv2d_fwd", false)]
    public void Globs_match_whole_names(string pattern, string name, bool expected) => Assert.Equal(expected, new NameGlob(pattern).Matches(name));
}
