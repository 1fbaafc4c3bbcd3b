using System.Text;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>The order of a stream: the same for any number of workers and over stops, another each epoch.</summary>
public sealed class SampleStreamTests
{
    [Fact]
    public void Order_does_not_depend_on_the_number_of_workers()
    {
        using var folder = new TempFolder();
        using var data = FaultySet.Dataset(folder);
        var one = FaultySet.Run(data, FaultySet.Options(1), out var stream);
        Assert.Equal(2 * 4 * 57, one.Count);
        Assert.Equal(one, FaultySet.Run(data, FaultySet.Options(2), out _));
        Assert.Equal(one, FaultySet.Run(data, FaultySet.Options(5) with { Prefetch = 3, PrefetchBytes = 2000 }, out _));
        Assert.NotEqual(one, FaultySet.Run(data, FaultySet.Options(2) with { Seed = 6 }, out _));
        Assert.Equal(new StreamPosition(2, 0), stream.Position);
    }

    [Fact]
    public void Every_epoch_is_another_order_of_the_same_samples()
    {
        using var folder = new TempFolder();
        using var data = FaultySet.Dataset(folder);
        using var stream = new SampleStream(data, FaultySet.Options());
        var epochs = new List<string>[] { [], [] };
        foreach (var sample in stream.ReadAll())
        {
            epochs[sample.Epoch].Add(sample.Key);
            sample.Dispose();
        }
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.Equal(epochs[0].Order(), epochs[1].Order());
        Assert.Equal(4 * 57, epochs[0].Distinct().Count());
    }

    [Theory]
    [InlineData(0), InlineData(1), InlineData(100), InlineData(228), InlineData(300), InlineData(456)]
    public void Resume_goes_on_as_if_unbroken(int delivered)
    {
        using var folder = new TempFolder();
        using var data = FaultySet.Dataset(folder);
        var whole = FaultySet.Run(data, FaultySet.Options(), out _);
        var first = FaultySet.Run(data, FaultySet.Options(3), out var stream, most: delivered);
        var second = FaultySet.Run(data, FaultySet.Options() with { StartAt = stream.Position }, out _);
        Assert.Equal(whole, first.Concat(second));
    }

    [Fact]
    public void Sequential_keeps_the_files_order_and_whole_images()
    {
        using var folder = new TempFolder();
        using var data = FaultySet.Dataset(folder);
        using var stream = new SampleStream(data, new() { Shuffle = false, Workers = 3 });
        var last = "";
        var count = 0;
        foreach (var sample in stream.ReadAll())
        {
            Assert.True(string.CompareOrdinal(last, sample.Key) < 0);
            Assert.Equal((16, 12, 0), (sample.Image.Width, sample.Image.Height, sample.Views.Count));
            Assert.InRange(sample.Image.Pixels[0], int.Parse(sample.Key) % 256 - 3, int.Parse(sample.Key) % 256 + 3);
            Assert.Equal(int.Parse(sample.Key) % 10, sample.Label);
            last = sample.Key;
            count++;
            sample.Dispose();
        }
        Assert.Equal(4 * 58, count);
    }

    [Fact]
    public void Ranks_draw_different_views()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", TestShards.Samples(6));
        using var data = new WebDatasetReader(folder);
        var views = new List<AugmentParams>();
        for (var rank = 0; rank < 2; rank++)
        {
            using var stream = new SampleStream(data, new() { Augment = FaultySet.Simclr, Shuffle = false, Rank = rank, WorldSize = 2 });
            foreach (var sample in stream.ReadAll())
            {
                views.AddRange(sample.Views);
                sample.Dispose();
            }
        }
        Assert.Equal(12, views.Distinct().Count());
    }

    [Fact]
    public void One_of_several_captions_is_drawn_each_epoch_all_equally_likely()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", Enumerable.Range(0, 40).SelectMany(i => new[]
        {
            ($"{i:D3}.jpg", TestImages.Solid(i)), ($"{i:D3}.json", Encoding.UTF8.GetBytes($$"""{"captions": ["{{i}} one", "{{i}} two", "{{i}} three"]}""")),
        }));
        using var data = new WebDatasetReader(folder);
        List<string> Captions(CaptionUse use, int workers = 2) => FaultySet.Run(data, new() { Seed = 2, EndEpoch = 30, ShuffleBuffer = 8, Workers = workers, Captions = use }, out _)
            .ConvertAll(s => string.Join(' ', s.Split(' ')[3..5]));
        Assert.All(Captions(CaptionUse.First), c => Assert.EndsWith("one", c));
        Assert.All(Captions(CaptionUse.Mean), c => Assert.EndsWith("one", c));
        var drawn = Captions(CaptionUse.Draw);
        // 1,200 draws of one third: 400, standard deviation 16.3.
        Assert.All(drawn.GroupBy(c => c.Split(' ')[1]), g => Assert.InRange(g.Count(), 330, 470));
        Assert.Equal(3 * 40, drawn.Distinct().Count());
        Assert.Equal(drawn, Captions(CaptionUse.Draw, 1));
    }
}
