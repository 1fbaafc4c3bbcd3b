using XClr.Data;
using Xunit;

namespace XClr.Train.Tests;

public sealed class BatchCaptionsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("xclr-captions-").FullName;
    private readonly CaptionSource source = CaptionSource.Open("static-minilm-128", "cpu", []);

    [Theory]
    [InlineData(CaptionUse.First)]
    [InlineData(CaptionUse.Mean)]
    public void Samples_without_a_known_word_are_left_out_and_those_behind_take_their_rows(CaptionUse use)
    {
        var captions = new BatchCaptions(source, use);
        var width = captions.Width;
        // What no store has yet.
        string New(string words) => $"{words} {Guid.NewGuid():N}";
        string[] known = [New("a red house"), New("two ships")];
        var samples = Samples("a dog", "\u200b", known[0], "\u2060\u200b", known[1]);
        var (text, dropped) = (Enumerable.Repeat(7f, 5 * width).ToArray(), new List<Sample>());
        captions.Embed(samples, first: 1, text, dropped);
        Assert.Equal(["a dog", .. known], samples.Select(s => s.Caption));
        Assert.Equal(["\u200b", "\u2060\u200b"], dropped.Select(s => s.Caption));
        Assert.All(text[..width], v => Assert.Equal(7, v));
        RequireClose(source.Embed(known), text[width..(3 * width)]);

        // A smaller batch, in the same memory.
        var last = New("a lamp");
        captions.Embed(Samples(last), first: 0, text, dropped);
        RequireClose(source.Embed([last]), text[..width]);
        Assert.Equal(2, dropped.Count);
    }

    [Fact]
    public void A_caption_is_repeated_where_another_sample_of_the_batch_has_it()
    {
        var captions = new BatchCaptions(source, CaptionUse.First);
        Assert.Equal(0.6, captions.RepeatedShare(Samples("a dog", "a ship", "a dog", "a lamp", "a dog")));
        Assert.Equal(0, captions.RepeatedShare(Samples("a dog", "a ship")));
        Assert.Equal(1, captions.RepeatedShare(Samples("a dog", "a dog")));
    }

    public void Dispose()
    {
        source.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    // In that order.
    private List<Sample> Samples(params string[] captions)
    {
        PngFile.Write(Path.Combine(folder, "image.png"), new byte[3 * 8 * 8], 8, 8);
        var table = Path.Combine(folder, $"{Guid.NewGuid():N}.tsv");
        File.WriteAllLines(table, ["path\tcaption", .. captions.Select(c => $"image.png\t{c}")]);
        using var data = DatasetFactory.Open(table);
        using var stream = new SampleStream(data, new SampleStreamOptions { Shuffle = false });
        return [.. stream.ReadAll()];
    }

    private static void RequireClose(float[] expected, float[] actual) => Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-6f));
}
