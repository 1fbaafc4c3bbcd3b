using System.Text.Json;

namespace XClr.Nn.Tests;

public sealed class CheckpointTests : IDisposable
{
    private readonly TempFolder run = new();
    private readonly List<string> warnings = [];

    public void Dispose() => run.Dispose();

    private string Checkpoints => run.File("checkpoints");

    private CheckpointStore Open(int keep = 2) => new(run, keep, warnings.Add);

    private static CheckpointState State(long step, CheckpointMetric? best = null) => new()
    {
        FormatVersion = CheckpointState.CurrentVersion,
        Architecture = new("resnet18", "half", 0.5, "mlp", 256, 128),
        ImageSize = 64,
        Mean = [0.485f, 0.456f, 0.406f],
        Std = [0.229f, 0.224f, 0.225f],
        Step = step,
        Epoch = 3,
        DataPosition = 1280,
        Seed = ulong.MaxValue,
        Samples = 5000,
        Config = JsonDocument.Parse("""{"lr":0.1,"data":["a","b"]}""").RootElement,
        PlanFingerprint = "abc",
        BestMetric = best,
        Device = "llvmpipe",
    };

    private static CheckpointTensors Tensors(float value) => new(
        [SafetensorsEntry.Float32("conv1.weight", [1], new[] { value })],
        [SafetensorsEntry.Float32("projector.0.weight", [1], new[] { value + 1 })],
        [SafetensorsEntry.Float32("momentum.conv1.weight", [1], new[] { value + 2 })]);

    private static float ValueOf(CheckpointPath path)
    {
        using var file = SafetensorsFile.Open(path.Model);
        return file.ReadFloat32("conv1.weight")[0];
    }

    private string[] Names() => [.. Directory.GetFileSystemEntries(Checkpoints).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal)];

    [Fact]
    public void State_and_tensors_come_back()
    {
        var folder = Open().Save(State(1234, new("knn", 0.5, 1000)), Tensors(3));
        Assert.Equal(Path.Combine(Checkpoints, "step-00001234"), folder);
        Assert.Equal("step-00001234\n", File.ReadAllText(Path.Combine(Checkpoints, "latest")));
        Assert.Equal(["head.safetensors", "model.safetensors", "optimizer.safetensors", "state.json"],
            Directory.GetFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        var path = CheckpointPath.Resolve(run);
        Assert.Equal(3f, ValueOf(path));
        var state = CheckpointState.Read(path.State!);
        Assert.Equal(new CheckpointArchitecture("resnet18", "half", 0.5, "mlp", 256, 128), state.Architecture);
        Assert.Equal((1234L, 3, 1280L, ulong.MaxValue, 64), (state.Step, state.Epoch, state.DataPosition, state.Seed, state.ImageSize));
        Assert.Equal([0.485f, 0.456f, 0.406f], state.Mean);
        Assert.Equal([0.229f, 0.224f, 0.225f], state.Std);
        Assert.Equal(5000, state.Samples);
        Assert.Equal(0.1, state.Config.GetProperty("lr").GetDouble());
        Assert.Equal(new CheckpointMetric("knn", 0.5, 1000), state.BestMetric);
        Assert.Equal(("abc", "llvmpipe", null), (state.PlanFingerprint, state.Device, state.Commit));
    }

    [Fact]
    public void The_last_k_and_the_best_stay()
    {
        var store = Open(keep: 2);
        store.Save(State(10), Tensors(0));
        store.Save(State(20, new("knn", 0.6, 20)), Tensors(0));
        store.Save(State(30, new("knn", 0.6, 20)), Tensors(0));
        store.Save(State(40, new("knn", 0.6, 20)), Tensors(0));
        Assert.Equal(["latest", "step-00000020", "step-00000030", "step-00000040"], Names());
        store.Save(State(50, new("knn", 0.7, 50)), Tensors(0));
        Assert.Equal(["latest", "step-00000040", "step-00000050"], Names());
        Assert.Empty(warnings);
    }

    [Fact]
    public void After_a_resume_from_an_earlier_step_the_left_branch_goes_first()
    {
        var store = Open(keep: 3);
        foreach (var step in new[] { 10, 20, 30 })
        {
            store.Save(State(step), Tensors(step));
        }
        Open(keep: 3).Save(State(15), Tensors(15));
        Assert.Equal(["latest", "step-00000010", "step-00000015", "step-00000030"], Names());
        Assert.Equal(15f, ValueOf(CheckpointPath.Resolve(run)));
        store.Save(State(18), Tensors(18));
        Assert.Equal(["latest", "step-00000010", "step-00000015", "step-00000018"], Names());
    }

    [Fact]
    public void A_step_saved_again_replaces_itself()
    {
        var store = Open();
        store.Save(State(10), Tensors(1));
        store.Save(State(10), Tensors(2));
        Assert.Equal(["latest", "step-00000010"], Names());
        Assert.Equal(2f, ValueOf(CheckpointPath.Resolve(run)));
    }

    /// <summary>Runs the save up to every file in turn and dies there, as a full disk would; the last file is reached only when all are whole.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_full_disk_leaves_the_old_ones_and_no_temporary(int failing)
    {
        var store = Open();
        store.Save(State(10), Tensors(1));
        var full = new SafetensorsEntry("x", SafetensorsDType.F32, [1], _ => throw new IOException("No space left on device"));
        IEnumerable<SafetensorsEntry> Part(int i) => i == failing ? [full] : [SafetensorsEntry.Float32("x", [1], new float[1])];
        Assert.Throws<IOException>(() => store.Save(State(20), new(Part(0), Part(1), Part(2))));
        Assert.Equal(["latest", "step-00000010"], Names());
        Assert.Equal(1f, ValueOf(CheckpointPath.Resolve(run)));
        store.Save(State(20), Tensors(2));
        Assert.Equal(2f, ValueOf(CheckpointPath.Resolve(run)));
    }

    [Fact]
    public void A_torn_write_is_passed_over_and_cleared_on_the_next_open()
    {
        Open().Save(State(10), Tensors(1));
        var torn = Path.Combine(Checkpoints, "step-00000020.tmp");
        Directory.CreateDirectory(torn);
        File.Copy(Path.Combine(Checkpoints, "step-00000010", "model.safetensors"), Path.Combine(torn, "model.safetensors"));
        File.WriteAllText(Path.Combine(torn, "state.json"), "{\"formatVer");
        File.WriteAllText(Path.Combine(Checkpoints, "latest.tmp"), "step-0000");

        Assert.Equal(1f, ValueOf(CheckpointPath.Resolve(run)));
        Assert.Contains("unfinished", Assert.Throws<CheckpointException>(() => CheckpointPath.Resolve(torn)).Message);
        Assert.Equal([10L], Open().Steps.Keys);
        Assert.Equal(["latest", "step-00000010"], Names());
    }

    [Fact]
    public void A_kill_between_the_rename_and_latest_loses_nothing()
    {
        var store = Open();
        store.Save(State(10), Tensors(1));
        store.Save(State(20), Tensors(2));
        File.WriteAllText(Path.Combine(Checkpoints, "latest"), "step-00000010\n");
        Assert.Equal(1f, ValueOf(CheckpointPath.Resolve(run)));
        File.WriteAllText(Path.Combine(Checkpoints, "latest"), "step-00000099\n");
        Assert.Equal(2f, ValueOf(CheckpointPath.Resolve(run)));
        File.Delete(Path.Combine(Checkpoints, "latest"));
        Assert.Equal(2f, ValueOf(CheckpointPath.Resolve(run)));
    }

    [Fact]
    public void A_kill_while_a_step_replaces_itself_loses_nothing()
    {
        Open().Save(State(10), Tensors(1));
        var folder = Path.Combine(Checkpoints, "step-00000010");
        Directory.Move(folder, folder + ".old");
        Assert.Equal(1f, ValueOf(CheckpointPath.Resolve(run)));
        Assert.True(CheckpointPath.Exists(run));
        Open();
        Assert.Equal(["latest", "step-00000010"], Names());

        Directory.CreateDirectory(folder + ".old");
        File.Copy(Path.Combine(folder, "model.safetensors"), Path.Combine(folder + ".old", "model.safetensors"));
        Assert.Equal(folder, CheckpointPath.Resolve(run).StepFolder);
        Open();
        Assert.Equal(["latest", "step-00000010"], Names());
    }

    /// <summary>A folder's names come in any order.</summary>
    [Fact]
    public void A_step_that_was_replaced_is_newer_than_its_predecessor()
    {
        var store = new CheckpointStore(run, keep: 10, warnings.Add);
        var folders = Enumerable.Range(1, 10).Select(step => store.Save(State(step), Tensors(step))).ToList();
        foreach (var (folder, i) in folders.Select((f, i) => (f, i)))
        {
            Directory.Move(folder, folder + ".away");
            // Before or after what it gives way to.
            var (first, second) = i % 2 == 0 ? (folder, folder + ".old") : (folder + ".old", folder);
            foreach (var made in new[] { first, second })
            {
                Directory.CreateDirectory(made);
                File.Copy(Path.Combine(folder + ".away", "model.safetensors"), Path.Combine(made, "model.safetensors"));
            }
        }
        Assert.Equal(folders, store.Steps.Values);
    }

    [Fact]
    public void Every_form_of_path_resolves()
    {
        var folder = Open().Save(State(10), Tensors(1));
        foreach (var form in new[] { run, run + "/", Checkpoints, folder, folder + "/", Path.Combine(folder, "model.safetensors") })
        {
            var path = CheckpointPath.Resolve(form);
            Assert.Equal(1f, ValueOf(path));
            Assert.True(File.Exists(path.Head) && File.Exists(path.Optimizer) && File.Exists(path.State), form);
        }
        var bare = run.File("weights.safetensors");
        File.Copy(Path.Combine(folder, "model.safetensors"), bare);
        Assert.Equal(new CheckpointPath(bare, null, null, null, null), CheckpointPath.Resolve(bare));
    }

    [Fact]
    public void What_is_no_checkpoint_is_named_with_a_remedy()
    {
        string Refusal(string path)
        {
            var message = Assert.Throws<CheckpointException>(() => CheckpointPath.Resolve(path)).Message;
            Assert.Contains(path, message);
            return message;
        }
        Assert.Contains("no such file", Refusal(run.File("none")));
        Assert.Contains("no complete checkpoint", Refusal(run));
        Assert.False(CheckpointPath.Exists(run));
        var text = run.File("model.txt");
        File.WriteAllText(text, "");
        Assert.Contains("no .safetensors", Refusal(text));
        var folder = Open().Save(State(10), Tensors(1));
        File.Delete(Path.Combine(folder, "model.safetensors"));
        Assert.Contains("no model.safetensors", Refusal(folder));
    }

    [Theory]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": 2", "formatVersion is 2")]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": \"x\"", "cannot be read")]
    [InlineData("\"step\": 10,", "", "step")]
    [InlineData("\"step\": 10", "\"step\": -1", "step is -1")]
    [InlineData("\"imageSize\": 64", "\"imageSize\": 0", "imageSize is 0")]
    [InlineData("\"device\": \"llvmpipe\"", "\"device\": null", "device")]
    [InlineData("\"featureWidth\": 256", "\"featureWidth\": 0", "featureWidth is 0")]
    [InlineData("{", "", "cannot be read")]
    public void An_edited_state_is_refused_by_value(string old, string replacement, string expected)
    {
        var path = Path.Combine(Open().Save(State(10), Tensors(1)), "state.json");
        var json = File.ReadAllText(path);
        var at = json.IndexOf(old, StringComparison.Ordinal);
        Assert.True(at >= 0, json);
        File.WriteAllText(path, json.Remove(at, old.Length).Insert(at, replacement));
        var error = Assert.Throws<CheckpointException>(() => CheckpointState.Read(path));
        Assert.Contains(path, error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void A_state_out_of_range_is_not_written()
    {
        var store = Open();
        Assert.Contains("bestMetric", Assert.Throws<CheckpointException>(() => store.Save(State(10, new("loss", double.NaN, 10)), Tensors(1))).Message);
        Assert.Contains("std", Assert.Throws<CheckpointException>(() => store.Save(State(10) with { Std = [1, 0, 1] }, Tensors(1))).Message);
        Assert.Empty(Names());
    }
}
