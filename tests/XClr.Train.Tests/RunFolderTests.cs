using XClr.Nn;

namespace XClr.Train.Tests;

public sealed class RunFolderTests : IDisposable
{
    private readonly TempFolder parent = new();

    public void Dispose() => parent.Dispose();

    private string Run => parent.File("run");

    private TrainConfig Config => new() { Data = "d", RunDir = Run };

    [Fact]
    public void A_second_writer_is_refused_until_the_first_ends()
    {
        using (RunFolder.Open(Config))
        {
            var message = Assert.Throws<UsageException>(() => RunFolder.Open(Config)).Message;
            Assert.Contains(Run, message);
            Assert.Contains($"process {Environment.ProcessId}", message);
        }
        using var again = RunFolder.Open(Config);
        Assert.Equal(Run, again.Path);
    }

    [Theory]
    [InlineData("auto")]
    [InlineData(null)]
    public void A_folder_whose_checkpoints_are_gone_is_refused_and_keeps_its_log(string? resume)
    {
        var latest = Path.Combine(Run, "checkpoints", "latest");
        Directory.CreateDirectory(Path.GetDirectoryName(latest)!);
        File.WriteAllText(latest, "step-00000025\n");
        var config = Config with { Resume = resume };
        Assert.Contains("its checkpoints are gone, the latest of which was step-00000025;", Assert.Throws<UsageException>(() => RunFolder.Open(config)).Message);
        File.Delete(latest);
        RunFolder.Open(config).Dispose();
    }

    /// <summary>As after `rm -rf RUN; xclr train --run-dir RUN` beside a run that is still on.</summary>
    [Fact]
    public void A_removed_folder_that_another_process_has_taken_is_left_to_it()
    {
        using var run = RunFolder.Open(Config);
        run.RequireOwn();
        File.WriteAllText(Path.Combine(Run, "lock.owner"), "process 1 on another-machine\n");
        Assert.Contains($"{Run}: was removed while this run wrote there, and another process (process 1 on another-machine)", Assert.Throws<UsageException>(run.RequireOwn).Message);
        Directory.Delete(Run, recursive: true);
        run.RequireOwn();
    }

    [Fact]
    public void A_folder_with_a_checkpoint_is_refused_unless_the_run_resumes()
    {
        Directory.CreateDirectory(Path.Combine(Run, "checkpoints", "step-00000010"));
        foreach (var name in new[] { "model.safetensors", "state.json" })
        {
            File.WriteAllText(Path.Combine(Run, "checkpoints", "step-00000010", name), "");
        }
        Assert.Contains("--resume auto", Assert.Throws<UsageException>(() => RunFolder.Open(Config)).Message);
        // Neither another run's checkpoint nor that of a folder whose name only begins alike.
        foreach (var other in new[] { parent.File("other"), Run + "2" })
        {
            Assert.Contains($"--resume {other} is another's", Assert.Throws<UsageException>(() => RunFolder.Open(Config with { Resume = other })).Message);
        }
        RunFolder.Open(Config with { Resume = Path.Combine(Run, "checkpoints", "step-00000010") }).Dispose();
        RunFolder.Open(Config with { Resume = "auto" }).Dispose();
        using var afterRefusal = RunFolder.Open(Config with { Resume = "auto" });
        Assert.True(CheckpointPath.Exists(afterRefusal.Path));
    }

    [Fact]
    public void The_effective_configuration_is_saved_and_changes_are_named()
    {
        using var run = RunFolder.Open(Config);
        Assert.Empty(run.SaveConfig(Config));
        // Where the run lies is not for one that is begun with its configuration.
        Assert.Equal(Config with { RunDir = null }, TrainConfig.Resolve(null, run.ConfigFile, []));
        var changes = run.SaveConfig(Config with { Lr = 0.5, Resume = "auto", ClipNorm = 1 });
        Assert.Equal(["lr: 0.3 -> 0.5", "clip-norm: 0 -> 1"], changes);
    }

    [Fact]
    public void The_resume_command_names_folder_and_config()
    {
        using var run = RunFolder.Open(new TrainConfig { RunDir = parent.File("my run") });
        Assert.Equal($"train --config '{parent}/my run/config.json' --run-dir '{parent}/my run' --resume auto", run.ResumeArguments);
    }
}
