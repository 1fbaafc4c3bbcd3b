using System.Text.Json;
using XClr.Data;

namespace XClr.Cli.Tests;

/// <summary>`eval` on sets that lack something, and with files that say what is right.</summary>
public sealed class EvalTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Run => folder.File("run");

    /// <summary>Trains a step; returns the options that name the training set.</summary>
    private string[] Train()
    {
        var data = TinySet.Write(folder);
        CliProcess.Run(["train", .. data, .. TinySet.Network, "--run-dir", Run, "--steps", "1"]).Expect(0);
        return data;
    }

    private ProgramResult Eval(string protocol, params string[] more) => CliProcess.Run(["eval", "--checkpoint", Run, "--protocol", protocol, "--json", .. more]);

    [Fact]
    public void Training_images_without_labels_leave_the_other_protocols()
    {
        var data = TinySet.Write(folder);
        var captions = folder.File("captions.tsv", "path\tcaption\n" + string.Concat(Enumerable.Range(0, 8).Select(i => $"{i}.png\tphoto number {i}\n")));
        for (var i = 0; i < 8; i++)
        {
            folder.WriteNoisePng($"{i}.png", 8, seed: i);
        }
        string[] sets = ["--data", captions, "--val-data", folder.Path, .. data.Skip(2)];
        var values = CliProcess.Run(["train", .. sets, .. TinySet.Network, "--run-dir", Run, "--steps", "1", "--json"]).Expect(0).Json.GetProperty("after").GetProperty("values");
        Assert.True(values.TryGetProperty("fidelity", out _));
        var measured = Eval("knn,linear-aug,zeroshot", sets).Expect(0);
        Assert.Contains("k-NN and the linear probe were not measured: not all training images", measured.Errors);
        Assert.Contains("linear-aug was not measured", measured.Errors);
        Assert.InRange(measured.Json.GetProperty("results").GetProperty("zeroshot_top1").GetDouble(), 0, 1);

        // Of other noise, which the map knows nothing of: the two directions differ.
        var others = folder.File("others.tsv", "path\tcaption\n" + string.Concat(Enumerable.Range(0, 12).Select(i => $"others/{i}.png\tpicture {i % 11} of another set\n")));
        for (var i = 0; i < 12; i++)
        {
            folder.WriteNoisePng($"others/{i}.png", 8, seed: 100 + i);
        }
        var found = Eval("retrieval", "--data", captions, "--val-data", others).Expect(0).Json;
        var (results, retrieval) = (found.GetProperty("results"), found.GetProperty("protocols")[0].GetProperty("retrieval"));
        double[] Recalls(string direction) => [.. new[] { "r1", "r5", "r10" }.Select(k => retrieval.GetProperty(direction).GetProperty(k).GetDouble())];
        Assert.NotEqual(Recalls("imageToText"), Recalls("textToImage"));
        Assert.Equal(Recalls("imageToText"), new[] { "1", "5", "10" }.Select(k => results.GetProperty($"image_to_text_r{k}").GetDouble()));
        Assert.Equal(Recalls("textToImage"), new[] { "1", "5", "10" }.Select(k => results.GetProperty($"text_to_image_r{k}").GetDouble()));
    }

    [Fact]
    public void The_probe_with_augmentation_takes_the_images_that_can_be_used()
    {
        Train();
        for (var i = 0; i < 8; i++)
        {
            folder.WriteNoisePng($"set/class{i % 2}/{i}.png", 8, seed: i);
        }
        File.WriteAllText(folder.File("set/class0/bad.png"), "no image");
        string[] sets = ["--data", folder.File("set"), "--val-data", folder.File("set"), "--probe-epochs", "1"];
        int Images(params string[] more) => Eval("linear-aug", [.. sets, .. more]).Expect(0).Json.GetProperty("protocols")[0].GetProperty("trainingImages").GetInt32();
        Assert.Equal(9, Images());
        Assert.Equal(4, Images("--limit", "4"));
        string[] texts = [.. sets, "--caption-template", "a {class}"];
        Assert.Contains("training images with captions at least; '" + folder.File("set") + "' has 4 of 4; raise --limit", Eval("zeroshot", [.. texts, "--limit", "4"]).Expect(3).Errors);
        Assert.Contains("100000000 images at a time", Eval("fidelity", [.. texts, "--batch-size", "100000000"]).Expect(2).Errors);
    }

    [Fact]
    public void Files_say_which_classes_are_right_and_how_they_are_called()
    {
        var data = Train();
        // Both trained classes are of the group 0; the group 1 has none, so that its image does not count.
        foreach (var (name, i) in new[] { "00_room", "01_sea" }.Select((n, i) => (n, i)))
        {
            folder.WriteNoisePng($"groups/{name}/1.png", 8, seed: i);
        }
        var answers = folder.File("in_to_in9.json", """{ "0": 0, "1": 0 }""");
        var grouped = Eval("knn", [.. data, "--val-data", folder.File("groups"), "--answers", answers]).Expect(0).Json;
        Assert.Equal(1, grouped.GetProperty("results").GetProperty("knn_top1").GetDouble());
        Assert.Equal(1, grouped.GetProperty("protocols")[0].GetProperty("classification").GetProperty("confusion").EnumerateArray().Sum(c => c.GetProperty("images").GetInt32()));

        foreach (var (name, i) in new[] { "old bear", "new bear", "old tree", "new tree", "adj tree" }.Select((n, i) => (n, i)))
        {
            folder.WriteNoisePng($"states/{name}/1.png", 8, seed: i);
        }
        var templates = folder.File("templates.txt", "a {}\none {class}, drawn\n");
        string[] states = ["--data", folder.File("states"), "--val-data", folder.File("states"), "--caption-template", "a {class}", "--templates", templates];
        IEnumerable<string?> Classes(JsonElement protocol) => protocol.GetProperty("classification").GetProperty("perClass").EnumerateArray().Select(c => c.GetProperty("name").GetString());
        var nouns = Eval("knn,zeroshot", [.. states, "--class-part", "noun"]).Expect(0).Json.GetProperty("protocols");
        Assert.Equal(["bear", "tree"], Classes(nouns[0]));
        Assert.Equal(2, nouns[1].GetProperty("templates").GetInt32());
        // "adj" stands for no adjective.
        var adjectives = Eval("knn", [.. states, "--class-part", "adjective"]).Expect(0).Json.GetProperty("protocols")[0];
        Assert.Equal(["new", "old"], Classes(adjectives));
        Assert.Equal(4, adjectives.GetProperty("trainingImages").GetInt32());
    }
}
