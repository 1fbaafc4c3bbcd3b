using XClr.Nn;
using XClr.Text;

namespace XClr.Cli.Tests;

public sealed class EmbedTextTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static float[] Reference(params string[] captions)
    {
        using var embedder = CaptionEmbedder.Open(CaptionEmbedder.Default);
        var rows = new float[captions.Length * embedder.Dimension];
        embedder.Embed(captions, rows);
        return rows;
    }

    [Theory]
    [InlineData("c.txt", "a dog\na red car\na dog\n")]
    [InlineData("c.jsonl", "\"a dog\"\n{\"caption\": \"a red car\"}\n\"a dog\"\n")]
    public void Rows_are_the_captions_in_order(string name, string text)
    {
        var outFile = folder.File("e.safetensors");
        var json = CliProcess.Run("embed-text", "--captions", folder.File(name, text), "--out", outFile, "--json").Expect(0).Json;
        Assert.Equal((3, 128), (json.GetProperty("captions").GetInt32(), json.GetProperty("dimension").GetInt32()));
        using var file = SafetensorsFile.Open(outFile);
        file.Require("embeddings", 3, 128);
        var rows = file.ReadFloat32("embeddings");
        Assert.Equal(Reference("a dog", "a red car", "a dog"), rows);
        Assert.Equal(1, rows.Take(128).Sum(x => x * x), tolerance: 1e-5); // float32 normalisation
    }

    [Fact]
    public void A_data_set_gives_its_captions()
    {
        var table = folder.File("set.csv", "path,caption\na.jpg,a dog\nb.jpg,a red car\n");
        var outFile = folder.File("e.safetensors");
        Assert.Contains("embeddings [2,128]", CliProcess.Run("embed-text", "--captions", table, "--out", outFile).Expect(0).Output);
        using var file = SafetensorsFile.Open(outFile);
        Assert.Equal(Reference("a dog", "a red car"), file.ReadFloat32("embeddings"));
    }

    [Fact]
    public void An_unknown_encoder_or_provider_returns3()
    {
        var captions = folder.File("c.txt", "a dog\n");
        Assert.Contains("nowhere", CliProcess.Run("embed-text", "--captions", captions, "--out", "o", "--text-encoder", "/nowhere").Expect(3).Errors);
        Assert.Contains("warp", CliProcess.Run("embed-text", "--captions", captions, "--out", "o", "--text-provider", "warp").Expect(3).Errors);
    }
}
