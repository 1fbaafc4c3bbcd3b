namespace XClr.Data.Tests;

/// <summary>Shards that are damaged, cut short or empty.</summary>
public sealed class BrokenShardTests
{
    [Theory]
    [InlineData(".tar")]
    [InlineData(".tar.gz")]
    public void A_truncated_shard_is_reported_and_the_next_goes_on(string suffix)
    {
        using var folder = new TempFolder();
        var path = folder.Shard("0" + suffix, TestShards.Samples(10));
        folder.Shard("1" + suffix, TestShards.Samples(2, 10));
        var whole = File.ReadAllBytes(path);
        var counts = new HashSet<int>();
        for (var cut = 0; cut < whole.Length - (suffix == ".tar" ? 1100 : 20); cut += whole.Length / 60)
        {
            File.WriteAllBytes(path, whole[..cut]);
            var samples = DatasetReading.ReadAll(folder, "webdataset");
            var broken = samples.Where(s => s.Fault is not null).ToList();
            // A cut between members looks like the end of the archive; one elsewhere is one fault.
            Assert.InRange(broken.Count, 0, 1);
            Assert.All(broken, b => Assert.Equal(SampleFault.BrokenShard, b.Fault));
            Assert.All(broken, b => Assert.Contains(path, b.FaultDetail));
            Assert.Equal(["00010", "00011"], samples.TakeLast(2).Select(s => s.Key));
            Assert.All(samples.Where(s => s.Fault is null), s => Assert.Equal(TestImages.Solid(int.Parse(s.Key)), DatasetReading.Bytes(s)));
            counts.Add(samples.Count - broken.Count);
        }
        Assert.True(counts.Count > 5, "the cuts left always the same samples");
    }

    [Fact]
    public void Damaged_headers_end_their_shard_only()
    {
        using var folder = new TempFolder();
        var path = folder.Shard("0.tar", TestShards.Samples(10));
        folder.Shard("1.tar", TestShards.Samples(1, 10));
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().IndexOf("00004.jpg"u8);
        bytes[at + 3] = (byte)'x';
        File.WriteAllBytes(path, bytes);
        var samples = DatasetReading.ReadAll(folder, "webdataset");
        Assert.Equal(SampleFault.BrokenShard, samples.Single(s => s.Fault is not null).Fault);
        Assert.Equal("00010", samples[^1].Key);
        Assert.InRange(samples.Count, 5, 6);

        File.WriteAllBytes(path, [.. Enumerable.Repeat((byte)'?', 5000)]);
        Assert.Equal([SampleFault.BrokenShard, null], DatasetReading.ReadAll(folder, "webdataset").Select(s => s.Fault));
    }

    [Fact]
    public void Empty_shards_are_an_error_that_names_the_path()
    {
        using var folder = new TempFolder();
        folder.File("0.tar", new byte[1024]);
        using var data = DatasetFactory.Open(folder);
        Assert.Contains(folder, Assert.Throws<DataException>(() => data.Count).Message);
        using var stream = new SampleStream(data, new());
        Assert.Contains(folder, Assert.Throws<DataException>(() => stream.Next()).Message);
    }

    /// <summary>A file without a byte is what a failed download leaves, not an archive without members.</summary>
    [Fact]
    public void A_file_without_bytes_is_a_broken_shard()
    {
        using var folder = new TempFolder();
        folder.Shard("0.tar", TestShards.Samples(2));
        folder.File("1.tar", []);
        var s = DatasetReading.ReadAll(folder, "webdataset");
        Assert.Equal([null, null, SampleFault.BrokenShard], s.Select(x => x.Fault));
        Assert.Contains("no bytes", s[2].FaultDetail);
    }
}
