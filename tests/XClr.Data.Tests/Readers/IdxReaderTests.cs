namespace XClr.Data.Tests;

/// <summary>Grey images in the IDX format.</summary>
public sealed class IdxReaderTests
{
    [Theory]
    [InlineData("")]
    [InlineData(".gz")]
    public void Idx_gives_grey_pixels_as_rgb(string suffix)
    {
        using var folder = new TempFolder();
        WriteIdx(folder, "train", suffix, 5, 4, 3);
        WriteIdx(folder, "t10k", suffix, 2, 4, 3);
        var s = DatasetReading.ReadAll(folder, "idx");
        Assert.Equal([0, 1, 2, 3, 4], s.Select(x => x.Label));
        Assert.Equal(2, DatasetReading.ReadAll(folder, "idx", new() { Split = "test" }).Count);
        using var data = DatasetFactory.Open(folder);
        Assert.Null(data.Classes);
        using var stream = new SampleStream(data, new() { Shuffle = false, Augment = AugmentSettings.Preset("light"), OutputSize = 4 });
        stream.Next()!.Value.Dispose();
        using var sample = stream.Next()!.Value;
        Assert.Equal((3, 4), (sample.Image.Width, sample.Image.Height));
        Assert.Equal([12, 12, 12, 13, 13, 13], sample.Image.Pixels[..6].ToArray());
        Assert.Equal(2, sample.Views.Count);
    }

    [Fact]
    public void Idx_damage_is_named()
    {
        using var folder = new TempFolder();
        WriteIdx(folder, "train", "", 5, 4, 3);
        var images = Path.Combine(folder, "train-images-idx3-ubyte");
        var labels = Path.Combine(folder, "train-labels-idx1-ubyte");
        Assert.Contains("t10k-images-idx3-ubyte", DatasetReading.Error(folder, new() { Split = "test" }));
        var bytes = File.ReadAllBytes(images);
        File.WriteAllBytes(images, bytes[..^1]);
        Assert.Contains("59 bytes of data, 60 expected", DatasetReading.Error(folder));
        File.WriteAllBytes(images, [.. new byte[] { 0, 0, 13, 3 }, .. bytes[4..]]);
        Assert.Contains("00000D03", DatasetReading.Error(folder));
        File.WriteAllBytes(images, []);
        Assert.Contains(images, DatasetReading.Error(folder));
        File.WriteAllBytes(images, bytes);
        File.Delete(labels);
        Assert.Contains("no label file", DatasetReading.Error(folder));
        WriteIdx(folder, "train", "", 0, 4, 3);
        Assert.Contains("holds no images", DatasetReading.Error(folder));
        folder.File("train-images-idx3-ubyte", []);
        File.WriteAllText(Path.Combine(folder, "train-images-idx3-ubyte.gz"), "not gzip");
        Assert.Contains("cannot be read", DatasetReading.Error(Path.Combine(folder, "train-images-idx3-ubyte.gz")));
    }

    // Pixel i of all is i, image i of the class i % 10.
    private static void WriteIdx(TempFolder folder, string prefix, string suffix, int count, int height, int width) =>
        IdxFiles.Write(folder, prefix, height, width, [.. Enumerable.Range(0, count * height * width).Select(i => (byte)i)], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 10))], gzip: suffix != "");
}
