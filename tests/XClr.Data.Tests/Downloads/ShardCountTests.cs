using System.Collections.Concurrent;
using System.Diagnostics;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>How many samples a shard holds: from the statistics beside it, from an earlier count, or by reading it.</summary>
public sealed class ShardCountTests : ShardServerTest
{
    [Theory]
    [InlineData("/held/1.tar")]
    [InlineData("/stall-head/1.tar")]
    public async Task Counting_that_waits_for_a_server_says_so_and_ends_where_it_is_asked_to(string waiting)
    {
        Serve("/a/0.tar", 0);
        Serve("/held/1.tar", 5);
        using var stop = new CancellationTokenSource();
        var lines = new ConcurrentQueue<string>();
        var specification = $"{server.Root}/a/0.tar::{server.Root}{waiting}";
        using (var data = DatasetFactory.Open(specification, options: new() { ShardCache = Cache, Stop = stop.Token, Note = lines.Enqueue, NoteEvery = TimeSpan.FromMilliseconds(20) }))
        {
            var counting = Task.Run(() => data.Count);
            // Of the second one, the shard is waited for, or the statistics already.
            WaitFor(() => server.Requests.Keys.Any(k => k.Contains(waiting.Split('.')[0], StringComparison.Ordinal)) && lines.Contains($"counting '{specification}': 1 of 2 shards, 5 samples"));
            var clock = Stopwatch.StartNew();
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => counting);
            Assert.ThrowsAny<OperationCanceledException>(() => data.Read(ReadOrder.Sequential).Count());
            Assert.InRange(clock.Elapsed.TotalSeconds, 0, 15);
        }
        // What was counted and fetched stays, what was not whole goes.
        Assert.Equal(5, new ShardCounts(Cache).Find($"{server.Root}/a/0.tar"));
        Assert.Equal(new[] { "counts.tsv", ShardDownloads.FileOf($"{server.Root}/a/0.tar") }.Order(), Directory.GetFiles(Cache).Select(f => Path.GetFileName(f)).Order());
    }

    [Fact]
    public void Statistics_beside_a_shard_count_it_without_fetching_it()
    {
        Serve("/a/0.tar", 0);
        server.Files["/a/0_stats.json"] = """{"count": 7, "status_dict": {"success": 5, "failed": 2}}"""u8.ToArray();
        using var data = Open($"{server.Root}/a/0.tar");
        Assert.Equal(5, data.Count);
        Assert.False(server.Requests.ContainsKey("/a/0.tar"));
    }

    [Fact]
    public void What_was_counted_once_is_not_fetched_to_be_counted_again()
    {
        Serve("/a/0.tar", 0);
        Serve("/a/1.tar", 5);
        server.Files["/a/1_stats.json"] = """{"status_dict": {"success": 5}}"""u8.ToArray();
        var specification = $"{server.Root}/a/{{0..1}}.tar";
        using (var data = Open(specification))
        {
            Assert.Equal(10, data.Count);
        }
        Assert.All(Directory.GetFiles(Cache, "*.shard"), File.Delete);
        var asked = server.Requests.Values.Sum();
        using var again = Open(specification);
        Assert.Equal(10, again.Count);
        Assert.Equal(asked, server.Requests.Values.Sum());
    }

    /// <summary>A server's error page is no shard of one sample.</summary>
    [Fact]
    public void What_is_no_archive_is_counted_again()
    {
        server.Files["/a/0.tar"] = "<html>come back later</html>"u8.ToArray();
        using (var data = Open($"{server.Root}/a/0.tar"))
        {
            Assert.Equal(1, data.Count);
        }
        Serve("/a/0.tar", 0);
        using var again = Open($"{server.Root}/a/0.tar");
        Assert.Equal(5, again.Count);
    }

    [Fact]
    public void Local_shards_counts_are_kept_where_counting_takes_long_until_the_file_changes()
    {
        var (one, two) = (folder.Shard("1.tar", TestShards.Samples(2)), folder.Shard("2.tar", TestShards.Samples(2)));
        Counted(one, 2, TimeSpan.FromSeconds(0.1));
        Assert.Null(new ShardCounts(Cache).Find(one));
        Counted(one, 2, TimeSpan.FromSeconds(2));
        Counted(two, 3, TimeSpan.FromSeconds(2));
        Assert.Equal((2, 3), (new ShardCounts(Cache).Find(one), new ShardCounts(Cache).Find(two)));
        File.SetLastWriteTimeUtc(one, DateTime.UtcNow.AddHours(1));
        File.Delete(two);
        Assert.Equal((null, null), (new ShardCounts(Cache).Find(one), new ShardCounts(Cache).Find(two)));
        // Of two processes at a time, both.
        var (here, there) = (new ShardCounts(Cache), new ShardCounts(Cache));
        foreach (var (counts, shard) in new[] { (here, "http://x.org/3.tar"), (there, "http://x.org/4.tar") })
        {
            counts.Add(shard, 4, TimeSpan.Zero);
            counts.Save();
        }
        Assert.Equal((4, 4), (new ShardCounts(Cache).Find("http://x.org/3.tar"), new ShardCounts(Cache).Find("http://x.org/4.tar")));
        File.WriteAllText(Cache + "/counts.tsv", $"x\ty\tz\n\n-5\t-\t{ShardDownloads.FileOf("http://x.org/1.tar")}\n7\t-\t{ShardDownloads.FileOf("http://x.org/2.tar")}\n");
        Assert.Equal((null, 7), (new ShardCounts(Cache).Find("http://x.org/1.tar"), new ShardCounts(Cache).Find("http://x.org/2.tar")));

        void Counted(string shard, long count, TimeSpan took)
        {
            var counts = new ShardCounts(Cache);
            counts.Add(shard, count, took);
            counts.Save();
        }
    }

    [Fact]
    public void Statistics_beside_a_local_shard_count_it_without_a_walk()
    {
        var path = folder.Shard("0.tar", TestShards.Samples(2));
        folder.File("0_stats.json", """{"count": 9, "status_dict": {"success": 7, "failed": 2}}""");
        using var data = Open(path);
        Assert.Equal(7, data.Count);
    }
}
