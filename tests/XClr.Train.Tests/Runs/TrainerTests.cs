using XClr.Data;
using XClr.Nn;
using XClr.Nn.Models;

namespace XClr.Train.Tests;

/// <summary>A run learns, says so, and is the same each time.</summary>
public sealed class TrainerTests : SmallRunTest
{
    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Amp)]
    [InlineData(Precision.Fp32, 6)]
    public void A_run_learns_and_leaves_a_folder_that_says_all(Precision precision, int microBatch = 0)
    {
        var run = folder.File("run");
        // Fidelity is high from the start on these few colours: with the noise of 16 bits or of small batch norms, 24 steps are not enough to see it rise.
        var steps = precision != Precision.Fp32 || microBatch > 0 ? 60 : 24;
        var outcome = Trainer.Run(config with { RunDir = run, Steps = steps, Precision = precision, MicroBatch = microBatch, Lr = precision != Precision.Fp32 ? 0.02 : 0.05 }, new RecordingReporter(), CancellationToken.None);
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

    [Fact]
    public void Lines_hold_the_rate_and_the_epoch_of_their_step()
    {
        var reporter = new RecordingReporter();
        // Nine batches of ten in 96 samples; the last step is logged whatever --log-every.
        var run = config with { RunDir = folder.File("run"), ValData = null, BatchSize = 10, Epochs = 2, Steps = null, LogEvery = 8, WarmupEpochs = 0.5 };
        Assert.Equal(18, Trainer.Run(run, reporter, CancellationToken.None).Step);
        Assert.Equal([(8, 80 / 96.0), (16, 1 + (70 / 96.0)), (18, 1 + (90 / 96.0))], reporter.Steps.Select(s => (s.Step, s.Epoch)));
        var schedule = run.CreateSchedule(9);
        Assert.Equal(reporter.Steps.Select(s => schedule.Rate(s.Step - 1)), reporter.Steps.Select(s => s.LearningRate));
    }

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Amp)]
    [InlineData(Precision.Bf16)]
    public void Two_runs_with_one_seed_are_bit_identical(Precision precision)
    {
        var runs = new[] { "a", "b" }.Select(name => folder.File(name)).ToList();
        foreach (var run in runs)
        {
            Trainer.Run(config with { RunDir = run, ValData = null, Precision = precision, Workers = run.EndsWith('a') ? 1 : 3 }, new RecordingReporter(), CancellationToken.None);
        }
        Assert.Equal(Losses(runs[0]), Losses(runs[1]));
        foreach (var file in new[] { "model.safetensors", "head.safetensors", "optimizer.safetensors" })
        {
            var bytes = runs.Select(r => File.ReadAllBytes(Path.Combine(r, "checkpoints", "step-00000012", file))).ToList();
            Assert.True(bytes[0].AsSpan().SequenceEqual(bytes[1]), file);
        }
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
            folder.WritePng($"{i}.png", 24, p => (byte)(p * (i + 3)));
            lines.Add($"{i}.png\t{(captions.Length > 0 ? captions[i % captions.Length] : distinct[i])}");
        }
        var table = folder.File("captions.tsv");
        File.WriteAllLines(table, lines);
        var reporter = new RecordingReporter();
        Trainer.Run(config with { Data = table, ValData = null, Classes = null, CaptionTemplate = null, RunDir = folder.File("run"), Loss = loss, TauS = tauS, BatchSize = 8, Steps = 1 }, reporter, CancellationToken.None);
        Assert.True(reporter.Warnings.Count == (warning is null ? 0 : 1) && string.Concat(reporter.Warnings).Contains(warning ?? "", StringComparison.Ordinal), string.Join('\n', reporter.Warnings));
    }
}
