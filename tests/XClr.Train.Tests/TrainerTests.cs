using System.Diagnostics;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using XClr.Data;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.TestKit;
using Xunit;

namespace XClr.Train.Tests;

/// <summary>Runs from data to checkpoint on a small set of drawn shapes with captions.</summary>
public sealed class TrainerTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("xclr-trainer").FullName;
    private readonly TrainConfig config;

    public TrainerTests()
    {
        var classes = Path.Combine(folder, "classes.txt");
        File.WriteAllLines(classes, ["horizontal stripes", "vertical stripes", "a dark square", "a bright field"]);
        config = new TrainConfig
        {
            Data = WriteIdx("train", 96), ValData = WriteIdx("val", 40), Classes = classes, CaptionTemplate = "a picture of {class}", Arch = Arch.ResNet18, Stem = Stem.Half, Width = 0.125,
            ImageSize = 20, Augment = AugmentPreset.Light, AugmentStrengths = Data.AugmentSettings.Preset("light"), BatchSize = 12, Epochs = null, Steps = 12, Optimizer = OptimizerKind.Sgd, Lr = 0.05, LrScaling = Nn.Optim.LrScaling.None,
            LogEvery = 1, SaveEvery = 5, Seed = 3, Workers = 2,
        };
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Amp)]
    [InlineData(Precision.Fp32, 6)]
    public void A_run_learns_and_leaves_a_folder_that_says_all(Precision precision, int microBatch = 0)
    {
        var run = Path.Combine(folder, "run");
        // Fidelity is high from the start on these few colours: with the noise of 16 bits or of small batch norms, 24 steps are not enough to see it rise.
        var steps = precision != Precision.Fp32 || microBatch > 0 ? 60 : 24;
        var outcome = Trainer.Run(config with { RunDir = run, Steps = steps, Precision = precision, MicroBatch = microBatch, Lr = precision != Precision.Fp32 ? 0.02 : 0.05 }, new Recording(), CancellationToken.None);
        Assert.Equal((TrainStatus.Completed, steps), (outcome.Status, outcome.Step));
        Assert.True(outcome.After!.Values["knn_top1"] > 0.8, $"k-NN {outcome.After.Values["knn_top1"]}");
        Assert.True(outcome.After.Values["fidelity"] > outcome.Before!.Values["fidelity"], $"fidelity {outcome.Before.Values["fidelity"]}, then {outcome.After.Values["fidelity"]}");
        var losses = Losses(run);
        Assert.Equal(steps, losses.Count);
        Assert.True(losses[^4..].Average() < losses[..4].Average());
        Assert.Equal(steps, CheckpointState.Read(Path.Combine(run, "checkpoints", $"step-{steps:00000000}", "state.json")).Step);
        using var model = SafetensorsFile.Open(CheckpointPath.Resolve(run).Model);
        Assert.Equal([8, 3, 3, 3], model["conv1.weight"].Shape);
        Assert.Equal([microBatch == 0 ? steps : 2 * steps], model.ReadInt64("bn1.num_batches_tracked"));
        Assert.DoesNotContain(model.Tensors, t => t.Name.StartsWith("projector", StringComparison.Ordinal));
    }

    /// <summary>A held-out set that is out of reach for a while costs its evaluation, not the run.</summary>
    [Fact]
    public void An_evaluation_on_the_way_may_fail()
    {
        var (there, away) = (config.ValData!, config.ValData + ".away");
        var reporter = new Recording
        {
            AtStep = m => (m.Step is 3 or 7 ? () => File.Move(m.Step == 3 ? there : away, m.Step == 3 ? away : there) : (Action)(() => { }))(),
        };
        var outcome = Trainer.Run(config with { RunDir = Path.Combine(folder, "run"), EvalEvery = 5, SaveEvery = 100 }, reporter, CancellationToken.None);
        Assert.Equal((TrainStatus.Completed, 12L), (outcome.Status, outcome.Step));
        Assert.Contains("step 5 could not be evaluated", Assert.Single(reporter.Warnings, w => w.Contains("evaluated", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.NotNull(outcome.After);
    }

    /// <summary>A table of 24 pictures, of which the first so many are there.</summary>
    private string WriteTable(string name, int there)
    {
        var images = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        for (var i = 0; i < there; i++)
        {
            PngFile.Write(Path.Combine(images, $"{i}.png"), Enumerable.Repeat((byte)(10 * i), 3 * 24 * 24).ToArray(), 24, 24);
        }
        var table = Path.Combine(folder, name + ".csv");
        File.WriteAllLines(table, ["path,caption", .. Enumerable.Range(0, 24).Select(i => $"{name}/{i}.png,a picture of {i} things")]);
        return table;
    }

    /// <summary>Data that go away end the run, and cost no step that was made.</summary>
    [Fact]
    public void Steps_before_the_data_failed_are_saved()
    {
        var run = Path.Combine(folder, "run");
        var data = WriteTable("gone", 24);
        var reporter = new Recording { AtStep = m => (m.Step == 3 ? () => Directory.Move(Path.Combine(folder, "gone"), Path.Combine(folder, "away")) : (Action)(() => { }))() };
        var asked = config with { RunDir = run, Data = data, ValData = null, Classes = null, CaptionTemplate = null, Steps = 1000, SaveEvery = 1000 };
        var error = Assert.Throws<DataException>(() => Trainer.Run(asked, reporter, CancellationToken.None));
        Assert.Contains("can be used", error.Message, StringComparison.Ordinal);
        var saved = CheckpointState.Read(CheckpointPath.Resolve(run).State!);
        Assert.InRange(saved.Step, 3, 100);
        Assert.Contains(reporter.Warnings, w => w.Contains($"the data failed after step {saved.Step}, which is saved", StringComparison.Ordinal));
        Directory.Move(Path.Combine(folder, "away"), Path.Combine(folder, "gone"));
        Assert.Equal(saved.Step + 2, Trainer.Run(asked with { Resume = "auto", Steps = saved.Step + 2 }, new Recording(), CancellationToken.None).Step);
    }

    /// <summary>What is left out is counted from the run's beginning, over its stops, listed once, and warned of where it is much.</summary>
    [Fact]
    public void Samples_that_are_left_out_are_warned_of_and_counted_over_stops()
    {
        var data = WriteTable("half", 14);
        TrainConfig Run(string name) => config with { RunDir = Path.Combine(folder, name), Data = data, ValData = null, Classes = null, CaptionTemplate = null, Steps = 6, SaveEvery = 4 };
        var (whole, part, rest) = (new Recording(), new Recording { StopAt = (4, new CancellationTokenSource()) }, new Recording());
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

    /// <summary>Asking for what is complete says so, and leaves the run's files as they are.</summary>
    [Fact]
    public void A_complete_run_is_left_as_it_is()
    {
        var asked = config with { RunDir = Path.Combine(folder, "run"), Steps = 4 };
        Trainer.Run(asked, new Recording(), CancellationToken.None);
        string[] Files() => [.. new[] { "config.json", "metrics.jsonl" }.Select(f => File.ReadAllText(Path.Combine(folder, "run", f)))];
        var before = Files();
        var again = new Recording();
        var outcome = Trainer.Run(asked with { Resume = "auto", Lr = 0.01 }, again, CancellationToken.None);
        Assert.Equal((TrainStatus.Completed, 4L), (outcome.Status, outcome.Step));
        Assert.NotNull(outcome.After);
        Assert.Equal(TrainStatus.Completed, Trainer.Run(asked with { Resume = "auto", Steps = 3 }, new Recording(), CancellationToken.None).Status);
        Assert.Contains(again.Lines, l => l.Contains("nothing is left to train", StringComparison.Ordinal));
        Assert.Equal(before, Files());
    }

    /// <summary>An evaluation that a stop cut short is made up for when the run goes on.</summary>
    [Fact]
    public void An_evaluation_that_was_cut_short_is_made_up_for()
    {
        var asked = config with { RunDir = Path.Combine(folder, "run"), EvalEvery = 5, Steps = 8 };
        var stopped = new Recording { StopAt = (5, new CancellationTokenSource()) };
        Trainer.Run(asked, stopped, stopped.StopAt.Value.Stop.Token);
        Trainer.Run(asked with { Resume = "auto" }, new Recording(), CancellationToken.None);
        var evaluations = MetricsLog.Read(Path.Combine(folder, "run", "metrics.jsonl")).Where(l => l.TryGetProperty("eval", out _)).Select(l => l.GetProperty("step").GetInt64());
        Assert.Equal([0, 5, 8], evaluations);
    }

    [Fact]
    public void A_run_whose_time_is_over_is_saved_and_goes_on()
    {
        using var guard = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var asked = config with { RunDir = Path.Combine(folder, "run"), ValData = null, Steps = 1_000_000, LogEvery = 1_000_000, SaveEvery = 1_000_000, MaxTime = TimeSpan.FromSeconds(5) };
        var outcome = Trainer.Run(asked, new Recording(), guard.Token);
        Assert.Equal(TrainStatus.TimeUp, outcome.Status);
        Assert.Null(outcome.After);
        Assert.Equal(outcome.Step, CheckpointState.Read(CheckpointPath.Resolve(asked.RunDir).State!).Step);
        var rest = Trainer.Run(asked with { Steps = outcome.Step + 2, MaxTime = TimeSpan.FromHours(10_000), Resume = "auto" }, new Recording(), guard.Token);
        Assert.Equal((TrainStatus.Completed, outcome.Step + 2), (rest.Status, rest.Step));
    }

    /// <summary>The time of what is opened beside the data, such as the device, does not count: a run that goes on again and again gets on.</summary>
    [Fact]
    public void A_time_limit_counts_but_for_its_pauses()
    {
        using var stop = new CancellationTokenSource();
        using var limit = new TimeLimit(TimeSpan.FromSeconds(3), stop.Token);
        limit.Pause();
        Thread.Sleep(TimeSpan.FromSeconds(4));
        Assert.False(limit.Token.IsCancellationRequested || limit.IsOver);
        limit.Continue();
        Assert.True(limit.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
        Assert.True(limit.IsOver);
        stop.Cancel();
        Assert.False(limit.IsOver);
        using var none = new TimeLimit(null, stop.Token);
        Assert.True(none.Token.IsCancellationRequested && !none.IsOver);
    }

    /// <summary>While the data are counted, and while the first batch is waited for.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Waiting_for_a_server_ends_with_the_time(bool counted)
    {
        using var server = new StallingServer();
        var cache = Environment.GetEnvironmentVariable("XCLR_CACHE");
        Environment.SetEnvironmentVariable("XCLR_CACHE", Path.Combine(folder, "cache"));
        try
        {
            if (counted)
            {
                var hashes = Enumerable.Range(0, 2).Select(i => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{server.Root}/{i}.tar")))[..32]);
                Directory.CreateDirectory(Path.Combine(folder, "cache", "shards"));
                File.WriteAllLines(Path.Combine(folder, "cache", "shards", "counts.tsv"), hashes.Select(h => $"8\t-\t{h}.shard"));
            }
            var reporter = new Recording();
            // A loss without captions, which would be read first.
            var asked = config with { RunDir = Path.Combine(folder, "run"), Data = server.Root + "/{0..1}.tar", ValData = null, Loss = LossKind.SimClr, Classes = null, CaptionTemplate = null, BatchSize = 4, MaxTime = TimeSpan.FromSeconds(5) };
            var clock = Stopwatch.StartNew();
            if (counted)
            {
                var outcome = Trainer.Run(asked, reporter, CancellationToken.None);
                Assert.Equal((TrainStatus.TimeUp, 0L), (outcome.Status, outcome.Step));
                Assert.NotNull(outcome.Checkpoint);
            }
            else
            {
                Assert.ThrowsAny<OperationCanceledException>(() => Trainer.Run(asked, reporter, CancellationToken.None));
                Assert.Contains("--max-time was over before the data were open", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
                Assert.False(Directory.Exists(asked.RunDir));
            }
            // It would wait for 30 s, five times.
            Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        }
        finally
        {
            Environment.SetEnvironmentVariable("XCLR_CACHE", cache);
        }
    }

    [Fact]
    public void Lines_hold_the_rate_and_the_epoch_of_their_step()
    {
        var reporter = new Recording();
        // Nine batches of ten in 96 samples; the last step is logged whatever --log-every.
        var run = config with { RunDir = Path.Combine(folder, "run"), ValData = null, BatchSize = 10, Epochs = 2, Steps = null, LogEvery = 8, WarmupEpochs = 0.5 };
        Assert.Equal(18, Trainer.Run(run, reporter, CancellationToken.None).Step);
        Assert.Equal([(8, 80 / 96.0), (16, 1 + (70 / 96.0)), (18, 1 + (90 / 96.0))], reporter.Steps.Select(s => (s.Step, s.Epoch)));
        var schedule = run.CreateSchedule(9);
        Assert.Equal(reporter.Steps.Select(s => schedule.Rate(s.Step - 1)), reporter.Steps.Select(s => s.LearningRate));
    }

    [Theory]
    [InlineData("step", "'step' is -1, expected 0 to")]
    [InlineData("skipped_steps", "'skipped_steps' is -1, expected 0 to")]
    [InlineData("loss_scale", "'loss_scale' is NaN, expected a number above 0")]
    public void A_damaged_state_of_the_optimizer_is_refused_by_name(string name, string expected)
    {
        var run = config with { RunDir = Path.Combine(folder, "run"), ValData = null, Precision = Precision.Amp, Steps = 1 };
        Trainer.Run(run, new Recording(), CancellationToken.None);
        var path = CheckpointPath.Resolve(run.RunDir).Optimizer!;
        var bytes = File.ReadAllBytes(path);
        using (var file = SafetensorsFile.Open(path))
        {
            var tensor = file[name];
            bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes) + (int)tensor.Begin, (int)(tensor.End - tensor.Begin)).Fill(0xFF);
        }
        File.WriteAllBytes(path, bytes);
        Assert.Contains($"{path}: {expected}", Assert.Throws<SafetensorsException>(() => Trainer.Run(run with { Resume = "auto", Steps = 2 }, new Recording(), CancellationToken.None)).Message);
    }

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Amp)]
    [InlineData(Precision.Bf16)]
    public void Two_runs_with_one_seed_are_bit_identical(Precision precision)
    {
        var runs = new[] { "a", "b" }.Select(name => Path.Combine(folder, name)).ToList();
        foreach (var run in runs)
        {
            Trainer.Run(config with { RunDir = run, ValData = null, Precision = precision, Workers = run.EndsWith('a') ? 1 : 3 }, new Recording(), CancellationToken.None);
        }
        Assert.Equal(Losses(runs[0]), Losses(runs[1]));
        foreach (var file in new[] { "model.safetensors", "head.safetensors", "optimizer.safetensors" })
        {
            var bytes = runs.Select(r => File.ReadAllBytes(Path.Combine(r, "checkpoints", "step-00000012", file))).ToList();
            Assert.True(bytes[0].AsSpan().SequenceEqual(bytes[1]), file);
        }
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
        var (whole, parts) = (Path.Combine(folder, "whole"), Path.Combine(folder, "parts"));
        Trainer.Run(same with { RunDir = whole }, new Recording(), CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var stopped = Trainer.Run(same with { RunDir = parts }, new Recording { StopAt = (7, stop) }, stop.Token);
        Assert.Equal((TrainStatus.Interrupted, 7), (stopped.Status, stopped.Step));
        var resumed = new Recording();
        Trainer.Run(same with { RunDir = parts, Resume = "auto" }, resumed, CancellationToken.None);
        Assert.Equal(Losses(whole), Losses(parts));
        Assert.Equal(5, resumed.Steps.Count);
        Assert.DoesNotContain(resumed.Warnings, w => w.Contains("plan differs", StringComparison.Ordinal));
    }

    /// <summary>Mixed precision skips steps while its scale finds its size: they are no sign of divergence afterwards.</summary>
    [Fact]
    public void A_run_goes_on_in_fp32_behind_steps_that_were_skipped()
    {
        var same = config with { RunDir = Path.Combine(folder, "run"), ValData = null, Precision = Precision.Amp, Steps = 5, WarmupEpochs = 0 };
        var before = new Recording();
        Trainer.Run(same, before, CancellationToken.None);
        Assert.InRange(before.Steps[^1].SkippedSteps ?? 0, 1, 4);
        var amp = new Recording();
        Trainer.Run(same with { Steps = 6, Resume = "auto" }, amp, CancellationToken.None);
        Assert.InRange(amp.Steps[^1].SkippedSteps ?? 0, before.Steps[^1].SkippedSteps!.Value, 5);
        foreach (var steps in new[] { 7, 9 })
        {
            var after = Trainer.Run(same with { Precision = Precision.Fp32, Steps = steps, Resume = "auto" }, new Recording(), CancellationToken.None);
            Assert.Equal((TrainStatus.Completed, steps), (after.Status, after.Step));
        }
    }

    [Fact]
    public void A_run_that_goes_on_from_anothers_checkpoint_has_a_best_of_its_own()
    {
        var first = Trainer.Run(config with { RunDir = Path.Combine(folder, "first") }, new Recording(), CancellationToken.None);
        Assert.Equal(12, CheckpointState.Read(CheckpointPath.Resolve(first.RunFolder).State!).BestMetric!.Step);
        var second = Trainer.Run(config with { RunDir = Path.Combine(folder, "second"), Resume = first.Checkpoint, Steps = 14, Lr = 1e-6 }, new Recording(), CancellationToken.None);
        Assert.Equal(14, CheckpointState.Read(CheckpointPath.Resolve(second.RunFolder).State!).BestMetric!.Step);
    }

    [Fact]
    public void A_run_that_goes_on_keeps_its_best()
    {
        var run = config with { RunDir = Path.Combine(folder, "run"), Steps = 6 };
        Trainer.Run(run, new Recording(), CancellationToken.None);
        // No accuracy is above 2.
        var file = CheckpointPath.Resolve(run.RunDir).State!;
        var saved = CheckpointState.Read(file);
        Assert.Equal(("knn_top1", 6), (saved.BestMetric!.Name, saved.BestMetric.Step));
        File.WriteAllBytes(file, (saved with { BestMetric = saved.BestMetric with { Value = 2 } }).ToJson(file));
        Trainer.Run(run with { Steps = 8, Keep = 1, Resume = "auto" }, new Recording(), CancellationToken.None);
        Assert.Equal(new CheckpointMetric("knn_top1", 2, 6), CheckpointState.Read(CheckpointPath.Resolve(run.RunDir).State!).BestMetric);
        Assert.Equal(["step-00000006", "step-00000008"], Directory.GetDirectories(Path.Combine(run.RunDir, "checkpoints")).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData(LossKind.Xclr, 0.001, "target_own_view is")]
    [InlineData(LossKind.Xclr, 0.5, null)]
    [InlineData(LossKind.Clip, 0.1, null)]
    [InlineData(LossKind.Clip, 0.1, "100", "two dogs in the snow", "a plate of ripe fruit")]
    [InlineData(LossKind.SimClr, 0.1, null, "two dogs in the snow")]
    [InlineData(LossKind.Xclr, 0.5, "nearly all alike", "two dogs in the snow", "the two dogs in the snow")]
    public void Warnings_say_what_captions_are_worth(LossKind loss, double tauS, string? warning, params string[] captions)
    {
        string[] distinct = ["a photo of two dogs", "a photo of ripe fruit", "a photo of ships", "a photo of a library", "a photo of a man on a bicycle", "a photo of green hills", "a photo of an airport", "a photo of a child"];
        var lines = new List<string> { "path\tcaption" };
        for (var i = 0; i < 8; i++)
        {
            Data.PngFile.Write(Path.Combine(folder, $"{i}.png"), Enumerable.Range(0, 24 * 24 * 3).Select(p => (byte)(p * (i + 3))).ToArray(), 24, 24);
            lines.Add($"{i}.png\t{(captions.Length > 0 ? captions[i % captions.Length] : distinct[i])}");
        }
        var table = Path.Combine(folder, "captions.tsv");
        File.WriteAllLines(table, lines);
        var reporter = new Recording();
        Trainer.Run(config with { Data = table, ValData = null, Classes = null, CaptionTemplate = null, RunDir = Path.Combine(folder, "run"), Loss = loss, TauS = tauS, BatchSize = 8, Steps = 1 }, reporter, CancellationToken.None);
        Assert.True(reporter.Warnings.Count == (warning is null ? 0 : 1) && string.Concat(reporter.Warnings).Contains(warning ?? "", StringComparison.Ordinal), string.Join('\n', reporter.Warnings));
    }

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Amp)]
    public void A_diverging_run_stops_and_keeps_its_checkpoint(Precision precision)
    {
        var run = Path.Combine(folder, "diverging");
        Trainer.Run(config with { RunDir = run, ValData = null, Precision = precision, Steps = 5, WarmupEpochs = 0 }, new Recording(), CancellationToken.None);
        var error = Assert.Throws<DivergedException>(() =>
            Trainer.Run(config with { RunDir = run, ValData = null, Precision = precision, Steps = 60, WarmupEpochs = 0, Lr = 1e30, SaveEvery = 4, Resume = "auto" }, new Recording(), CancellationToken.None));
        Assert.Contains("step-00000005", error.Message, StringComparison.Ordinal);
        Assert.Matches("(loss|gradient)", error.Message);
        Assert.Equal([Path.Combine(run, "checkpoints", "step-00000005")], Directory.GetDirectories(Path.Combine(run, "checkpoints")));
        Assert.Equal(5, CheckpointState.Read(CheckpointPath.Resolve(run).State!).Step);
    }

    /// <summary>What is saved while nothing is learnt any more, because the user stops the run, takes no other checkpoint's place.</summary>
    [Fact]
    public void A_stop_while_a_run_diverges_leaves_the_checkpoints_before_it()
    {
        var same = config with { RunDir = Path.Combine(folder, "diverging"), ValData = null, Precision = Precision.Amp, WarmupEpochs = 0, Keep = 1, SaveEvery = 1000 };
        Trainer.Run(same with { Steps = 5 }, new Recording(), CancellationToken.None);
        var stopped = new Recording { StopAt = (12, new CancellationTokenSource()) };
        Trainer.Run(same with { Steps = 60, Lr = 1e30, Resume = "auto" }, stopped, stopped.StopAt.Value.Stop.Token);
        Assert.Equal(["step-00000005", "step-00000012"], Directory.GetDirectories(Path.Combine(same.RunDir, "checkpoints")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Where_nothing_can_be_saved_it_is_tried_as_often_as_asked_for()
    {
        var checkpoints = Path.Combine(folder, "run", "checkpoints");
        var reporter = new Recording
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
        Assert.Throws<IOException>(() => Trainer.Run(config with { RunDir = Path.Combine(folder, "run"), ValData = null, SaveEvery = 3, Steps = 10 }, reporter, CancellationToken.None));
        Assert.Equal(["3", "6", "9", "10"], reporter.Warnings.Where(w => w.Contains("could not be saved", StringComparison.Ordinal)).Select(w => w.Split(' ')[1]));
    }

    [Fact]
    public void Bad_samples_and_empty_captions_are_counted_not_fatal()
    {
        var images = Path.Combine(folder, "images");
        Directory.CreateDirectory(images);
        var lines = new List<string> { "path\tcaption" };
        for (var i = 0; i < 40; i++)
        {
            var file = $"{i}.png";
            Data.PngFile.Write(Path.Combine(images, file), Enumerable.Range(0, 24 * 24 * 3).Select(p => (byte)(p * (i + 3))).ToArray(), 24, 24);
            lines.Add($"{file}\t{(i % 10 == 9 ? "\u200b\u2060" : $"picture number {i} of a red house")}");
        }
        File.WriteAllText(Path.Combine(images, "5.png"), "not an image");
        File.WriteAllBytes(Path.Combine(images, "6.png"), []);
        File.WriteAllLines(Path.Combine(images, "captions.tsv"), lines);
        var run = Path.Combine(folder, "bad");
        var reporter = new Recording();
        Trainer.Run(config with { Data = Path.Combine(images, "captions.tsv"), ValData = null, Classes = null, CaptionTemplate = null, RunDir = run, BatchSize = 8, Steps = 5 }, reporter, CancellationToken.None);
        var causes = File.ReadAllLines(Path.Combine(run, "skipped.jsonl")).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("cause").GetString()).ToHashSet();
        Assert.Contains("empty", causes);
        Assert.Contains("empty-caption", causes);
        Assert.Contains("not-an-image", causes);
        Assert.True(reporter.Steps[^1].Skipped >= 2);
    }

    private static List<double> Losses(string run) => [.. File.ReadAllLines(Path.Combine(run, "metrics.jsonl")).Select(l => JsonDocument.Parse(l).RootElement)
        .Where(e => e.TryGetProperty("loss", out _)).Select(e => e.GetProperty("loss").GetDouble())];

    private string WriteIdx(string name, int count)
    {
        var random = new Random(count);
        using (var labels = new GZipStream(File.Create(Path.Combine(folder, $"{name}-labels-idx1-ubyte.gz")), CompressionLevel.Fastest))
        using (var images = new GZipStream(File.Create(Path.Combine(folder, $"{name}-images-idx3-ubyte.gz")), CompressionLevel.Fastest))
        {
            labels.Write([0, 0, 8, 1, 0, 0, 0, (byte)count]);
            images.Write([0, 0, 8, 3, 0, 0, 0, (byte)count, 0, 0, 0, 24, 0, 0, 0, 24]);
            for (var i = 0; i < count; i++)
            {
                labels.WriteByte((byte)(i % 4));
                for (var p = 0; p < 24 * 24; p++)
                {
                    var (x, y) = (p % 24, p / 24);
                    var value = (i % 4) switch { 0 => y / 3 % 2 * 200, 1 => x / 3 % 2 * 200, 2 => x is > 6 and < 17 && y is > 6 and < 17 ? 20 : 150, _ => 230 };
                    images.WriteByte((byte)Math.Clamp(value + random.Next(-20, 21), 0, 255));
                }
            }
        }
        return Path.Combine(folder, $"{name}-images-idx3-ubyte.gz");
    }

    private sealed class Recording : ITrainReporter
    {
        public (long Step, CancellationTokenSource Stop)? StopAt { get; init; }
        public Action<StepMetrics> AtStep { get; init; } = _ => { };
        public List<StepMetrics> Steps { get; } = [];
        public List<string> Warnings { get; } = [];

        public List<string> Lines { get; } = [];

        public void Info(string line) => Lines.Add(line);

        public void Warn(string line) => Warnings.Add(line);

        public void Step(StepMetrics metrics)
        {
            Steps.Add(metrics);
            AtStep(metrics);
            if (StopAt is { } at && metrics.Step == at.Step)
            {
                at.Stop.Cancel();
            }
        }

        public void Eval(EvalMetrics metrics)
        {
        }
    }
}
