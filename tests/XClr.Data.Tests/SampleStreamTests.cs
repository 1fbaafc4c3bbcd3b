using System.Text.Json;
using XClr.Data.Readers;
using Xunit;

namespace XClr.Data.Tests;

public class SampleStreamTests
{
    private static readonly AugmentSettings Simclr = AugmentSettings.Preset("simclr");

    // Four shards of 60 samples; in each, one image is cut short, one is empty, and one sample has no caption.
    private static WebDatasetReader Dataset(TempFolder folder, string suffix = ".tar")
    {
        for (var shard = 0; shard < 4; shard++)
        {
            var members = TempFolder.Samples(60, shard * 60).ToList();
            members[3 * 7] = (members[3 * 7].Item1, members[3 * 7].Item2[..200]);
            members[3 * 21] = (members[3 * 21].Item1, []);
            members.RemoveAt(3 * 40 + 1);
            folder.Shard($"{shard:D5}{suffix}", members);
        }
        return new(folder);
    }

    private static SampleStreamOptions Options(int workers = 2) => new()
    {
        Seed = 5, Workers = workers, EndEpoch = 2, ShuffleBuffer = 50, RequireCaption = true, Augment = Simclr, OutputSize = 8,
    };

    private static List<string> Run(IImageDataset data, SampleStreamOptions options, out SampleStream stream, int most = int.MaxValue)
    {
        var seen = new List<string>();
        using (stream = new SampleStream(data, options))
        {
            while (seen.Count < most && stream.Next() is { } sample)
            {
                using (sample)
                {
                    var pixels = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(sample.Image.Pixels));
                    seen.Add($"{sample.Epoch} {sample.Index} {sample.Key} {sample.Caption} {sample.Label} {string.Join(" ", sample.Views)} {pixels}");
                }
            }
        }
        return seen;
    }

    /// <summary>Three good samples, and in the next epoch two bad ones.</summary>
    [Fact]
    public void An_epoch_without_a_good_sample_says_its_own_causes_and_the_first()
    {
        using var folder = new TempFolder();
        var path = folder.Shard("0.tar", TempFolder.Samples(3));
        using var data = DatasetFactory.Open(path);
        using var stream = new SampleStream(data, new() { Shuffle = false, EndEpoch = 3, RequireCaption = true, RequireLabel = true, Prefetch = 1 });
        var seen = 0;
        var message = Assert.Throws<DataException>(() =>
        {
            while (stream.Next() is { } sample)
            {
                using (sample)
                {
                    if (++seen == 1)
                    {
                        folder.Shard("0.tar", [("7.jpg", TempFolder.Image(1)), ("7.cls", "cat"u8.ToArray()), ("8.jpg", TempFolder.Image(1))]);
                    }
                }
            }
        }).Message;
        Assert.Contains("none of 2 samples can be used: 1 no-caption, 1 bad-label; the first is '7': 'cat' is no class index; a classes file would say it.", message);
    }

    /// <summary>Such as one whose caption holds no known word.</summary>
    [Fact]
    public void Samples_that_their_taker_cannot_use_are_bad_ones()
    {
        using var folder = new TempFolder();
        using var data = DatasetFactory.Open(folder.Shard("0.tar", TempFolder.Samples(3)));
        using var stream = new SampleStream(data, new() { Shuffle = false });
        for (var i = 0; i < 3; i++)
        {
            using var sample = stream.Next()!.Value;
            stream.Reject(sample, SampleFault.EmptyCaption, "of no use");
        }
        Assert.Equal((0, 3), (stream.Delivered, stream.SkippedCount));
        Assert.Contains("none of 3 samples can be used: 3 empty-caption; the first is '00000': of no use", Assert.Throws<DataException>(() => stream.Next()).Message);
    }

    [Fact]
    public void Order_does_not_depend_on_the_number_of_workers()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder);
        var one = Run(data, Options(1), out var stream);
        Assert.Equal(2 * 4 * 57, one.Count);
        Assert.Equal(one, Run(data, Options(2), out _));
        Assert.Equal(one, Run(data, Options(5) with { Prefetch = 3, PrefetchBytes = 2000 }, out _));
        Assert.NotEqual(one, Run(data, Options(2) with { Seed = 6 }, out _));
        Assert.Equal(new StreamPosition(2, 0), stream.Position);
    }

    [Fact]
    public void Every_epoch_is_another_order_of_the_same_samples()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder);
        using var stream = new SampleStream(data, Options());
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
        using var data = Dataset(folder);
        var whole = Run(data, Options(), out _);
        var first = Run(data, Options(3), out var stream, most: delivered);
        var second = Run(data, Options() with { StartAt = stream.Position }, out _);
        Assert.Equal(whole, first.Concat(second));
    }

    [Fact]
    public void The_list_of_bad_samples_says_where_each_was()
    {
        using var folder = new TempFolder();
        using var data = new CountingDataset(8, bad: 3);
        var path = Path.Combine(folder, "skipped.jsonl");
        using (var log = new SkipLog(path, StreamPosition.Start))
        {
            Run(data, new() { Workers = 2, Shuffle = false, EndEpoch = 2, OnSkip = log.Add }, out _);
        }
        var places = File.ReadLines(path).Select(l => JsonDocument.Parse(l).RootElement).Select(l => (l.GetProperty("key").GetString(), l.GetProperty("epoch").GetInt32(), l.GetProperty("index").GetInt64()));
        Assert.Equal([("0", 0, 0), ("3", 0, 3), ("6", 0, 6), ("0", 1, 0), ("3", 1, 3), ("6", 1, 6)], places);
    }

    [Fact]
    public void Bad_samples_are_counted_and_listed_once_across_a_resume()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder);
        var path = Path.Combine(folder, "skipped.jsonl");
        StreamPosition position;
        using (var log = new SkipLog(path, StreamPosition.Start))
        {
            Run(data, Options() with { EndEpoch = 1, OnSkip = log.Add }, out var stream, most: 100);
            position = stream.Position;
        }
        // A checkpoint is older than the last line that was written: those samples come again.
        File.AppendAllText(path, $$"""{"key":"again","source":"","cause":"empty","message":"","epoch":0,"index":{{position.Index}}}""" + "\n{\"cut of");
        using (var log = new SkipLog(path, position))
        {
            Run(data, Options() with { EndEpoch = 1, OnSkip = log.Add, StartAt = position }, out _);
        }
        var causes = new List<string>();
        var keys = new HashSet<string>();
        foreach (var line in File.ReadLines(path))
        {
            using var json = JsonDocument.Parse(line);
            causes.Add(json.RootElement.GetProperty("cause").GetString()!);
            Assert.True(keys.Add(json.RootElement.GetProperty("key").GetString()!));
            Assert.EndsWith(".tar", json.RootElement.GetProperty("source").GetString());
            Assert.NotEmpty(json.RootElement.GetProperty("message").GetString()!);
        }
        Assert.Equal(new[] { "empty", "no-caption", "truncated" }.SelectMany(c => Enumerable.Repeat(c, 4)), causes.Order());
    }

    /// <summary>Beside the list, a folder has the name of the file that a shorter one is made in.</summary>
    [Fact]
    public void A_list_of_bad_samples_that_cannot_be_made_anew_keeps_its_lines()
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder, "skipped.jsonl");
        using (var log = new SkipLog(path, StreamPosition.Start))
        {
            log.Add(new("early", "a.tar", SampleFault.Empty, "", Epoch: 0, Index: 3));
            log.Add(new("late", "a.tar", SampleFault.Empty, "", Epoch: 0, Index: 9));
        }
        var before = File.ReadAllText(path);
        var obstacle = Directory.CreateDirectory(path + ".tmp").FullName;
        using (var log = new SkipLog(path, new StreamPosition(0, 5)))
        {
            Assert.Contains(path, log.Failure);
        }
        Assert.Equal(before, File.ReadAllText(path));
        Directory.Delete(obstacle);
        using (var log = new SkipLog(path, new StreamPosition(0, 5)))
        {
            Assert.Null(log.Failure);
        }
        Assert.Equal(before.Split('\n')[0] + "\n", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void Skipped_counts_exactly()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder);
        Run(data, Options() with { Shuffle = false }, out var stream);
        Assert.Equal(24, stream.SkippedCount);
        Assert.Equal(2 * 4 * 57, stream.Delivered);
        Assert.Equal(
            [(SampleFault.Empty, 8L), (SampleFault.Truncated, 8L), (SampleFault.NoCaption, 8L)],
            stream.Skipped.OrderBy(s => s.Key).Select(s => (s.Key, s.Value)));
    }

    [Fact]
    public void Sequential_keeps_the_files_order_and_whole_images()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder);
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
    public void Max_bad_fraction_ends_the_run_with_counts_and_cause()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder);
        Run(data, Options() with { MaxBadFraction = 0.05 }, out _);
        var e = Assert.Throws<DataException>(() => Run(data, Options() with { MaxBadFraction = 0.04 }, out _));
        Assert.Contains("12 of 240", e.Message);
        Assert.Contains("4 truncated", e.Message);
        Assert.Contains(folder, e.Message);
    }

    [Fact]
    public void Max_bad_fraction_is_looked_at_from_a_thousand_samples_on()
    {
        using var data = new CountingDataset(100_000, bad: 3);
        var e = Assert.Throws<DataException>(() => Run(data, new() { Workers = 2, Shuffle = false, MaxBadFraction = 0.3 }, out _));
        // Samples 0, 3, 6, ... are bad: the 334th is the thousandth.
        Assert.Contains("334 of 1000 samples are bad (334 no-image), more than the allowed share of 0.3", e.Message);
        Assert.InRange(data.Given, 1000, 1200);
    }

    /// <summary>The last sample of an epoch that was begun before says nothing by itself; the whole epoch does.</summary>
    [Fact]
    public void Max_bad_fraction_of_the_rest_of_an_epoch_is_not_asked()
    {
        using var data = new CountingDataset(10, bad: 9);
        SampleStreamOptions From(long index) => new() { Workers = 1, Shuffle = false, MaxBadFraction = 0.1, StartAt = new(0, index) };
        Run(data, From(8), out _);
        Assert.Contains("2 of 10", Assert.Throws<DataException>(() => Run(data, From(0), out _)).Message);
    }

    /// <summary>Also a reader that waits for a server is let go, and the consumer with it.</summary>
    [Fact]
    public void Stop_ends_the_waiting()
    {
        using var stop = new CancellationTokenSource();
        using var data = new WaitingDataset();
        using var stream = new SampleStream(data, new() { Workers = 1, Shuffle = false, Stop = stop.Token });
        stream.Next()!.Value.Dispose();
        stop.CancelAfter(50);
        Assert.Throws<OperationCanceledException>(() => stream.Next());
        stream.Dispose();
        Assert.Equal(0, stream.RunningThreads);
    }

    [Fact]
    public void Ranks_draw_different_views()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", TempFolder.Samples(6));
        using var data = new WebDatasetReader(folder);
        var views = new List<AugmentParams>();
        for (var rank = 0; rank < 2; rank++)
        {
            using var stream = new SampleStream(data, new() { Augment = Simclr, Shuffle = false, Rank = rank, WorldSize = 2 });
            foreach (var sample in stream.ReadAll())
            {
                views.AddRange(sample.Views);
                sample.Dispose();
            }
        }
        Assert.Equal(12, views.Distinct().Count());
    }

    [Fact]
    public void A_set_without_any_good_sample_is_an_error_not_an_endless_loop()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", [("1.jpg", [1, 2, 3]), ("2.jpg", [])]);
        using var data = new WebDatasetReader(folder);
        var e = Assert.Throws<DataException>(() => Run(data, Options() with { EndEpoch = int.MaxValue, RequireCaption = false }, out _));
        Assert.Contains("1 empty", e.Message);
        Assert.Contains("1 not-an-image", e.Message);
    }

    [Fact]
    public void A_consumer_that_stops_early_leaves_no_threads()
    {
        using var folder = new TempFolder();
        using var data = Dataset(folder);
        for (var i = 0; i < 20; i++)
        {
            var stream = new SampleStream(data, Options(3) with { Prefetch = 1 + i, EndEpoch = int.MaxValue, PrefetchBytes = 1000 });
            for (var k = 0; k < i; k++)
            {
                stream.Next()!.Value.Dispose();
            }
            Assert.Equal(4, stream.RunningThreads);
            stream.Dispose();
            Assert.Equal(0, stream.RunningThreads);
        }
    }

    [Fact]
    public void An_error_in_a_thread_reaches_the_consumer()
    {
        using var data = new FailingDataset();
        using var stream = new SampleStream(data, new() { Workers = 2, Shuffle = false });
        stream.Next()!.Value.Dispose();
        Assert.Equal("the reader broke", Assert.Throws<InvalidOperationException>(() => stream.Next()).Message);
    }

    [Fact]
    public void Reading_ahead_is_bounded_in_samples_and_bytes()
    {
        using var data = new CountingDataset(1000);
        using var stream = new SampleStream(data, new() { Workers = 2, Shuffle = false, Prefetch = 10 });
        stream.Next()!.Value.Dispose();
        AssertSettles(() => data.Given, 10, 13);

        using var large = new CountingDataset(1000);
        using var bytes = new SampleStream(large, new() { Workers = 2, Shuffle = false, Prefetch = 1000, PrefetchBytes = 16 * 12 * 3 * 20 });
        bytes.Next()!.Value.Dispose();
        // 20 decoded ones wait, and each worker holds one that it has read and not decoded.
        AssertSettles(() => large.Loaded, 15, 24);
        // What was taken makes room for others.
        for (var i = 0; i < 100; i++)
        {
            bytes.Next()!.Value.Dispose();
        }
        AssertSettles(() => large.Loaded, 115, 124);
    }

    // It gets as far as the lower bound, however slow the machine, and stays within the upper one.
    private static void AssertSettles(Func<int> count, int least, int most)
    {
        Assert.True(SpinWait.SpinUntil(() => count() >= least, TimeSpan.FromMinutes(1)), $"{count()} after a minute, expected {least}");
        Thread.Sleep(200);
        Assert.InRange(count(), least, most);
    }

    [Fact]
    public void One_of_several_captions_is_drawn_each_epoch_all_equally_likely()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", Enumerable.Range(0, 40).SelectMany(i => new[]
        {
            ($"{i:D3}.jpg", TempFolder.Image(i)), ($"{i:D3}.json", TempFolder.Utf8($$"""{"captions": ["{{i}} one", "{{i}} two", "{{i}} three"]}""")),
        }));
        using var data = new WebDatasetReader(folder);
        List<string> Captions(CaptionUse use, int workers = 2) => Run(data, new() { Seed = 2, EndEpoch = 30, ShuffleBuffer = 8, Workers = workers, Captions = use }, out _)
            .ConvertAll(s => string.Join(' ', s.Split(' ')[3..5]));
        Assert.All(Captions(CaptionUse.First), c => Assert.EndsWith("one", c));
        Assert.All(Captions(CaptionUse.Mean), c => Assert.EndsWith("one", c));
        var drawn = Captions(CaptionUse.Draw);
        // 1,200 draws of one third: 400, standard deviation 16.3.
        Assert.All(drawn.GroupBy(c => c.Split(' ')[1]), g => Assert.InRange(g.Count(), 330, 470));
        Assert.Equal(3 * 40, drawn.Distinct().Count());
        Assert.Equal(drawn, Captions(CaptionUse.Draw, 1));
    }

    private sealed class FailingDataset : FakeDataset
    {
        public override IEnumerable<RawSample> Read(ReadOrder order)
        {
            yield return new RawSample("a", "fake") { Image = new MemorySource { Bytes = TempFolder.Image(1) } };
            throw new InvalidOperationException("the reader broke");
        }
    }

    private sealed class WaitingDataset : FakeDataset
    {
        public override IEnumerable<RawSample> Read(ReadOrder order)
        {
            yield return new RawSample("a", "fake") { Image = new MemorySource { Bytes = TempFolder.Image(1) } };
            Task.Delay(Timeout.Infinite, order.Stop).GetAwaiter().GetResult();
        }
    }

    private sealed class CountingDataset(int count, int bad = int.MaxValue) : FakeDataset
    {
        private readonly byte[] file = TempFolder.Image(1);
        private int given, loaded;

        public int Given => Volatile.Read(ref given);

        public int Loaded => Volatile.Read(ref loaded);

        public override IEnumerable<RawSample> Read(ReadOrder order)
        {
            for (var i = 0; i < count; i++)
            {
                Interlocked.Increment(ref given);
                yield return bad < int.MaxValue && i % bad == 0 ? RawSample.Broken($"{i}", "fake", SampleFault.NoImage, "there is none") : new RawSample($"{i}", "fake") { Image = new Source(this) };
            }
        }

        private sealed class Source(CountingDataset owner) : ImageSource
        {
            protected override ImageBytes ReadBytes()
            {
                Interlocked.Increment(ref owner.loaded);
                return ImageBytes.Of(owner.file);
            }
        }
    }

    private abstract class FakeDataset : IImageDataset
    {
        public string Name => "fake";

        public string Format => "fake";

        public IReadOnlyList<string>? Classes => null;

        public long Count => 1;

        public abstract IEnumerable<RawSample> Read(ReadOrder order);

        public void Dispose()
        {
        }
    }
}
