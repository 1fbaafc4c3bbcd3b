using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>The buffer that shuffles what comes one after the other.</summary>
public sealed class ShuffleBufferTests
{
    [Fact]
    public void Compressed_shards_are_shuffled_within_their_bound()
    {
        var samples = Enumerable.Range(0, 200).Select(i => new RawSample($"{i}", "s") { Image = new MemorySource { Bytes = new byte[1000] } });
        var order = new ReadOrder(true, 1, 0, BufferSize: 100, BufferBytes: 10_000);
        var (taken, most) = (0, 0);
        var given = 0;
        var keys = new List<string>();
        foreach (var s in ShuffleBuffer.Shuffle(samples.Select(x => { given++; return x; }), order))
        {
            taken++;
            most = Math.Max(most, given - taken);
            keys.Add(s.Key);
        }
        Assert.InRange(most, 9, 11);
        Assert.Equal(200, keys.Distinct().Count());
        Assert.NotEqual(keys, keys.OrderBy(int.Parse));
    }

    [Fact]
    public void A_buffer_that_is_full_in_bytes_shuffles_on()
    {
        // Room for ten samples at a time, whatever their number.
        var samples = Enumerable.Range(0, 1000).Select(i => new RawSample($"{i}", "memory") { Image = new MemorySource { Bytes = new byte[100] } });
        var keys = ShuffleBuffer.Shuffle(samples, new ReadOrder(Shuffle: true, Seed: 3, Epoch: 0, BufferBytes: 1000)).Select(s => int.Parse(s.Key, System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(Enumerable.Range(0, 1000), keys.Order());
        // None leaves before it is in the buffer, which holds eleven for a moment.
        Assert.All(keys.Select((key, place) => key - place), d => Assert.InRange(d, -1000, 10));
        // A sample's wait is ten others' on the average, to the end.
        Assert.InRange(keys.Select((key, place) => (double)Math.Abs(key - place)).Skip(900).Average(), 3, 20);
    }
}
