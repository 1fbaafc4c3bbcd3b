using System.Text.Json;
using XClr.Data;
using XClr.Nn;

namespace XClr.Cli.Tests;

/// <summary>`--loss supervised`: a classifier under torchvision's names, from labels.</summary>
public sealed class SupervisedTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Run => folder.File("run");

    private static ProgramResult Train(string[] data, params string[] more) => CliProcess.Run(["train", .. data, .. TinySet.Network, "--log-every", "1", .. more]);

    [Fact]
    public void A_classifier_learns_is_saved_as_torchvisions_fc_and_measured()
    {
        var data = TinySet.Write(folder)[..4];
        string[] supervised = ["--loss", "supervised", "--run-dir", Run, "--val-data", folder.Path];
        Train(data, [.. supervised, "--steps", "30"]).Expect(0);
        var outcome = Train(data, [.. supervised, "--steps", "60", "--resume", "auto"]).Expect(0);
        Assert.Matches("classifier top-1 accuracy +(1.000|0.9)", outcome.Output);
        var lines = JsonLines.ReadSteps(Run);
        double Mean(string name, Range steps) => lines[steps].Average(l => l.GetProperty(name).GetDouble());
        Assert.Equal(60, lines.Count);
        Assert.True(Mean("top1", 50..) is > 0.85 and <= 1, $"top-1 of the last ten batches {Mean("top1", 50..)}, of the first {Mean("top1", ..10)}");
        Assert.True(Mean("loss", 50..) < 0.7 * Mean("loss", ..10));

        var path = CheckpointPath.Resolve(Run);
        using (var head = SafetensorsFile.Open(path.Head!))
        {
            Assert.Equal(["fc.bias", "fc.weight"], head.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
            head.Require("fc.weight", 2, 32);
            head.Require("fc.bias", 2);
        }
        using (var model = SafetensorsFile.Open(path.Model))
        {
            Assert.DoesNotContain(model.Tensors, t => t.Name.StartsWith("fc", StringComparison.Ordinal));
        }

        var results = CliProcess.Run(["eval", "--checkpoint", Run, .. data, "--val-data", folder.Path, "--protocol", "knn", "--json"]).Expect(0).Json.GetProperty("results");
        Assert.True(results.GetProperty("head_top1").GetDouble() > 0.9);
        CliProcess.Run(["embed-images", "--checkpoint", Run, "--data", folder.Path, "--out", folder.File("e.safetensors")]).Expect(0);
        using var embedded = SafetensorsFile.Open(folder.File("e.safetensors"));
        embedded.Require("logits", 32, 2);
        Assert.False(embedded.Contains("projections"));
    }

    [Fact]
    public void It_needs_labels_and_their_number_of_classes()
    {
        var captions = folder.File("captions.csv", "path,caption\na.png,a dog\nb.png,a cat\n");
        var numbers = folder.File("numbers.csv", "path,label\na.png,0\nb.png,1\n");
        foreach (var name in "ab")
        {
            folder.WritePng($"{name}.png", 8, _ => 0);
        }
        Assert.Contains($"'{captions}' has no labels, which --loss supervised needs", Train(["--data", captions], "--loss", "supervised").Expect(3).Errors);
        Assert.Contains($"'{captions}' has no labels, which --loss supcon needs", Train(["--data", captions], "--loss", "supcon").Expect(3).Errors);
        Assert.Contains($"'{numbers}' has no class names, which --loss supervised counts; name a --classes file", Train(["--data", numbers], "--loss", "supervised").Expect(3).Errors);
        Assert.Contains("--loss supervised needs --data", Train([], "--loss", "supervised", "--plan").Expect(2).Errors);
    }

    [Fact]
    public void Held_out_classes_that_cannot_be_matched_leave_the_classifier_out()
    {
        Train(TinySet.Write(folder)[..4], "--loss", "supervised", "--run-dir", Run, "--steps", "1").Expect(0);
        for (var i = 0; i < 4; i++)
        {
            folder.WritePng($"val/bright sky/{i}.png", 8, b => (byte)(b * i));
        }
        string[] eval = ["eval", "--checkpoint", Run, "--val-data", folder.File("val"), "--protocol", "fidelity", "--caption-template", "a {class}"];
        var result = CliProcess.Run([.. eval, "--json"]).Expect(0);
        Assert.Contains("the classifier was not measured: it has 2 classes, and", result.Errors);
        Assert.False(result.Json.GetProperty("results").TryGetProperty("head_top1", out _));
    }
}
