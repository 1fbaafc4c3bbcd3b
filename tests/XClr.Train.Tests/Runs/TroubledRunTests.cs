using XClr.Data;
using XClr.Nn;

namespace XClr.Train.Tests;

/// <summary>What a run makes of data that fail, of losses that diverge, and of a disk that takes nothing.</summary>
public sealed class TroubledRunTests : SmallRunTest
{
    /// <summary>A held-out set that is out of reach for a while costs its evaluation, not the run.</summary>
    [Fact]
    public void An_evaluation_on_the_way_may_fail()
    {
        var (there, away) = (config.ValData!, config.ValData + ".away");
        var reporter = new RecordingReporter
        {
            AtStep = m => (m.Step is 3 or 7 ? () => File.Move(m.Step == 3 ? there : away, m.Step == 3 ? away : there) : (Action)(() => { }))(),
        };
        var outcome = Trainer.Run(config with { RunDir = folder.File("run"), EvalEvery = 5, SaveEvery = 100 }, reporter, CancellationToken.None);
        Assert.Equal((TrainStatus.Completed, 12L), (outcome.Status, outcome.Step));
        Assert.Contains("step 5 could not be evaluated", Assert.Single(reporter.Warnings, w => w.Contains("evaluated", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.NotNull(outcome.After);
    }

    /// <summary>Data that go away end the run, and cost no step that was made.</summary>
    [Fact]
    public void Steps_before_the_data_failed_are_saved()
    {
        var run = folder.File("run");
        var data = WriteTable("gone", 24);
        var reporter = new RecordingReporter { AtStep = m => (m.Step == 3 ? () => Directory.Move(folder.File("gone"), folder.File("away")) : (Action)(() => { }))() };
        var asked = config with { RunDir = run, Data = data, ValData = null, Classes = null, CaptionTemplate = null, Steps = 1000, SaveEvery = 1000 };
        var error = Assert.Throws<DataException>(() => Trainer.Run(asked, reporter, CancellationToken.None));
        Assert.Contains("can be used", error.Message, StringComparison.Ordinal);
        var saved = CheckpointState.Read(CheckpointPath.Resolve(run).State!);
        Assert.InRange(saved.Step, 3, 100);
        Assert.Contains(reporter.Warnings, w => w.Contains($"the data failed after step {saved.Step}, which is saved", StringComparison.Ordinal));
        Directory.Move(folder.File("away"), folder.File("gone"));
        Assert.Equal(saved.Step + 2, Trainer.Run(asked with { Resume = "auto", Steps = saved.Step + 2 }, new RecordingReporter(), CancellationToken.None).Step);
    }

    /// <summary>What is left out is counted from the run's beginning, over its stops, listed once, and warned of where it is much.</summary>
    [Fact]
    public void Samples_that_are_left_out_are_warned_of_and_counted_over_stops()
    {
        var data = WriteTable("half", 14);
        TrainConfig Run(string name) => config with { RunDir = folder.File(name), Data = data, ValData = null, Classes = null, CaptionTemplate = null, Steps = 6, SaveEvery = 4 };
        var (whole, part, rest) = (new RecordingReporter(), new RecordingReporter { StopAt = (4, new CancellationTokenSource()) }, new RecordingReporter());
        Trainer.Run(Run("whole"), whole, CancellationToken.None);
        Assert.Contains(whole.Warnings, w => w.Contains("samples could not be used so far", StringComparison.Ordinal) && w.Contains("skipped.jsonl", StringComparison.Ordinal));
        Trainer.Run(Run("stopped"), part, part.StopAt.Value.Stop.Token);
        Trainer.Run(Run("stopped") with { Resume = "auto" }, rest, CancellationToken.None);
        Assert.Equal(whole.Steps.Select(s => s.Skipped), part.Steps.Concat(rest.Steps).Select(s => s.Skipped));
        string[] Listed(string name) => File.ReadAllLines(Path.Combine(folder, name, "skipped.jsonl"));
        // What was read ahead is listed too: how much that is depends on the load.
        Assert.Equal(Listed("stopped").Length, Listed("stopped").Distinct().Count());
        var shorter = Math.Min(Listed("whole").Length, Listed("stopped").Length);
        Assert.Equal(Listed("whole")[..shorter], Listed("stopped")[..shorter]);
    }

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Amp)]
    public void A_diverging_run_stops_and_keeps_its_checkpoint(Precision precision)
    {
        var run = folder.File("diverging");
        Trainer.Run(config with { RunDir = run, ValData = null, Precision = precision, Steps = 5, WarmupEpochs = 0 }, new RecordingReporter(), CancellationToken.None);
        var error = Assert.Throws<DivergedException>(() =>
            Trainer.Run(config with { RunDir = run, ValData = null, Precision = precision, Steps = 60, WarmupEpochs = 0, Lr = 1e30, SaveEvery = 4, Resume = "auto" }, new RecordingReporter(), CancellationToken.None));
        Assert.Contains("step-00000005", error.Message, StringComparison.Ordinal);
        Assert.Matches("(loss|gradient)", error.Message);
        Assert.Equal([Path.Combine(run, "checkpoints", "step-00000005")], Directory.GetDirectories(Path.Combine(run, "checkpoints")));
        Assert.Equal(5, CheckpointState.Read(CheckpointPath.Resolve(run).State!).Step);
    }

    /// <summary>What is saved while nothing is learnt any more, because the user stops the run, takes no other checkpoint's place.</summary>
    [Fact]
    public void A_stop_while_a_run_diverges_leaves_the_checkpoints_before_it()
    {
        var same = config with { RunDir = folder.File("diverging"), ValData = null, Precision = Precision.Amp, WarmupEpochs = 0, Keep = 1, SaveEvery = 1000 };
        Trainer.Run(same with { Steps = 5 }, new RecordingReporter(), CancellationToken.None);
        var stopped = new RecordingReporter { StopAt = (12, new CancellationTokenSource()) };
        Trainer.Run(same with { Steps = 60, Lr = 1e30, Resume = "auto" }, stopped, stopped.StopAt.Value.Stop.Token);
        Assert.Equal(["step-00000005", "step-00000012"], Directory.GetDirectories(Path.Combine(same.RunDir, "checkpoints")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Where_nothing_can_be_saved_it_is_tried_as_often_as_asked_for()
    {
        var checkpoints = Path.Combine(folder, "run", "checkpoints");
        var reporter = new RecordingReporter
        {
            AtStep = m =>
            {
                if (m.Step == 1)
                {
                    Directory.Delete(checkpoints, recursive: true);
                    File.WriteAllText(checkpoints, "in the way");
                }
            },
        };
        Assert.Throws<IOException>(() => Trainer.Run(config with { RunDir = folder.File("run"), ValData = null, SaveEvery = 3, Steps = 10 }, reporter, CancellationToken.None));
        Assert.Equal(["3", "6", "9", "10"], reporter.Warnings.Where(w => w.Contains("could not be saved", StringComparison.Ordinal)).Select(w => w.Split(' ')[1]));
    }

    [Theory]
    [InlineData("step", "'step' is -1, expected 0 to")]
    [InlineData("skipped_steps", "'skipped_steps' is -1, expected 0 to")]
    [InlineData("loss_scale", "'loss_scale' is NaN, expected a number above 0")]
    public void A_damaged_state_of_the_optimizer_is_refused_by_name(string name, string expected)
    {
        var run = config with { RunDir = folder.File("run"), ValData = null, Precision = Precision.Amp, Steps = 1 };
        Trainer.Run(run, new RecordingReporter(), CancellationToken.None);
        var path = CheckpointPath.Resolve(run.RunDir).Optimizer!;
        var bytes = File.ReadAllBytes(path);
        using (var file = SafetensorsFile.Open(path))
        {
            var tensor = file[name];
            bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes) + (int)tensor.Begin, (int)(tensor.End - tensor.Begin)).Fill(0xFF);
        }
        File.WriteAllBytes(path, bytes);
        Assert.Contains($"{path}: {expected}", Assert.Throws<SafetensorsException>(() => Trainer.Run(run with { Resume = "auto", Steps = 2 }, new RecordingReporter(), CancellationToken.None)).Message);
    }

    [Fact]
    public void Bad_samples_and_empty_captions_are_counted_not_fatal()
    {
        var images = folder.File("images");
        var lines = new List<string> { "path\tcaption" };
        for (var i = 0; i < 40; i++)
        {
            var file = $"{i}.png";
            folder.WritePng($"images/{file}", 24, p => (byte)(p * (i + 3)));
            lines.Add($"{file}\t{(i % 10 == 9 ? "\u200b\u2060" : $"picture number {i} of a red house")}");
        }
        File.WriteAllText(Path.Combine(images, "5.png"), "not an image");
        File.WriteAllBytes(Path.Combine(images, "6.png"), []);
        File.WriteAllLines(Path.Combine(images, "captions.tsv"), lines);
        var run = folder.File("bad");
        var reporter = new RecordingReporter();
        Trainer.Run(config with { Data = Path.Combine(images, "captions.tsv"), ValData = null, Classes = null, CaptionTemplate = null, RunDir = run, BatchSize = 8, Steps = 5 }, reporter, CancellationToken.None);
        var causes = JsonLines.Read(Path.Combine(run, "skipped.jsonl")).Select(l => l.GetProperty("cause").GetString()).ToHashSet();
        Assert.Contains("empty", causes);
        Assert.Contains("empty-caption", causes);
        Assert.Contains("not-an-image", causes);
        Assert.True(reporter.Steps[^1].Skipped >= 2);
    }
}
