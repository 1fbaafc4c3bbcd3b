using XClr.Train.Comparison;

namespace XClr.Train.Tests;

public sealed class EarlierTrainingTests : IDisposable
{
    private const int Views = 8;
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Log => folder.File(MetricsLog.FileName);

    private static StepMetrics Metrics(long step, double speed, double? ownView) => new()
    {
        Step = step, TotalSteps = 100, Epoch = 1, Loss = 4, LearningRate = 0.1, GradNorm = 2, TargetOwnView = ownView, ImagesPerSecond = speed, DataWait = 0, Skipped = 0, Reduced = 0, DamagedCaptions = 0, Eta = TimeSpan.Zero,
    };

    private void Write(params (long Step, double Speed, double? OwnView)[] lines)
    {
        using var log = MetricsLog.Open(Log, step: 1000, message => Assert.Fail(message));
        foreach (var (step, speed, ownView) in lines)
        {
            log.Write(Metrics(step, speed, ownView));
        }
        log.Write(new EvalMetrics(lines[^1].Step, new Dictionary<string, double> { ["knn_top1"] = 0.5 }));
    }

    [Fact]
    public void A_run_that_was_trained_before_has_its_time_and_its_last_share()
    {
        // 10 steps of 8 views at 4 a second, 5 at 8 a second.
        Write((10, 4, 0.5), (15, 8, 0.25));
        Assert.Equal(new EarlierTraining(25, 0.25), EarlierTraining.Read(Log, firstStep: null, Views));
    }

    [Fact]
    public void Lines_of_this_process_do_not_count()
    {
        Write((10, 4, 0.5));
        Write((15, 8, 0.25));
        Assert.Equal(new EarlierTraining(20, 0.5), EarlierTraining.Read(Log, firstStep: 15, Views));
        Assert.Equal(new EarlierTraining(0, null), EarlierTraining.Read(Log, firstStep: 10, Views));
    }

    [Fact]
    public void What_was_not_measured_does_not_count()
    {
        Assert.Equal(new EarlierTraining(0, null), EarlierTraining.Read(Log, firstStep: null, Views));
        // A speed that is no number is null in the file; a last line may be torn.
        Write((10, double.PositiveInfinity, 0.5), (20, 8, null));
        File.AppendAllText(Log, "{\"step\":30,\"images");
        Assert.Equal(new EarlierTraining(10, 0.5), EarlierTraining.Read(Log, firstStep: null, Views));
    }
}
