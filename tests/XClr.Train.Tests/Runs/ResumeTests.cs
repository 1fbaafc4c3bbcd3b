using XClr.Nn;

namespace XClr.Train.Tests;

/// <summary>A run that was stopped or is complete, and is asked for again.</summary>
public sealed class ResumeTests : SmallRunTest
{
    /// <summary>Asking for what is complete says so, and leaves the run's files as they are.</summary>
    [Fact]
    public void A_complete_run_is_left_as_it_is()
    {
        var asked = config with { RunDir = folder.File("run"), Steps = 4 };
        Trainer.Run(asked, new RecordingReporter(), CancellationToken.None);
        string[] Files() => [.. new[] { "config.json", "metrics.jsonl" }.Select(f => File.ReadAllText(Path.Combine(folder, "run", f)))];
        var before = Files();
        var again = new RecordingReporter();
        var outcome = Trainer.Run(asked with { Resume = "auto", Lr = 0.01 }, again, CancellationToken.None);
        Assert.Equal((TrainStatus.Completed, 4L), (outcome.Status, outcome.Step));
        Assert.NotNull(outcome.After);
        Assert.Equal(TrainStatus.Completed, Trainer.Run(asked with { Resume = "auto", Steps = 3 }, new RecordingReporter(), CancellationToken.None).Status);
        Assert.Contains(again.Lines, l => l.Contains("nothing is left to train", StringComparison.Ordinal));
        Assert.Equal(before, Files());
    }

    /// <summary>An evaluation that a stop cut short is made up for when the run goes on.</summary>
    [Fact]
    public void An_evaluation_that_was_cut_short_is_made_up_for()
    {
        var asked = config with { RunDir = folder.File("run"), EvalEvery = 5, Steps = 8 };
        var stopped = new RecordingReporter { StopAt = (5, new CancellationTokenSource()) };
        Trainer.Run(asked, stopped, stopped.StopAt.Value.Stop.Token);
        Trainer.Run(asked with { Resume = "auto" }, new RecordingReporter(), CancellationToken.None);
        var evaluations = MetricsLog.Read(Path.Combine(folder, "run", "metrics.jsonl")).Where(l => l.TryGetProperty("eval", out _)).Select(l => l.GetProperty("step").GetInt64());
        Assert.Equal([0, 5, 8], evaluations);
    }

    [Theory]
    [InlineData(LossKind.Xclr, OptimizerKind.Sgd)]
    [InlineData(LossKind.SimClr, OptimizerKind.AdamW)]
    [InlineData(LossKind.SupCon, OptimizerKind.Lars)]
    [InlineData(LossKind.Clip, OptimizerKind.AdamW)]
    [InlineData(LossKind.Supervised, OptimizerKind.Sgd)]
    [InlineData(LossKind.Xclr, OptimizerKind.AdamW, Precision.Amp)]
    [InlineData(LossKind.Clip, OptimizerKind.AdamW, Precision.Amp, 4)]
    public void A_stopped_run_goes_on_to_the_bit(LossKind loss, OptimizerKind optimizer, Precision precision = Precision.Fp32, int microBatch = 0)
    {
        var same = config with { Loss = loss, Optimizer = optimizer, Precision = precision, MicroBatch = microBatch, Lr = optimizer == OptimizerKind.Lars ? 1 : 0.002, ValData = null };
        var (whole, parts) = (folder.File("whole"), folder.File("parts"));
        Trainer.Run(same with { RunDir = whole }, new RecordingReporter(), CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var stopped = Trainer.Run(same with { RunDir = parts }, new RecordingReporter { StopAt = (7, stop) }, stop.Token);
        Assert.Equal((TrainStatus.Interrupted, 7), (stopped.Status, stopped.Step));
        var resumed = new RecordingReporter();
        Trainer.Run(same with { RunDir = parts, Resume = "auto" }, resumed, CancellationToken.None);
        Assert.Equal(Losses(whole), Losses(parts));
        Assert.Equal(5, resumed.Steps.Count);
        Assert.DoesNotContain(resumed.Warnings, w => w.Contains("plan differs", StringComparison.Ordinal));
    }

    /// <summary>Mixed precision skips steps while its scale finds its size: they are no sign of divergence afterwards.</summary>
    [Fact]
    public void A_run_goes_on_in_fp32_behind_steps_that_were_skipped()
    {
        var same = config with { RunDir = folder.File("run"), ValData = null, Precision = Precision.Amp, Steps = 5, WarmupEpochs = 0 };
        var before = new RecordingReporter();
        Trainer.Run(same, before, CancellationToken.None);
        Assert.InRange(before.Steps[^1].SkippedSteps ?? 0, 1, 4);
        var amp = new RecordingReporter();
        Trainer.Run(same with { Steps = 6, Resume = "auto" }, amp, CancellationToken.None);
        Assert.InRange(amp.Steps[^1].SkippedSteps ?? 0, before.Steps[^1].SkippedSteps!.Value, 5);
        foreach (var steps in new[] { 7, 9 })
        {
            var after = Trainer.Run(same with { Precision = Precision.Fp32, Steps = steps, Resume = "auto" }, new RecordingReporter(), CancellationToken.None);
            Assert.Equal((TrainStatus.Completed, steps), (after.Status, after.Step));
        }
    }

    [Fact]
    public void A_run_that_goes_on_from_anothers_checkpoint_has_a_best_of_its_own()
    {
        var first = Trainer.Run(config with { RunDir = folder.File("first") }, new RecordingReporter(), CancellationToken.None);
        Assert.Equal(12, CheckpointState.Read(CheckpointPath.Resolve(first.RunFolder).State!).BestMetric!.Step);
        var second = Trainer.Run(config with { RunDir = folder.File("second"), Resume = first.Checkpoint, Steps = 14, Lr = 1e-6 }, new RecordingReporter(), CancellationToken.None);
        Assert.Equal(14, CheckpointState.Read(CheckpointPath.Resolve(second.RunFolder).State!).BestMetric!.Step);
    }

    [Fact]
    public void A_run_that_goes_on_keeps_its_best()
    {
        var run = config with { RunDir = folder.File("run"), Steps = 6 };
        Trainer.Run(run, new RecordingReporter(), CancellationToken.None);
        // No accuracy is above 2.
        var file = CheckpointPath.Resolve(run.RunDir).State!;
        var saved = CheckpointState.Read(file);
        Assert.Equal(("knn_top1", 6), (saved.BestMetric!.Name, saved.BestMetric.Step));
        File.WriteAllBytes(file, (saved with { BestMetric = saved.BestMetric with { Value = 2 } }).ToJson(file));
        Trainer.Run(run with { Steps = 8, Keep = 1, Resume = "auto" }, new RecordingReporter(), CancellationToken.None);
        Assert.Equal(new CheckpointMetric("knn_top1", 2, 6), CheckpointState.Read(CheckpointPath.Resolve(run.RunDir).State!).BestMetric);
        Assert.Equal(["step-00000006", "step-00000008"], Directory.GetDirectories(Path.Combine(run.RunDir, "checkpoints")).Select(Path.GetFileName).Order());
    }
}
