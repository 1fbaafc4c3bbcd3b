using XClr.Data;
using Xunit;

namespace XClr.Cli.Tests;

/// <summary>`eval` on sets that lack something, and with files that say what is right.</summary>
public sealed class EvalTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Run => folder.File("run");

    /// <summary>Trains a step; returns the options that name the training set.</summary>
    private string[] Train()
    {
        var data = TinySet.Write(folder);
        CliProcess.Run(["train", .. data, .. TinySet.Network, "--run-dir", Run, "--steps", "1"]).Expect(0);
        return data;
    }

    private CliResult Eval(string protocol, params string[] more) => CliProcess.Run(["eval", "--checkpoint", Run, "--protocol", protocol, "--json", .. more]);

    private void WriteImage(string name, int seed)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
        var pixels = new byte[192];
        new Random(seed).NextBytes(pixels);
        PngFile.Write(folder.File(name), pixels, 8, 8);
    }

    [Fact]
    public void TrainingImagesWithoutLabelsLeaveTheOtherProtocols()
    {
        var data = TinySet.Write(folder);
        var captions = folder.File("captions.tsv", "path\tcaption\n" + string.Concat(Enumerable.Range(0, 8).Select(i => $"{i}.png\tphoto number {i}\n")));
        for (var i = 0; i < 8; i++)
            WriteImage($"{i}.png", i);
        string[] sets = ["--data", captions, "--val-data", folder.Path, .. data.Skip(2)];
        var values = CliProcess.Run(["train", .. sets, .. TinySet.Network, "--run-dir", Run, "--steps", "1", "--json"]).Expect(0).Json.GetProperty("after").GetProperty("values");
        Assert.True(values.TryGetProperty("fidelity", out _));
        var measured = Eval("knn,linear-aug,zeroshot", sets).Expect(0);
        Assert.Contains("k-NN and the linear probe were not measured: not all training images", measured.Errors);
        Assert.Contains("linear-aug was not measured", measured.Errors);
        Assert.InRange(measured.Json.GetProperty("results").GetProperty("zeroshot_top1").GetDouble(), 0, 1);
    }

    [Fact]
    public void TheProbeWithAugmentationTakesTheImagesThatCanBeUsed()
    {
        Train();
        for (var i = 0; i < 8; i++)
            WriteImage($"set/class{i % 2}/{i}.png", i);
        File.WriteAllText(folder.File("set/class0/bad.png"), "no image");
        string[] sets = ["--data", folder.File("set"), "--val-data", folder.File("set"), "--probe-epochs", "1"];
        int Images(params string[] more) => Eval("linear-aug", [.. sets, .. more]).Expect(0).Json.GetProperty("protocols")[0].GetProperty("trainingImages").GetInt32();
        Assert.Equal(9, Images());
        Assert.Equal(4, Images("--limit", "4"));
        string[] texts = [.. sets, "--caption-template", "a {class}"];
        Assert.Contains("4 training images are used, and the ridge map", Eval("zeroshot", [.. texts, "--limit", "4"]).Expect(3).Errors);
        Assert.Contains("100000000 images at a time", Eval("fidelity", [.. texts, "--batch-size", "100000000"]).Expect(2).Errors);
    }
}
