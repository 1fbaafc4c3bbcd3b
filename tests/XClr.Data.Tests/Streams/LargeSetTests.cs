using System.Text;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>
/// A synthetic WebDataset of many shards, a share of its samples broken in five ways, read end to end. XCLR_SCALE_SAMPLES is its size; 10,000 unless set.
/// </summary>
public class LargeSetTests
{
    private const int ShardSize = 500;

    private static int Samples { get; } = int.TryParse(Environment.GetEnvironmentVariable("XCLR_SCALE_SAMPLES"), out var given) ? given : 10_000;

    /// <summary>Writes the shards; returns the number of broken samples by cause. Sample i is broken where i % 100 is below <paramref name="percent"/>.</summary>
    private static Dictionary<SampleFault, long> Write(TempFolder folder, int percent)
    {
        var whole = TestImages.Solid(9, 8, 8);
        var broken = new Dictionary<SampleFault, long>();
        for (var first = 0; first < Samples; first += ShardSize)
        {
            folder.Shard($"{first / ShardSize:D5}.tar", Enumerable.Range(first, Math.Min(ShardSize, Samples - first)).SelectMany(i => Members(i, i % 100 < percent)));
        }
        return broken;

        IEnumerable<(string, byte[])> Members(int i, bool bad)
        {
            var fault = bad ? (SampleFault?)new[] { SampleFault.Empty, SampleFault.Truncated, SampleFault.NotAnImage, SampleFault.NoImage, SampleFault.NoCaption }[i / 100 % 5] : null;
            if (fault is { } cause)
            {
                broken[cause] = broken.GetValueOrDefault(cause) + 1;
            }
            if (fault != SampleFault.NoImage)
            {
                yield return ($"{i:D9}.jpg", fault switch { SampleFault.Empty => [], SampleFault.Truncated => whole[..^40], SampleFault.NotAnImage => "<html>"u8.ToArray(), _ => whole });
            }
            if (fault != SampleFault.NoCaption)
            {
                yield return ($"{i:D9}.txt", Encoding.UTF8.GetBytes($"picture {i}"));
            }
            yield return ($"{i:D9}.cls", "1"u8.ToArray());
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(20)]
    public void Every_sample_is_seen_once_and_every_broken_one_counted(int percent)
    {
        using var folder = new TempFolder();
        var broken = Write(folder, percent);
        using var data = new WebDatasetReader(folder);
        var seen = new System.Collections.BitArray(Samples);
        var good = 0;
        using var stream = new SampleStream(data, new() { Seed = 3, RequireCaption = true, ShuffleBuffer = 1000 });
        while (stream.Next() is { } sample)
        {
            using (sample)
            {
                var index = int.Parse(sample.Key);
                Assert.False(seen[index], $"sample {index} came twice");
                Assert.Equal($"picture {index}", sample.Caption);
                seen[index] = true;
                good++;
            }
        }
        Assert.Equal(Samples - broken.Values.Sum(), good);
        Assert.Equal(broken.OrderBy(b => b.Key), stream.Skipped.OrderBy(b => b.Key));
    }

    [Fact]
    public void A_run_that_is_cut_off_ten_times_ends_with_the_samples_of_an_unbroken_one()
    {
        using var folder = new TempFolder();
        Write(folder, 1);
        using var data = new WebDatasetReader(folder);
        SampleStreamOptions Options(StreamPosition start, int workers) => new() { Seed = 3, RequireCaption = true, ShuffleBuffer = 1000, EndEpoch = 2, StartAt = start, Workers = workers };
        var unbroken = Keys(new(data, Options(default, 2)), int.MaxValue, out _);
        var random = new Random(4);
        var (pieces, position) = (new List<string>(), default(StreamPosition));
        for (var run = 0; run < 11; run++)
        {
            var most = run == 10 ? int.MaxValue : random.Next(1, unbroken.Count / 10);
            pieces.AddRange(Keys(new(data, Options(position, 1 + run % 4)), most, out position));
        }
        Assert.Equal(unbroken, pieces);
    }

    private static List<string> Keys(SampleStream stream, int most, out StreamPosition position)
    {
        using (stream)
        {
            var keys = new List<string>();
            while (keys.Count < most && stream.Next() is { } sample)
            {
                keys.Add($"{sample.Epoch} {sample.Key}");
                sample.Dispose();
            }
            position = stream.Position;
            return keys;
        }
    }

    [Fact]
    public void A_missing_shard_is_reported_and_many_are_refused()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 20; i++)
        {
            folder.Shard($"{i:D5}.tar", TestShards.Samples(2, 2 * i));
        }
        File.Delete(folder + "/00007.tar");
        File.Delete(folder + "/00011.tar");
        using var data = new WebDatasetReader(folder + "/{00000..00019}.tar");
        using var stream = new SampleStream(data, new() { Shuffle = false });
        Assert.Equal(36, stream.ReadAll().Count(s => { s.Dispose(); return true; }));
        Assert.Equal(2, stream.Skipped[SampleFault.Unreadable]);
        File.Delete(folder + "/00012.tar");
        Assert.Contains("3 of 20 shards", Assert.Throws<DataException>(() => new WebDatasetReader(folder + "/{00000..00019}.tar")).Message);
    }
}
