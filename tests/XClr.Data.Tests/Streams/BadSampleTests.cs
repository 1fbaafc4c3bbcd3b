using System.Text.Json;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Bad samples are left out, counted and listed with their causes; a set of too many ends the run.</summary>
public sealed class BadSampleTests
{
    /// <summary>Three good samples, and in the next epoch two bad ones.</summary>
    [Fact]
    public void An_epoch_without_a_good_sample_says_its_own_causes_and_the_first()
    {
        using var folder = new TempFolder();
        var path = folder.Shard("0.tar", TestShards.Samples(3));
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
                        folder.Shard("0.tar", [("7.jpg", TestImages.Solid(1)), ("7.cls", "cat"u8.ToArray()), ("8.jpg", TestImages.Solid(1))]);
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
        using var data = DatasetFactory.Open(folder.Shard("0.tar", TestShards.Samples(3)));
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
    public void The_list_of_bad_samples_says_where_each_was()
    {
        using var folder = new TempFolder();
        using var data = new CountingDataset(8, bad: 3);
        var path = Path.Combine(folder, "skipped.jsonl");
        using (var log = new SkipLog(path, StreamPosition.Start))
        {
            FaultySet.Run(data, new() { Workers = 2, Shuffle = false, EndEpoch = 2, OnSkip = log.Add }, out _);
        }
        var places = JsonLines.Read(path).Select(l => (l.GetProperty("key").GetString(), l.GetProperty("epoch").GetInt32(), l.GetProperty("index").GetInt64()));
        Assert.Equal([("0", 0, 0), ("3", 0, 3), ("6", 0, 6), ("0", 1, 0), ("3", 1, 3), ("6", 1, 6)], places);
    }

    [Fact]
    public void Bad_samples_are_counted_and_listed_once_across_a_resume()
    {
        using var folder = new TempFolder();
        using var data = FaultySet.Dataset(folder);
        var path = Path.Combine(folder, "skipped.jsonl");
        StreamPosition position;
        using (var log = new SkipLog(path, StreamPosition.Start))
        {
            FaultySet.Run(data, FaultySet.Options() with { EndEpoch = 1, OnSkip = log.Add }, out var stream, most: 100);
            position = stream.Position;
        }
        // A checkpoint is older than the last line that was written: those samples come again.
        File.AppendAllText(path, $$"""{"key":"again","source":"","cause":"empty","message":"","epoch":0,"index":{{position.Index}}}""" + "\n{\"cut of");
        using (var log = new SkipLog(path, position))
        {
            FaultySet.Run(data, FaultySet.Options() with { EndEpoch = 1, OnSkip = log.Add, StartAt = position }, out _);
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
        using var data = FaultySet.Dataset(folder);
        FaultySet.Run(data, FaultySet.Options() with { Shuffle = false }, out var stream);
        Assert.Equal(24, stream.SkippedCount);
        Assert.Equal(2 * 4 * 57, stream.Delivered);
        Assert.Equal(
            [(SampleFault.Empty, 8L), (SampleFault.Truncated, 8L), (SampleFault.NoCaption, 8L)],
            stream.Skipped.OrderBy(s => s.Key).Select(s => (s.Key, s.Value)));
    }

    [Fact]
    public void Max_bad_fraction_ends_the_run_with_counts_and_cause()
    {
        using var folder = new TempFolder();
        using var data = FaultySet.Dataset(folder);
        FaultySet.Run(data, FaultySet.Options() with { MaxBadFraction = 0.05 }, out _);
        var e = Assert.Throws<DataException>(() => FaultySet.Run(data, FaultySet.Options() with { MaxBadFraction = 0.04 }, out _));
        Assert.Contains("12 of 240", e.Message);
        Assert.Contains("4 truncated", e.Message);
        Assert.Contains(folder, e.Message);
    }

    [Fact]
    public void Max_bad_fraction_is_looked_at_from_a_thousand_samples_on()
    {
        using var data = new CountingDataset(100_000, bad: 3);
        var e = Assert.Throws<DataException>(() => FaultySet.Run(data, new() { Workers = 2, Shuffle = false, MaxBadFraction = 0.3 }, out _));
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
        FaultySet.Run(data, From(8), out _);
        Assert.Contains("2 of 10", Assert.Throws<DataException>(() => FaultySet.Run(data, From(0), out _)).Message);
    }

    [Fact]
    public void A_set_without_any_good_sample_is_an_error_not_an_endless_loop()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", [("1.jpg", [1, 2, 3]), ("2.jpg", [])]);
        using var data = new WebDatasetReader(folder);
        var e = Assert.Throws<DataException>(() => FaultySet.Run(data, FaultySet.Options() with { EndEpoch = int.MaxValue, RequireCaption = false }, out _));
        Assert.Contains("1 empty", e.Message);
        Assert.Contains("1 not-an-image", e.Message);
    }
}
