using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Shards and samples in an epoch, over seeds, ranks and stops.</summary>
public sealed class ShardOrderTests
{
    private static List<string> Keys(IImageDataset data, SampleStreamOptions options)
    {
        using var stream = new SampleStream(data, options);
        return [.. stream.ReadAll().Select(s => { using (s) { return $"{s.Epoch} {s.Key}"; } })];
    }

    // A buffer of one leaves the order of the shards, one shard that of the buffer.
    [Theory]
    [InlineData(8, 1)]
    [InlineData(1, 50)]
    public void Each_epoch_and_each_seed_has_an_order_of_its_own(int shards, int buffer)
    {
        using var folder = new TempFolder();
        for (var i = 0; i < shards; i++)
        {
            folder.Shard($"{i:D5}.tar", TestShards.Samples(24 / shards, 24 / shards * i));
        }
        using var data = new WebDatasetReader(folder);
        List<string> Epoch(int epoch, ulong seed = 1) => [.. data.Read(new ReadOrder(Shuffle: true, seed, epoch, buffer)).Select(s => s.Key)];
        Assert.Equal(Epoch(0), Epoch(0));
        Assert.NotEqual(Epoch(0), Epoch(1));
        Assert.NotEqual(Epoch(1), Epoch(2));
        Assert.NotEqual(Epoch(0), Epoch(0, seed: 2));
        Assert.Equal(Epoch(0).Order(), Epoch(1).Order());
    }

    // Seven shards over 1 to 9 ranks: by shard up to seven ranks, by sample beyond.
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(7), InlineData(9)]
    public void The_ranks_parts_are_the_epoch_each_sample_once(int world)
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 7; i++)
        {
            folder.Shard($"{i:D5}.tar", TestShards.Samples(6, 6 * i));
        }
        using var data = new WebDatasetReader(folder);
        RequireParts(data, world, 42);
    }

    [Theory]
    [InlineData(2), InlineData(5)]
    public void The_ranks_parts_of_an_indexed_set_are_the_epoch_too(int world)
    {
        using var folder = new TempFolder();
        foreach (var i in Enumerable.Range(0, 13))
        {
            folder.File($"{(i % 2 == 0 ? "cats" : "dogs")}/{i:D2}.jpg", TestImages.Solid(i));
        }
        using var data = new ImageFolderReader(folder);
        RequireParts(data, world, 13);
    }

    private static void RequireParts(IImageDataset data, int world, int count)
    {
        foreach (var shuffle in new[] { false, true })
        {
            var parts = Enumerable.Range(0, world).Select(rank => Keys(data, new() { Seed = 9, Shuffle = shuffle, ShuffleBuffer = 10, EndEpoch = 2, Rank = rank, WorldSize = world })).ToList();
            var all = parts.SelectMany(p => p).ToList();
            Assert.Equal(2 * count, all.Count);
            Assert.Equal(2 * count, all.Distinct().Count());
            Assert.All(parts, p => Assert.NotEmpty(p));
        }
    }

    [Fact]
    public void A_rank_resumes_in_the_middle_of_an_epoch_with_any_number_of_workers()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 6; i++)
        {
            folder.Shard($"{i:D5}.tar", TestShards.Samples(8, 8 * i));
        }
        using var data = new WebDatasetReader(folder);
        SampleStreamOptions Options(int workers, StreamPosition start) => new() { Seed = 4, ShuffleBuffer = 7, EndEpoch = 3, Rank = 1, WorldSize = 3, Workers = workers, StartAt = start };
        var whole = Keys(data, Options(2, default));
        for (var cut = 1; cut < whole.Count; cut += 5)
        {
            StreamPosition position;
            using (var stream = new SampleStream(data, Options(3, default)))
            {
                for (var i = 0; i < cut; i++)
                {
                    stream.Next()!.Value.Dispose();
                }
                position = stream.Position;
            }
            Assert.Equal(whole[cut..], Keys(data, Options(1, position)));
        }
    }

    [Fact]
    public void Many_broken_shards_end_the_run_with_the_last_ones_name()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 20; i++)
        {
            var path = folder.Shard($"{i:D5}.tar", TestShards.Samples(4, 4 * i));
            if (i is 3 or 9 or 15)
            {
                File.WriteAllBytes(path, File.ReadAllBytes(path)[..2000]);
            }
        }
        using var data = new WebDatasetReader(folder);
        var refused = Assert.Throws<DataException>(() => Keys(data, new() { Shuffle = false })).Message;
        Assert.Contains("3 of 20 shards", refused);
        Assert.Contains("00015.tar", refused);
    }

    [Theory]
    [InlineData(0, 0), InlineData(-1, 2), InlineData(2, 2)]
    public void Ranks_outside_the_world_are_refused(int rank, int world)
    {
        using var folder = new TempFolder();
        folder.Shard("0.tar", TestShards.Samples(1));
        using var data = new WebDatasetReader(folder);
        Assert.Throws<ArgumentException>(() => new SampleStream(data, new() { Rank = rank, WorldSize = world }));
    }
}
