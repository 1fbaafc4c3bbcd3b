using XClr.Train.Comparison;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests;

/// <summary>What a trial that fails, for its data are not there, leaves of a comparison's folder.</summary>
public sealed class ComparisonBudgetTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void No_folder_is_removed_but_trials_that_no_process_holds()
    {
        var (mine, alike) = (Made("trial"), Made($"{ComparisonBudget.TrialPrefix}notes"));
        var (killed, other) = (Made($"{ComparisonBudget.TrialPrefix}{Guid.NewGuid():N}"), folder.File($"{ComparisonBudget.TrialPrefix}{Guid.NewGuid():N}"));
        using var held = RunFolder.Open(new TrainConfig { Data = "d", RunDir = other });
        var config = new TrainConfig { Data = folder.File("missing"), ValData = folder.File("missing") };
        var request = new ComparisonRequest(config, [LossKind.SimClr], Seeds: 1, Rates: [], EvalProtocol.Knn, EvalOptions.Default, folder);

        Assert.Contains("missing", Assert.ThrowsAny<Exception>(() => ComparisonBudget.Apply(request, minutes: 1, new SilentReporter(), CancellationToken.None)).Message);

        Assert.Equal("text", File.ReadAllText(Path.Combine(mine, "notes.txt")));
        Assert.Equal(new[] { mine, alike, other }.Order(), Directory.GetDirectories(folder).Order());
        Assert.False(Directory.Exists(killed));
    }

    [Theory]
    [InlineData("""{"minutes": 1, "imagesPerSecond": 5, "steps": 0}""")]
    [InlineData("""{"minutes": 1, "imagesPerSecond": 5}""")]
    [InlineData("""{"minutes": 1, "steps": -7}""")]
    [InlineData("[]")]
    public void A_damaged_budget_is_refused_with_the_remedy(string json)
    {
        File.WriteAllText(Path.Combine(folder, "budget.json"), json);
        var request = new ComparisonRequest(new TrainConfig { Data = "d", ValData = "v" }, [LossKind.SimClr], Seeds: 1, Rates: [], EvalProtocol.Knn, EvalOptions.Default, folder);
        Assert.Contains("delete it", Assert.Throws<UsageException>(() => ComparisonBudget.Apply(request, minutes: 1, new SilentReporter(), CancellationToken.None)).Message);
    }

    private string Made(string name)
    {
        var path = Directory.CreateDirectory(folder.File(name)).FullName;
        File.WriteAllText(Path.Combine(path, "notes.txt"), "text");
        return path;
    }

    private sealed class SilentReporter : ITrainReporter
    {
        public void Info(string line)
        {
        }

        public void Warn(string line) => Assert.Fail(line);

        public void Step(StepMetrics metrics)
        {
        }

        public void Eval(EvalMetrics metrics)
        {
        }
    }
}
