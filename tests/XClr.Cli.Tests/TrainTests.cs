using System.Text.Json;
using System.Text.RegularExpressions;
using XClr.Train;

namespace XClr.Cli.Tests;

public sealed partial class TrainTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Run => folder.File("run");

    private string[] Arguments(params string[] more) => ["train", .. TinySet.Write(folder), .. TinySet.Network, "--run-dir", Run, .. more];

    private JsonElement SavedConfig() => JsonDocument.Parse(File.ReadAllText(Path.Combine(Run, "config.json"))).RootElement;

    private List<long> LoggedSteps() => [.. JsonLines.ReadSteps(Run).Select(l => l.GetProperty("step").GetInt64())];

    [Theory]
    [InlineData("there is no option '--batchsize'. Did you mean '--batch-size'?", "--batchsize", "3")]
    [InlineData("--batch-size '0' is not accepted; allowed: a whole number from 1", "--batch-size", "0")]
    [InlineData("--loss 'triplet' is not accepted; allowed: xclr|simclr|supcon|clip", "--loss", "triplet")]
    [InlineData("--data is missing")]
    [InlineData("There is no recipe 'dmo'; there are: cc3m-clip-r50, cc3m-simclr-r50, cc3m-supcon-r50, cc3m-xclr-r50, compare, demo, imagenet-clip-r50, imagenet-simclr-r50, imagenet-supcon-r50, imagenet-xclr-r50. Did you mean 'demo'?", "--recipe", "dmo")]
    [InlineData("--nesterov needs --optimizer sgd", "--data", "d", "--nesterov")]
    [InlineData("--resume auto needs --run-dir", "--data", "d", "--resume", "auto")]
    [InlineData("--lr is given more than once.", "--lr", "1", "--lr", "2")]
    [InlineData("'steps' and 'epochs' both say how long", "--steps", "1", "--epochs", "2")]
    public void A_usage_error_is_explained_and_returns2(string expected, params string[] args) =>
        Assert.Contains(expected, CliProcess.Run(["train", .. args]).Expect(2).Errors);

    [Fact]
    public void An_unknown_config_key_is_refused_with_file_and_nearest_name()
    {
        var errors = CliProcess.Run("train", "--config", folder.File("c.json", """{ "warmup-epoch": 1 }""")).Expect(2).Errors;
        Assert.Contains("c.json: there is no option 'warmup-epoch'. Did you mean 'warmup-epochs'?", errors);
    }

    [Fact]
    public void Help_gives_every_option_of_the_table_with_its_default()
    {
        var help = WhiteSpace().Replace(CliProcess.Run("train", "--help").Expect(0).Output, " ");
        Assert.All(TrainOptions.All, o => Assert.Contains($"--{o.Name} {WhiteSpace().Replace(o.Describe(), " ")}", help));
        Assert.Contains("--max-time", CliProcess.Run("demo", "--help").Expect(0).Output);
    }

    [Fact]
    public void A_run_leaves_its_files_and_the_command_line_wins()
    {
        var config = folder.File("c.json", """{ "recipe": "cc3m-xclr-r50", "seed": 3, "lr": 0.5 }""");
        var outcome = CliProcess.Run(Arguments("--config", config, "--steps", "3", "--warmup-epochs", "0", "--log-every", "1", "--json")).Expect(0).Json;
        Assert.Equal("completed", outcome.GetProperty("status").GetString());
        Assert.Equal(Run, outcome.GetProperty("runFolder").GetString());
        Assert.Equal([1, 2, 3], LoggedSteps());
        var saved = SavedConfig();
        Assert.Equal((0.01, 3, 1e-6), (saved.GetProperty("lr").GetDouble(), saved.GetProperty("seed").GetInt32(), saved.GetProperty("weight-decay").GetDouble()));
        var report = CliProcess.Run("inspect", Run).Expect(0).Output;
        Assert.Contains("layer4.1.bn2.running_var", report);
        Assert.Contains("3 steps", report);
        // What was saved runs again by itself, and a folder that holds a run is not overwritten.
        Assert.Contains("holds a run already", CliProcess.Run("train", "--config", Path.Combine(Run, "config.json"), "--run-dir", Run).Expect(2).Errors);
    }

    [Fact]
    public void A_second_writer_is_refused()
    {
        using var held = RunFolder.Open(new TrainConfig { RunDir = Run });
        var errors = CliProcess.Run(Arguments("--steps", "1")).Expect(2).Errors;
        Assert.Contains($"another process (process {Environment.ProcessId} on ", errors);
    }

    /// <summary>A log on a full disk, or a terminal that has gone, costs messages.</summary>
    [SkippableFact]
    public void A_run_whose_messages_cannot_be_written_is_saved()
    {
        Skip.IfNot(File.Exists("/dev/full"), "/dev/full stands for the full disk");
        var command = string.Join(' ', Arguments("--steps", "2", "--log-every", "1").Select(a => $"'{a}'"));
        CliProcess.Run("bash", ["-c", $"exec '{CliProcess.Program}' {command} 2>/dev/full"]).Expect(0);
        Assert.Equal([1, 2], LoggedSteps());
        Assert.True(XClr.Nn.CheckpointPath.Exists(Run));
        CliProcess.Run("bash", ["-c", $"exec '{CliProcess.Program}' train --data nowhere 2>/dev/full"]).Expect(3);
    }

    /// <summary>Captions of which the encoder knows no word count as bad samples, and a set of nothing else ends the run.</summary>
    [Fact]
    public void Captions_that_embed_to_zero_are_bad_samples()
    {
        TinySet.Write(folder);
        CliProcess.Run("inspect", folder.Path, "--views", folder.File("views.png"), "--image-size", "16", "--augment", "light").Expect(0);
        var runs = 0;
        string[] Train(Func<int, string> caption) =>
        [
            "train", "--data", folder.File("set.jsonl", string.Concat(Enumerable.Range(0, 32).Select(i => JsonSerializer.Serialize(new { image = "views.png", caption = caption(i) }) + "\n"))),
            .. TinySet.Network, "--loss", "xclr", "--steps", "100", "--run-dir", folder.File($"run{runs++}"),
        ];
        Assert.Contains("none of 32 samples can be used: 32 empty-caption", CliProcess.Run(Train(_ => "\ue000")).Expect(3).Errors);
        Assert.Contains("16 of 32 samples are bad (16 empty-caption), more than the allowed share of 0.1", CliProcess.Run([.. Train(i => i % 2 == 0 ? "\ue000" : "a bright sky"), "--max-bad-fraction", "0.1"]).Expect(3).Errors);
        // One good one an epoch is no batch of four.
        Assert.Contains("An epoch has fewer good samples (1) than --batch-size 4", CliProcess.Run(Train(i => i > 0 ? "\ue000" : "a bright sky")).Expect(3).Errors);
    }

    [Theory]
    [InlineData(RunningProgram.SigTerm)]
    [InlineData(RunningProgram.SigUsr2)]
    public void A_terminated_run_is_saved_says_how_to_resume_and_goes_on(int signal)
    {
        var running = CliProcess.Start(CliProcess.Program, Arguments("--steps", "1000000", "--log-every", "1", "--warmup-epochs", "0"));
        var metrics = Path.Combine(Run, "metrics.jsonl");
        Assert.True(SpinWait.SpinUntil(() => running.Process.HasExited || (File.Exists(metrics) && new FileInfo(metrics).Length > 0), TimeSpan.FromMinutes(5)));
        running.Signal(signal);
        var stopped = running.Result().Expect(130);
        Assert.Contains("stopping: the step is finished and saved", stopped.Errors);
        var resume = ResumeLine().Match(stopped.Errors);
        Assert.True(resume.Success, stopped.Errors);
        var before = LoggedSteps();
        var again = CliProcess.Run([.. resume.Groups["args"].Value.Split(' '), "--max-time", "5s", "--json"]).Expect(130);
        Assert.Contains("resumed from", again.Errors);
        Assert.Equal("timeUp", again.Json.GetProperty("status").GetString());
        var after = LoggedSteps();
        Assert.True(after[^1] > before[^1], $"no step after {before[^1]}");
        Assert.Equal(Enumerable.Range(1, after.Count).Select(s => (long)s), after);
    }

    [Fact]
    public void A_second_signal_ends_at_once_without_saving()
    {
        // While a whole ResNet-50 is prepared, the first signal waits for it.
        string[] network = ["--arch", "resnet50", "--image-size", "32", "--batch-size", "4"];
        var running = CliProcess.Start(CliProcess.Program, ["train", .. TinySet.Write(folder), .. network, "--run-dir", Run, "--steps", "1000"]);
        var owner = Path.Combine(Run, "lock.owner");
        Assert.True(SpinWait.SpinUntil(() => running.Process.HasExited || File.Exists(owner), TimeSpan.FromMinutes(5)));
        // As SLURM does it: the one that was asked for, and then the one that is the last.
        running.Signal(RunningProgram.SigUsr1);
        Assert.True(running.Says("stopping: the step is finished and saved; once more ends at once"));
        running.Terminate();
        var ended = running.Result().Expect(130);
        Assert.DoesNotContain("to go on", ended.Errors);
        Assert.False(XClr.Nn.CheckpointPath.Exists(Run));
    }

    [Fact]
    public void A_plan_is_printed_without_data_and_without_training()
    {
        string[] args = ["train", .. TinySet.Network, "--loss", "simclr", "--plan"];
        var json = CliProcess.Run([.. args, "--json"]).Expect(0).Json;
        Assert.True(json.GetProperty("dispatches").GetInt32() > 50);
        Assert.Equal(8, json.GetProperty("rows").GetInt32());
        var memory = json.GetProperty("memory");
        Assert.True(memory.GetProperty("transientPeakBytes").GetInt64() <= memory.GetProperty("transientSumBytes").GetInt64());
        Assert.Contains("without sharing", CliProcess.Run(args).Expect(0).Output);
    }

    [Fact]
    public void A_plan_is_built_and_run_on_the_device()
    {
        string[] args = ["train", .. TinySet.Network, "--loss", "supcon", "--plan", "--build", "--memory-limit", "512MiB"];
        var json = CliProcess.Run([.. args, "--json"]).Expect(0).Json;
        Assert.Equal(json.GetProperty("plan").GetProperty("dispatches").GetInt32(), json.GetProperty("kernels").EnumerateArray().Sum(k => k.GetProperty("dispatches").GetInt32()));
        Assert.InRange(json.GetProperty("hostMs").GetDouble(), 0, json.GetProperty("buildSeconds").GetDouble() * 1000);
        Assert.Contains("a submit costs the host", CliProcess.Run(args).Expect(0).Output);
        Assert.Contains("has 1 MiB", CliProcess.Run("train", "--loss", "simclr", "--batch-size", "64", "--plan", "--build", "--memory-limit", "1M").Expect(4).Errors);
        Assert.Contains("--memory-limit", CliProcess.Run(["train", .. TinySet.Network, "--loss", "simclr", "--plan", "--memory-limit", "3 giraffes"]).Expect(2).Errors);
        Assert.Contains("--plan --build", CliProcess.Run(["train", .. TinySet.Network, "--loss", "simclr", "--build"]).Expect(2).Errors);
    }

    /// <summary>The driver gives less than its heap has, here because the process may have 1 GB of data in all.</summary>
    [SkippableFact]
    public void What_the_driver_refuses_is_answered_with_a_batch_that_fits()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "ulimit -d counts the driver's memory on Linux");
        var command = $"ulimit -d 1000000; exec '{CliProcess.Program}' train --plan --build --arch resnet50 --image-size 128 --batch-size 24 --loss simclr --steps 1";
        var errors = CliProcess.Run("bash", ["-c", command]).Expect(4).Errors;
        Assert.Contains("vkAllocateMemory", errors);
        Assert.Matches("largest --batch-size that fits is ([2-9]|1[0-9]|2[0-3])[.]", errors);
    }

    /// <summary>Logs that are longer than a file may be, as ulimit, a quota or a file system has it; .NET has an exception of its own for that.</summary>
    [SkippableFact]
    public void A_limit_of_file_sizes_costs_lines_never_the_run_nor_what_was_logged()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "ulimit -f counts 1,024 bytes on Linux");
        CliProcess.Run(Arguments("--steps", "2", "--log-every", "1")).Expect(0);
        var (metrics, skipped) = (Path.Combine(Run, "metrics.jsonl"), Path.Combine(Run, "skipped.jsonl"));
        File.WriteAllText(metrics, string.Concat(Enumerable.Repeat("{\"step\":1}\n", 400_000)) + File.ReadAllText(metrics));
        // The last one comes again, so that the list is made anew.
        File.WriteAllText(skipped, string.Concat(Enumerable.Repeat("{\"epoch\":0,\"index\":0}\n", 200_000)) + "{\"epoch\":9,\"index\":0}\n");
        var (before, listed) = (File.ReadAllBytes(metrics), File.ReadAllBytes(skipped));
        // Without the variable .NET needs a large file itself.
        var limited = CliProcess.Run("bash", ["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" \"$@\"", CliProcess.Program, .. Arguments("--steps", "4", "--log-every", "1", "--resume", "auto")],
            environment: new Dictionary<string, string?> { ["DOTNET_EnableWriteXorExecute"] = "0" }).Expect(0);
        Assert.Contains($"{metrics}: lines are being lost", limited.Errors);
        Assert.Contains($"The list of skipped samples '{skipped}' is not written any further", limited.Errors);
        Assert.Equal(before, File.ReadAllBytes(metrics));
        Assert.Equal(listed, File.ReadAllBytes(skipped));
        Assert.True(Directory.Exists(Path.Combine(Run, "checkpoints", "step-00000004")));
    }

    [Fact]
    public void A_checkpoint_is_evaluated_and_embeds_images()
    {
        var data = TinySet.Write(folder);
        CliProcess.Run(Arguments("--steps", "1")).Expect(0);
        var results = CliProcess.Run(["eval", "--checkpoint", Run, .. data, "--val-data", folder.Path, "--json"]).Expect(0).Json.GetProperty("results");
        // Each image's nearest neighbour is itself, among 32 of two classes.
        Assert.InRange(results.GetProperty("knn_top1").GetDouble(), 0.5, 1);
        Assert.InRange(results.GetProperty("fidelity").GetDouble(), -1, 1);
        var made = CliProcess.Run(["embed-images", "--checkpoint", Run, "--data", folder.Path, "--out", folder.File("e.safetensors"), "--json"]).Expect(0).Json;
        Assert.Equal((32, 32, 128), (made.GetProperty("images").GetInt32(), made.GetProperty("features").GetInt32(), made.GetProperty("projections").GetInt32()));
        Assert.Contains("--protocol linear needs --data", CliProcess.Run("eval", "--checkpoint", Run, "--val-data", folder.Path, "--protocol", "linear").Expect(2).Errors);
        Assert.Contains("--protocol 'linaer' is not accepted; allowed: ", CliProcess.Run("eval", "--checkpoint", Run, "--val-data", folder.Path, "--protocol", "linaer").Expect(2).Errors);
    }

    [Fact]
    public void Views_are_written_as_a_picture()
    {
        TinySet.Write(folder);
        var picture = folder.File("views.png");
        CliProcess.Run("inspect", folder.Path, "--views", picture, "--image-size", "16", "--augment", "light").Expect(0);
        var bytes = File.ReadAllBytes(picture);
        Assert.Equal("PNG"u8, bytes.AsSpan(1, 3));
        // Width and height in the header: eight views of 16 pixels, eight samples.
        Assert.Equal((128, 128), (bytes[19], bytes[23]));
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    [GeneratedRegex("to go on: xclr (?<args>train --config .*)\n")]
    private static partial Regex ResumeLine();
}
