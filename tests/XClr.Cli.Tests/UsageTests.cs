namespace XClr.Cli.Tests;

public sealed class UsageTests
{
    [Theory]
    [InlineData("no verb is given; there are: ")]
    [InlineData("there is no verb 'devcies'; there are: ", "devcies")]
    [InlineData("Did you mean 'devices'?", "devcies")]
    [InlineData("there is no option '--jsn'. Did you mean '--json'?", "devices", "--jsn")]
    [InlineData("--captions is missing.", "embed-text", "--out", "o")]
    [InlineData("--out is missing.", "embed-text", "--captions", "c.txt")]
    [InlineData("pack needs a data set, or --from-urls", "pack", "--out", "o")]
    [InlineData("--retry-failed fetches rows of --from-urls again, which is not given.", "pack", "x", "--out", "o", "--retry-failed")]
    [InlineData("--classes, --caption-template: of a data set; a list of addresses brings its captions.", "pack", "--from-urls", "x", "--out", "o", "--classes", "c", "--caption-template", "{class}")]
    [InlineData("--quality 0: allowed: 1 to 100.", "pack", "x", "--out", "o", "--quality", "0")]
    [InlineData("--json is given more than once.", "devices", "--json", "--json")]
    [InlineData("path is missing: A data set, a run folder, ", "inspect")]
    [InlineData("RUN is missing: Folders of runs or of compare", "report")]
    [InlineData("--run-dir needs a value.", "train", "--data", "d", "--run-dir")]
    [InlineData("--limit needs a value.", "eval", "--checkpoint", "c", "--limit", "--val-data", "v")]
    [InlineData("--out needs a value, and an empty one was given", "pack", "x", "--out", "")]
    [InlineData("--text-encoder needs a value, and an empty one was given", "pack", "x", "--out", "o", "--text-encoder=")]
    [InlineData("An argument is empty", "inspect", "")]
    [InlineData("--out ./c.txt: is what --captions reads; name another file.", "embed-text", "--captions", "c.txt", "--out", "./c.txt")]
    [InlineData("--views v.jpg: a PNG is written; end its name with .png.", "inspect", "x", "--views", "v.jpg")]
    [InlineData("--seeds 2000: allowed: a whole number from 1 to 1000.", "compare", "--data", "d", "--val-data", "v", "--seeds", "2000")]
    [InlineData("'b.tar' belongs to no option of 'train'; a pattern such as 'train-*.tar' stands in quotes", "train", "--data", "a.tar", "b.tar")]
    [InlineData("'--' belongs to no option of 'inspect'", "inspect", "--", "a")]
    [InlineData("'b' belongs to no option of 'inspect'", "inspect", "a", "b")]
    [InlineData("'false' belongs to no option of 'devices'", "devices", "--json", "false")]
    [InlineData("--minutes '0,005': allowed: a number, such as 0.5.", "compare", "--minutes", "0,005")]
    [InlineData("--timeout '1,5': allowed: a number, such as 0.5.", "pack", "x", "--timeout=1,5")]
    [InlineData("there is no option '--bacth-size'. Did you mean '--batch-size'?", "train", "--bacth-size", "8")]
    [InlineData("--out .: is a folder; name a file in it.", "embed-text", "--captions", "c.txt", "--out", ".")]
    [InlineData("--fraction ',' names no part; allowed: numbers above 0", "eval", "--checkpoint", "c", "--val-data", "v", "--data", "d", "--protocol", "knn", "--fraction", ",")]
    [InlineData("--limit -1: allowed: a whole number from 0 up.", "inspect", "x", "--limit", "-1")]
    [InlineData("--limit 'many' is not accepted; allowed: a whole number.", "inspect", "x", "--limit", "many")]
    [InlineData("--workers -3: allowed: a whole number from 0 up.", "eval", "--checkpoint", "c", "--val-data", "v", "--workers", "-3")]
    [InlineData("--out nowhere/x.safetensors: its folder does not exist; make it first.", "embed-images", "--checkpoint", "c", "--data", "d", "--out", "nowhere/x.safetensors")]
    [InlineData("--out /proc/x.safetensors: cannot be written", "embed-images", "--checkpoint", "c", "--data", "d", "--out", "/proc/x.safetensors")]
    [InlineData("--out nowhere/x.onnx: its folder does not exist; make it first.", "export", "--checkpoint", "c", "--out", "nowhere/x.onnx")]
    [InlineData("--out x.bin: its ending is none of .onnx, .safetensors, .npz; name --format.", "export", "--checkpoint", "c", "--out", "x.bin")]
    [InlineData("--losses '1' is not accepted; allowed: xclr|simclr|", "compare", "--data", "d", "--val-data", "v", "--losses", "xclr, 1")]
    [InlineData("--augment, --image-size, --device: of --views, which is not given.", "inspect", "x", "--device", "nonsense", "--image-size", "-5", "--augment", "bogus")]
    [InlineData("--device, --shader-dir: of the other targets; the loader works on the processor.", "bench", "loader", "--data", "x", "--shader-dir", "s", "--device", "0")]
    [InlineData("--arch: of `bench step` and `bench forward`.", "bench", "conv", "--arch", "resnet18")]
    [InlineData("--workers: of `bench loader`.", "bench", "step", "--workers", "2")]
    [InlineData("--tau-s: of other losses than simclr", "train", "--data", "d", "--loss", "simclr", "--tau-s", "0.5")]
    [InlineData("--rows 5: allowed: a whole number from 1 up; for a step an even one from 4 up.", "bench", "step", "--rows", "5")]
    [InlineData("--rows 2: allowed: a whole number from 1 up; for a step an even one from 4 up.", "bench", "step", "--rows", "2")]
    [InlineData("--tau, --projector: of other losses than clip", "train", "--data", "d", "--loss", "clip", "--tau", "0.5", "--projector", "linear")]
    [InlineData("--data-format 'tar' is not accepted; allowed: auto|webdataset|", "inspect", "x", "--data-format", "tar")]
    public void A_usage_error_is_explained_and_returns2(string expected, params string[] args)
    {
        var result = CliProcess.Run(args).Expect(2);
        Assert.Contains(expected, result.Errors);
        Assert.Empty(result.Output);
    }

    /// <summary>An empty value takes back what a recipe says, and means nothing without one; values may begin with a space or a dash.</summary>
    [Fact]
    public void Values_may_be_empty_behind_a_recipe_and_begin_with_anything()
    {
        CliProcess.Run("train", "--plan", "--recipe", "compare", "--val-data", "", "--image-size", "32", "--arch", "resnet18", "--width", "0.125", "--loss", "simclr", "--batch-size", "4").Expect(0);
        Assert.Contains("--val-data needs a value, and an empty one was given", CliProcess.Run("train", "--plan", "--val-data", "").Expect(2).Errors);
        Assert.Contains("' nowhere' does not exist", CliProcess.Run("train", "--data", " nowhere").Expect(3).Errors);
        Assert.Contains("'-nowhere' does not exist", CliProcess.Run("train", "--data=-nowhere").Expect(3).Errors);
    }

    [Fact]
    public void Help_lists_the_verbs_and_every_verbs_help_its_options()
    {
        var help = CliProcess.Run("--help").Expect(0).Output;
        var verbs = typeof(Command).Assembly.GetTypes()
            .SelectMany(t => t.GetCustomAttributes(typeof(CommandLine.VerbAttribute), inherit: false).Cast<CommandLine.VerbAttribute>())
            .Select(v => v.Name).ToList();
        Assert.Contains("devices", verbs);
        Assert.All(verbs, verb =>
        {
            Assert.Contains($"  {verb} ", help);
            var own = CliProcess.Run(verb, "--nonsense", "x", "--help").Expect(0);
            Assert.Contains("--json", own.Output);
            Assert.Empty(own.Errors);
        });
    }

    [Fact]
    public void The_version_is_printed() => Assert.Matches(@"^xclr \d+\.\d+\.\d+\n$", CliProcess.Run("--version").Expect(0).Output);

    [Fact]
    public void Missing_data_are_named_and_return3()
    {
        Assert.Contains("'/nowhere/a.tar", CliProcess.Run("inspect", "/nowhere/a.tar").Expect(3).Errors);
        Assert.Contains("/nowhere.safetensors", CliProcess.Run("inspect", "/nowhere.safetensors").Expect(3).Errors);
        Assert.Contains("/nowhere.txt", CliProcess.Run("embed-text", "--captions", "/nowhere.txt", "--out", "o").Expect(3).Errors);
    }

    [Fact]
    public void Training_from_addresses_is_refused_with_the_command_that_fetches_them()
    {
        using var folder = new TempFolder();
        var table = folder.File("cc3m.tsv", "a dog\thttps://example.org/1.jpg\na cat\thttps://example.org/2.jpg\n");
        Assert.Contains($"xclr pack --from-urls '{table}' --out FOLDER", CliProcess.Run("train", "--data", table).Expect(3).Errors);
    }

    [Fact]
    public void A_set_is_packed_and_read_back()
    {
        using var folder = new TempFolder();
        var data = TinySet.Write(folder);
        var packed = folder.File("classes-only.txt", "") + "-shards";
        var json = CliProcess.Run(["pack", folder.Path, .. data.Skip(2), "--out", packed, "--shard-size", "10", "--json"]).Expect(0).Json;
        Assert.Equal((4, 32, 32), (json.GetProperty("shards").GetInt32(), json.GetProperty("rows").GetInt32(), json.GetProperty("good").GetInt32()));
        Assert.Equal(4, CliProcess.Run(["pack", folder.Path, .. data.Skip(2), "--out", packed, "--shard-size", "10", "--json"]).Expect(0).Json.GetProperty("resumed").GetInt32());
        var back = CliProcess.Run("inspect", packed, "--json").Expect(0).Json;
        Assert.Equal((32, "webdataset"), (back.GetProperty("good").GetInt32(), back.GetProperty("format").GetString()));
        Assert.Equal("a photo of a dark cellar", back.GetProperty("firstSamples")[0].GetProperty("caption").GetString());
    }

    [Fact]
    public void A_failure_shows_its_stack_trace_only_when_asked()
    {
        string[] args = ["inspect", "/nowhere/a.tar"];
        Assert.DoesNotContain("   at ", CliProcess.Run(args).Errors);
        var debug = new Dictionary<string, string?> { ["XCLR_DEBUG"] = "1" };
        Assert.Contains("   at XClr.", CliProcess.Run(CliProcess.Program, args, environment: debug).Expect(3).Errors);
    }
}
