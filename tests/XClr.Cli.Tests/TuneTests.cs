using System.Text.Json;

namespace XClr.Cli.Tests;

public sealed class TuneTests
{
    private static readonly string[] Network = ["--arch", "resnet18", "--image-size", "32"];

    [Fact]
    public void Every_convolution_is_measured_and_later_runs_take_what_was_chosen()
    {
        using var folder = new TempFolder();
        var environment = new Dictionary<string, string?> { ["XCLR_CACHE"] = folder.Path };
        JsonElement Run(string[] args) => CliProcess.Run(CliProcess.Program, args, environment: environment).Expect(0).Json;
        string[] plan = ["train", "--plan", .. Network, "--batch-size", "2", "--loss", "simclr", "--json"];

        var tuned = Run(["tune", .. Network, "--rows", "4", "--repeats", "1", "--json"]);
        var works = tuned.GetProperty("works").EnumerateArray().ToList();
        // 20 convolutions and the projector's two layers forward and for their weights, one less for the data.
        Assert.Equal(22 + 22 + 21, works.Sum(w => w.GetProperty("count").GetInt32()));
        Assert.All(works, w => Assert.True(w.GetProperty("beforeMs").GetDouble() >= w.GetProperty("bestMs").GetDouble() && w.GetProperty("bestMs").GetDouble() > 0));
        var file = tuned.GetProperty("file").GetString()!;
        var kept = JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("ways").EnumerateObject().ToDictionary(w => w.Name, w => w.Value.GetString());
        Assert.Equal(works.Where(w => w.GetProperty("changed").GetBoolean()).Select(w => w.GetProperty("work").GetString()).Order(StringComparer.Ordinal), kept.Keys.Order(StringComparer.Ordinal));

        // A choice written by hand shows whether runs take it: the narrow kernel where the model has the wide one.
        const string Layer = "conv2d_fwd 4x4x4x128 k128 3x3 s1 p1 Float32 stats";
        var narrow = new Dictionary<string, string?> { [Layer] = "Word 16x64" };
        var text = File.ReadAllText(file);
        File.WriteAllText(file, $"{text[..text.IndexOf("\"ways\"", StringComparison.Ordinal)]}\"ways\": {JsonSerializer.Serialize(narrow)}}}");
        int Dispatches(JsonElement report, string kernel) => report.GetProperty("kernels").EnumerateArray().Where(k => k.GetProperty("kernel").GetString() == kernel).Sum(k => k.GetProperty("dispatches").GetInt32());
        var with = Run(plan);
        environment["XCLR_CAPS"] = "usesTuning=0";
        var without = Run(plan);
        Assert.Equal((3, 0), (with.GetProperty("tuning").GetProperty("measured").GetInt32(), without.GetProperty("tuning").GetProperty("measured").GetInt32()));
        Assert.NotEqual(with.GetProperty("fingerprint").GetString(), without.GetProperty("fingerprint").GetString());
        if (Dispatches(without, "conv/conv2d_fwd_word_wide") > 0)
        {
            Assert.Equal(Dispatches(without, "conv/conv2d_fwd_word") + 3, Dispatches(with, "conv/conv2d_fwd_word"));
        }

        environment["XCLR_CAPS"] = null;
        // 20 convolutions, each with its batch norm folded in.
        var embedding = Run(["tune", "forward", .. Network, "--rows", "1", "--repeats", "1", "--json"]).GetProperty("works").EnumerateArray().ToList();
        Assert.Equal(20, embedding.Sum(w => w.GetProperty("count").GetInt32()));
        Assert.All(embedding, w => Assert.Contains(" stored", w.GetProperty("work").GetString()));
        Assert.Equal(narrow[Layer], JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("ways").GetProperty(Layer).GetString());
        string[] bench = ["bench", "step", .. Network, "--rows", "4", "--repeats", "1", "--json"];
        Assert.Equal(3, Run(bench).GetProperty("result").GetProperty("tuning").GetProperty("measured").GetInt32());

        // A resumed run keeps its choices, measured or not, whatever the file says by then.
        var measured = File.ReadAllText(file);
        var unmeasured = measured.Replace("Word 16x64", "unknown", StringComparison.Ordinal).Replace(Layer, "unknown", StringComparison.Ordinal);
        string[] data = TinySet.Write(folder);
        foreach (var (before, after, expected) in new[] { (measured, unmeasured, 3), (unmeasured, measured, 0) })
        {
            ProgramResult Train(int steps, string content)
            {
                File.WriteAllText(file, content);
                return CliProcess.Run(CliProcess.Program, ["train", .. data, .. Network, "--batch-size", "2", "--loss", "simclr", "--steps", $"{steps}", "--run-dir", folder.File($"run-{expected}"), "--resume", "auto"], environment: environment).Expect(0);
            }
            foreach (var outcome in new[] { Train(1, before), Train(2, after) })
            {
                Assert.DoesNotContain("plan differs", outcome.Errors);
                Assert.Equal(expected > 0, outcome.Errors.Contains($"choices: {expected} of ", StringComparison.Ordinal));
            }
        }

        File.WriteAllText(file, text[..20]);
        var damaged = CliProcess.Run(CliProcess.Program, bench, environment: environment).Expect(0);
        Assert.Contains($"warning: {file}: it cannot be read", damaged.Errors);
        Assert.Equal(0, damaged.Json.GetProperty("result").GetProperty("tuning").GetProperty("measured").GetInt32());
    }

    [Theory]
    [InlineData("--rows", "3")]
    [InlineData("--arch", "vgg16")]
    [InlineData("--precision", "int8")]
    [InlineData("--repeats", "0")]
    [InlineData("backward")]
    [InlineData("forward", "--precision", "amp")]
    public void What_cannot_be_tuned_is_a_usage_error(params string[] arguments) => CliProcess.Run(["tune", .. arguments]).Expect(2);

    [Fact]
    public void Only_what_matches_is_measured_and_the_rest_is_left_alone()
    {
        using var folder = new TempFolder();
        ProgramResult Run(string filter) =>
            CliProcess.Run(CliProcess.Program, ["tune", .. Network, "--rows", "4", "--repeats", "1", "--filter", filter, "--json"], environment: new Dictionary<string, string?> { ["XCLR_CACHE"] = folder.Path });
        var works = Run("conv2d_fwd *k64 3x3*").Expect(0).Json.GetProperty("works").EnumerateArray().ToList();
        Assert.All(works, w => Assert.Matches("^conv2d_fwd .* k64 3x3", w.GetProperty("work").GetString()));
        Assert.Equal(4, works.Sum(w => w.GetProperty("count").GetInt32()));
        // Every way with its time, the chosen one among them.
        Assert.All(works, w => Assert.Equal(w.GetProperty("bestMs").GetDouble(), w.GetProperty("measured").GetProperty(w.GetProperty("best").GetString()!).GetDouble()));
        Assert.Contains("--filter nothing", Run("nothing").Expect(2).Errors);
    }
}
