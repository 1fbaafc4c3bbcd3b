using XClr.Train.Comparison;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests;

public class ComparisonTableTests
{
    [Theory]
    [InlineData(0.6, 0.5, 0.4, "yes")]
    [InlineData(0.5, 0.6, 0.4, "no")]
    [InlineData(0.6, 0.4, 0.5, "no")]
    [InlineData(0.5, 0.5, 0.4, "no")]
    public void The_order_of_the_paper_is_found_where_all_three_are_in_it(double xclr, double simclr, double untrained, string answer)
    {
        var finding = Assert.Single(Table((null, untrained), (LossKind.Xclr, xclr), (LossKind.SimClr, simclr)).Findings());
        Assert.StartsWith($"X-CLR > SimCLR > untrained by k-NN, on the mean of the seeds: {answer} (", finding);
    }

    [Fact]
    public void A_finding_is_of_the_mean_over_the_seeds()
    {
        // SimCLR is ahead by its first seed. Differences -0.1 and 0.6: mean 0.25, standard error 0.35, times Student's 12.706; 0.4 and 0.1: 0.25 and 0.15.
        var table = Table((null, 0.1), (LossKind.Xclr, 0.4), (LossKind.SimClr, 0.5), (null, 0.2), (LossKind.Xclr, 0.9), (LossKind.SimClr, 0.3));
        Assert.Equal([2, 2, 2], table.Rows.Select(r => r.Seeds));
        Assert.EndsWith("yes (0.650, 0.400, 0.150). 2 seeds do not tell X-CLR and SimCLR apart: their difference is 0.250 ± 4.447 (95 %). 2 seeds do not tell SimCLR and untrained apart: their difference is 0.250 ± 1.906 (95 %).", Assert.Single(table.Findings()));
    }

    [Fact]
    public void Seeds_that_agree_tell_losses_apart()
    {
        // Differences 0.10, 0.10 and 0.12, whose interval is 0.107 ± 0.029; 0.4, 0.4 and 0.4.
        var table = Table((null, 0.1), (LossKind.Xclr, 0.6), (LossKind.SimClr, 0.5), (null, 0.2), (LossKind.Xclr, 0.7), (LossKind.SimClr, 0.6), (null, 0.15), (LossKind.Xclr, 0.67), (LossKind.SimClr, 0.55));
        Assert.EndsWith("yes (0.657, 0.550, 0.150).", Assert.Single(table.Findings()));
        // A cell that is there twice counts once, and equal results tell nothing.
        var twice = table with { Cells = [.. table.Cells, .. table.Cells.Where(c => c.Row == "X-CLR")] };
        Assert.Equal(table.Findings(), twice.Findings());
        Assert.EndsWith("2 seeds do not tell X-CLR and SimCLR apart: their difference is 0.000 ± 0.000 (95 %). 2 seeds do not tell SimCLR and untrained apart: their difference is 0.000 ± 0.000 (95 %).",
            Assert.Single(Table((null, 0.5), (LossKind.Xclr, 0.5), (LossKind.SimClr, 0.5), (null, 0.5), (LossKind.Xclr, 0.5), (LossKind.SimClr, 0.5)).Findings()));
    }

    [Fact]
    public void Clip_leads_where_its_mean_is_above_xclrs()
    {
        Assert.StartsWith("CLIP leads here", Assert.Single(Table((LossKind.Xclr, 0.5), (LossKind.Clip, 0.6)).Findings()));
        Assert.Empty(Table((LossKind.Xclr, 0.6), (LossKind.Clip, 0.5)).Findings());
    }

    [Fact]
    public void Each_loss_is_trained_with_each_rate_from_each_seed_on()
    {
        var request = new ComparisonRequest(new TrainConfig { Data = "d", Seed = 7, Lr = 0.5 }, [LossKind.Xclr, LossKind.SimClr], Seeds: 2, Rates: [], EvalProtocol.Knn, EvalOptions.Default, "out");
        var cells = request.Cells.Select(c => (c.Row, request.ConfigOf(c).Seed, request.ConfigOf(c).Loss, request.ConfigOf(c).Lr));
        Assert.Equal([("untrained", 7, LossKind.SimClr, 0.5), ("X-CLR", 7, LossKind.Xclr, 0.5), ("SimCLR", 7, LossKind.SimClr, 0.5), ("untrained", 8, LossKind.SimClr, 0.5), ("X-CLR", 8, LossKind.Xclr, 0.5), ("SimCLR", 8, LossKind.SimClr, 0.5)], cells);

        var grid = request with { Seeds = 1, Losses = [LossKind.SimClr], Rates = [0.1, 0.2] };
        Assert.Equal([("untrained", 0.5), ("SimCLR, lr 0.1", 0.1), ("SimCLR, lr 0.2", 0.2)], grid.Cells.Select(c => (c.Row, grid.ConfigOf(c).Lr)));
        Assert.Equal(6, grid.Cells.Select(grid.RunOf).Concat(grid.Cells.Select(grid.FileOf)).Distinct().Count());
    }

    private static ComparisonTable Table(params (LossKind? Loss, double Knn)[] cells) => ComparisonTable.Of([.. cells.Select((c, i) => new CellResult(
        ComparisonCell.TitleOf(c.Loss), (ulong)cells.Take(i).Count(o => o.Loss == c.Loss), new TrainConfig().ToJson(), 0, 0, 0, "a device", null, new Dictionary<string, string>(), new Dictionary<string, double> { [EvalNames.KnnTop1] = c.Knn }))]);
}
