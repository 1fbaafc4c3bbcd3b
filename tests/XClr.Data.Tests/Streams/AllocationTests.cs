using System.Text;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>What a stream allocates once its pools are full, and what becomes of those who hold on to what it uses again.</summary>
[Collection(Alone.Name)]
public class AllocationTests
{
    private const int Samples = 2000;

    // A shard's reader and an epoch's list take some; a string or an object for each sample would take more.
    private const double MostBytesASample = 24;

    // Until the pools are full, and code is compiled in full: what .NET compiles first allocates where the final code does not.
    private const int MostPasses = 100;

    [Theory]
    [InlineData("set.tar")]
    [InlineData("set.tar.gz")]
    public void A_stream_in_steady_state_allocates_nothing_for_a_sample(string name)
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder, name, Samples);
        using var stream = new SampleStream(data, Options());
        var perSample = double.MaxValue;
        for (var pass = 0; pass < MostPasses && perSample > MostBytesASample; pass++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Take(stream, 4 * Samples);
            perSample = (GC.GetTotalAllocatedBytes(precise: true) - before) / (4.0 * Samples);
        }
        Assert.InRange(perSample, 0, MostBytesASample);
    }

    [Fact]
    public void A_sample_that_was_given_back_throws_whatever_became_of_its_memory()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder, "set.tar", 20);
        using var stream = new SampleStream(data, Options() with { Shuffle = false, Prefetch = 1, Workers = 1 });
        var first = stream.Next()!.Value;
        var image = first.Image;
        Assert.Equal(("000000", "caption 0"), (first.Key, first.Caption));
        first.Dispose();
        for (var i = 1; i < 20; i++)
        {
            using var later = stream.Next()!.Value;
            // It ends no lease but its own.
            first.Dispose();
            image.Dispose();
            Assert.Equal(($"{i:D6}", $"caption {i}", 2), (later.Key, later.CaptionText.ToString(), later.Views.Count));
            Assert.Equal(later.Image.ByteCount, later.Image.Pixels.Length);
            Assert.Throws<ObjectDisposedException>(() => first.Key);
            Assert.Throws<ObjectDisposedException>(() => first.CaptionText.Length);
            Assert.Throws<ObjectDisposedException>(() => first.Views);
            Assert.Throws<ObjectDisposedException>(() => first.Image);
            Assert.Throws<ObjectDisposedException>(() => image.Pixels.Length);
        }
    }

    [Fact]
    public void Who_enumerates_a_set_keeps_what_he_gets()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder, "set.tar.gz", 20);
        var all = data.Read(ReadOrder.Sequential).ToList();
        Assert.Equal(Enumerable.Range(0, 20).Select(i => ($"{i:D6}", $"caption {i}", (int?)(i % 3))), all.Select(s => (s.Key, s.Caption!, s.Label)));
        Assert.All(all, s => Assert.Equal([s.Caption!, "another"], s.Captions));
    }

    private static SampleStreamOptions Options() => new()
    {
        Workers = 2, ShuffleBuffer = 100, Prefetch = 32, Augment = AugmentSettings.Preset("simclr"), OutputSize = 8, EndEpoch = int.MaxValue, Captions = CaptionUse.First,
    };

    private static WebDatasetReader Dataset(TempFolder folder, string name, int samples)
    {
        var image = TestImages.Solid(200);
        return new(folder.Shard(name, Enumerable.Range(0, samples).SelectMany(i => new (string, byte[])[]
        {
            ($"{i:D6}.jpg", image),
            ($"{i:D6}.txt", Encoding.UTF8.GetBytes($"caption {i}\n")),
            ($"{i:D6}.json", Encoding.UTF8.GetBytes($$"""{"captions": ["caption {{i}}", "an\u006fther"], "label": {{i % 3}}, "url": "x"}""")),
        })));
    }

    private static void Take(SampleStream stream, int count)
    {
        var letters = 0;
        for (var i = 0; i < count; i++)
        {
            using var sample = stream.Next()!.Value;
            letters += sample.CaptionText.Length + sample.Views.Count + sample.Image.Pixels[0];
        }
        Assert.True(letters > count);
    }
}
