using System.Text.Json;
using XClr.Data;
using XClr.Nn;

namespace XClr.Cli.Tests;

/// <summary>What `eval` and `embed-images` take from a checkpoint, and what the user may say instead.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Run => folder.File("run");

    private string[] Train(params string[] more)
    {
        var data = TinySet.Write(folder);
        CliProcess.Run(["train", .. data, .. TinySet.Network, "--run-dir", Run, .. more.Contains("--steps") ? [] : (string[])["--steps", "1"], .. more]).Expect(0);
        return data;
    }

    private ProgramResult Embed(string checkpoint, params string[] more) =>
        CliProcess.Run(["embed-images", "--checkpoint", checkpoint, "--data", folder.Path, "--out", folder.File("e.safetensors"), .. more]);

    private float[] Features()
    {
        using var file = SafetensorsFile.Open(folder.File("e.safetensors"));
        return file.ReadFloat32("features");
    }

    [Fact]
    public void A_bare_file_is_the_network_that_its_tensors_show()
    {
        Train();
        Embed(Run).Expect(0);
        var expected = Features();
        // A copy says itself how its images are made; a file of another program does not.
        var (copy, bare) = (folder.File("copy.safetensors"), folder.File("bare.safetensors"));
        File.Copy(CheckpointPath.Resolve(Run).Model, copy);
        Embed(copy).Expect(0);
        Assert.Equal(expected, Features());
        using (var model = SafetensorsFile.Open(copy))
        {
            SafetensorsWriter.Write(bare, model.Tensors.Where(t => t.DType == SafetensorsDType.F32).Select(t => SafetensorsEntry.Float32(t.Name, t.Shape, model.ReadFloat32(t.Name))));
        }
        Assert.Contains("--stem half (stride 2) or --stem small", Embed(bare).Expect(3).Errors);
        Embed(bare, "--stem", "small", "--image-size", "8").Expect(0);
        Assert.Equal(expected, Features());
        Embed(bare, "--stem", "small", "--image-size", "8", "--mean", "0.2,0.2,0.2").Expect(0);
        Assert.NotEqual(expected, Features());
        // layer1.0.conv1 is 3x3 in a ResNet-18 and 1x1 in a ResNet-50.
        Assert.Contains("layer1.0.conv1.weight is [4,4,3,3], the model needs [4,4,1,1]", Embed(bare, "--stem", "small", "--arch", "resnet50").Expect(3).Errors);
        Assert.Contains("--std '1,0,1' is not accepted; allowed: three numbers above 0", Embed(bare, "--std", "1,0,1").Expect(2).Errors);
    }

    [Fact]
    public void Weights_that_cannot_be_are_refused_by_name()
    {
        Train();
        var damaged = folder.File("damaged.safetensors");
        var bytes = File.ReadAllBytes(CheckpointPath.Resolve(Run).Model);
        // The header's length, the header, then the tensors.
        void Fill(float value)
        {
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes))).Fill(value);
            File.WriteAllBytes(damaged, bytes);
        }
        Fill(-1);
        Assert.Matches($"{damaged}: element 0 of '[a-z0-9._]+running_var' is -1, which no variance can be", Embed(damaged, "--stem", "small", "--image-size", "8").Expect(3).Errors);
        Fill(float.NaN);
        Assert.Matches($"{damaged}: element 0 of '[a-z0-9._]+' is NaN, which no weight can be", Embed(damaged, "--stem", "small", "--image-size", "8").Expect(3).Errors);
        Assert.Contains("is NaN, which no weight can be", CliProcess.Run("export", "--checkpoint", damaged, "--stem", "small", "--image-size", "8", "--out", folder.File("d.onnx")).Expect(3).Errors);
    }

    [Fact]
    public void What_is_read_is_not_overwritten()
    {
        Train();
        var model = CheckpointPath.Resolve(Run).Model;
        Assert.Contains($"--out {model}: is what --checkpoint reads", CliProcess.Run("export", "--checkpoint", Run, "--out", model).Expect(2).Errors);
        Embed(Run).Expect(0);
        Assert.Contains("is what --data reads", CliProcess.Run("embed-images", "--checkpoint", Run, "--data", folder.File("e.safetensors"), "--out", folder.File("e.safetensors")).Expect(2).Errors);
    }

    /// <summary>A key is a line, whatever the file is called, in a file beside the tensors that no other tensors have.</summary>
    [Fact]
    public void Keys_are_a_line_each()
    {
        Train();
        foreach (var name in new[] { "a\nb.png", "back\\slash.png" })
        {
            folder.WritePng("odd/class/" + name, 8, _ => 0);
        }
        foreach (var name in new[] { "f.train", "f.safetensors" })
        {
            CliProcess.Run("embed-images", "--checkpoint", Run, "--data", folder.File("odd"), "--out", folder.File(name)).Expect(0);
        }
        Assert.Equal(["class/a\\nb.png", "class/back\\\\slash.png"], File.ReadAllLines(folder.File("f.keys.txt")).Order(StringComparer.Ordinal));
        Assert.True(File.Exists(folder.File("f.train.keys.txt")));
    }

    [Fact]
    public void A_resume_names_what_is_of_another_optimizer_and_what_it_leaves_behind()
    {
        var data = Train("--steps", "2", "--save-every", "1");
        ProgramResult Resume(string from, params string[] more) => CliProcess.Run(["train", .. data, .. TinySet.Network, "--run-dir", Run, "--resume", from, "--steps", "3", .. more]);
        ProgramResult Other(string option, string value) => CliProcess.Run(["train", .. data, .. TinySet.Network.Select((a, i) => i > 0 && TinySet.Network[i - 1] == option ? value : a), "--run-dir", Run, "--resume", "auto", "--steps", "3"]);
        Assert.Contains("was trained by --optimizer sgd, whose state is no start for the one asked for", Other("--optimizer", "adamw").Expect(3).Errors);
        Assert.Contains("holds another network: arch resnet18, and the run asks for resnet34. Resume", Other("--arch", "resnet34").Expect(3).Errors);
        var first = Path.Combine(Path.GetDirectoryName(CheckpointPath.Resolve(Run).StepFolder)!, CheckpointPath.StepName(1));
        Assert.Contains("this folder has 1 checkpoint(s) of later steps, up to 2", Resume(first).Expect(0).Errors);
    }

    [Fact]
    public void Weights_of_py_torch_are_trained_on_and_said_what_was_made_of_them()
    {
        var weights = Path.Combine(Repository.Root, "tests", "Golden", "data", "torch", "resnet18.pth");
        var said = CliProcess.Run(["train", .. TinySet.Write(folder), .. TinySet.Network, "--run-dir", Run, "--steps", "1", "--init-weights", weights]).Expect(0).Errors;
        Assert.Contains($"weights of {weights}: 120 tensors; found under 'state_dict'; prefix 'module.' removed; F16 converted to F32", said);
        Embed(weights, "--stem", "small", "--image-size", "8").Expect(0);
        Assert.Contains("of another shape: conv1.weight is [4,3,3,3], the model needs [8,3,3,3]", Embed(weights, "--stem", "small", "--image-size", "8", "--width", "0.125").Expect(3).Errors);
    }

    [Theory]
    [InlineData("encoder.onnx", new byte[] { 8 })]
    [InlineData("encoder.npz", new byte[] { (byte)'P', (byte)'K' })]
    [InlineData("encoder.safetensors", new byte[] { })]
    public void An_export_has_the_form_that_its_ending_names(string name, byte[] start)
    {
        // torchvision's ResNet-18, a sixteenth as wide.
        var weights = Path.Combine(Repository.Root, "tests", "Golden", "data", "torch", "resnet18.pth");
        var made = CliProcess.Run("export", "--checkpoint", weights, "--stem", "small", "--image-size", "8", "--out", folder.File(name), "--json").Expect(0).Json;
        Assert.Equal((Path.GetExtension(name)[1..], "resnet18", 32), (made.GetProperty("format").GetString(), made.GetProperty("arch").GetString(), made.GetProperty("features").GetInt32()));
        Assert.Equal(start, File.ReadAllBytes(folder.File(name))[..start.Length]);
        if (start.Length > 0)
        {
            return;
        }
        using var file = SafetensorsFile.Open(folder.File(name));
        Assert.Equal(32 * 32 * 9, file.ReadFloat32("layer4.1.conv2.weight").Length);
    }

    [Theory]
    [InlineData("--image-size 16 contradicts", "says 8", "--image-size", "16")]
    [InlineData("--arch resnet34 contradicts", "says resnet18", "--arch", "resnet34")]
    [InlineData("--mean 0.5,0.5,0.5 contradicts", "says 0.485,0.456,0.406", "--mean", "0.5,0.5,0.5")]
    [InlineData("--std 0.5,0.5,0.5 contradicts", "says 0.229,0.224,0.225", "--std", "0.5,0.5,0.5")]
    public void A_run_knows_its_network_better(string expected, string saved, params string[] options)
    {
        Train();
        Embed(Run, "--image-size", "8", "--width", "0.0625", "--stem", "small").Expect(0);
        var errors = Embed(Run, options).Expect(2).Errors;
        Assert.Contains(expected, errors);
        Assert.Contains("state.json", errors);
        Assert.Contains(saved, errors);
    }

    [Fact]
    public void The_encoder_of_the_run_measures_its_fidelity()
    {
        var encoder = folder.Copy(Path.Combine(AppContext.BaseDirectory, "Models", "static-minilm-128"), "encoder");
        // The programs run in the temporary folder; what the run keeps does not depend on it.
        var data = Train("--text-encoder", Path.GetRelativePath(Path.GetTempPath(), encoder));
        string[] eval = ["eval", "--checkpoint", Run, .. data, "--val-data", folder.Path, "--protocol", "fidelity", "--json"];
        var fidelity = CliProcess.Run(eval).Expect(0).Json.GetProperty("results").GetProperty("fidelity").GetDouble();
        Directory.Delete(encoder, recursive: true);
        var errors = CliProcess.Run(eval).Expect(3).Errors;
        Assert.Contains($"Text encoder {encoder}: does not exist", errors);
        Assert.Contains("state.json", errors);
        Assert.Contains("--text-encoder", errors);
        var named = CliProcess.Run([.. eval, "--text-encoder", "static-minilm-128"]).Expect(0).Json.GetProperty("results").GetProperty("fidelity").GetDouble();
        Assert.Equal(fidelity, named);
    }

    [Fact]
    public void Classes_of_held_out_images_are_matched_by_name()
    {
        Train();
        foreach (var (name, i) in new[] { "ant", "bee", "cat" }.Select((n, i) => (n, i)))
        {
            folder.WriteNoisePng($"train/{name}/1.png", 8, seed: i);
            if (i > 0)
            {
                folder.WriteNoisePng($"val/{name}/1.png", 8, seed: i);
            }
        }
        string[] eval = ["eval", "--checkpoint", Run, "--data", folder.File("train"), "--val-data", folder.File("val"), "--protocol", "knn", "--json"];
        // Each held-out image is in the bank too, so its own class has the heaviest vote, if it is the same one.
        Assert.Equal(1, CliProcess.Run(eval).Expect(0).Json.GetProperty("results").GetProperty("knn_top1").GetDouble());
        folder.WriteNoisePng("val/zebra/1.png", 8, seed: 3);
        Assert.Contains("has the class 'zebra'", CliProcess.Run(eval).Expect(3).Errors);
    }

    [Fact]
    public void A_checkpoint_names_the_commit_of_the_program()
    {
        Train();
        var commit = CliProcess.Run("inspect", Run, "--json").Expect(0).Json.GetProperty("state").GetProperty("commit");
        if (Path.Exists(Path.Combine(Repository.Root, ".git")))
        {
            Assert.Matches("^[0-9a-f]{40}$", commit.GetString());
        }
        else
        {
            Assert.Equal(JsonValueKind.Null, commit.ValueKind);
        }
    }


}
