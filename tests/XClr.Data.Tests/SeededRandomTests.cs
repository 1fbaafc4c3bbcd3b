namespace XClr.Data.Tests;

public class SeededRandomTests
{
    // The published known answers of philox4x32-10.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, "6627e8d5 e169c58d bc57ac4c 9b00dbd8")]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, "408f276d 41c83b0e a20bc7c6 6d5451fd")]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, "d16cfe09 94fdcceb 5001e420 24126ea1")]
    public void Philox_gives_the_known_answers(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, string expected)
    {
        var block = SeededRandom.Philox(c0, c1, c2, c3, k0, k1);
        Assert.Equal(expected, $"{block[0]:x8} {block[1]:x8} {block[2]:x8} {block[3]:x8}");
    }

    [Fact]
    public void Every_part_of_the_key_changes_the_stream()
    {
        SeededRandom[] streams =
        [
            new(1, RandomPurpose.Augment), new(2, RandomPurpose.Augment), new(1ul << 40, RandomPurpose.Augment),
            new(1, RandomPurpose.Split), new(1, RandomPurpose.Augment, epoch: 1), new(1, RandomPurpose.Augment, index: 1),
            new(1, RandomPurpose.Augment, index: 1L << 33), new(1, RandomPurpose.Augment, view: 1),
        ];
        var first = new HashSet<(uint, uint)>();
        for (var i = 0; i < streams.Length; i++)
        {
            Assert.True(first.Add((streams[i].NextUInt(), streams[i].NextUInt())), $"stream {i} repeats another");
        }
    }

    [Fact]
    public void Shuffle_makes_every_order_equally_likely()
    {
        var counts = new Dictionary<string, int>();
        const int Draws = 24_000;
        for (var i = 0; i < Draws; i++)
        {
            char[] items = ['a', 'b', 'c', 'd'];
            var random = new SeededRandom(7, RandomPurpose.ShardOrder, index: i);
            random.Shuffle<char>(items);
            var order = new string(items);
            counts[order] = counts.GetValueOrDefault(order) + 1;
        }
        Assert.Equal(24, counts.Count);
        // 1,000 expected each, standard deviation 31: five of them.
        Assert.All(counts.Values, n => Assert.InRange(n, 845, 1155));
    }
}
