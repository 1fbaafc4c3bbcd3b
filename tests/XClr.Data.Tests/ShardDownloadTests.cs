using System.Collections.Concurrent;
using System.Diagnostics;
using XClr.Data.Readers;
using Xunit;

namespace XClr.Data.Tests;

public sealed class ShardDownloadTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly HostileServer server = new();

    public void Dispose()
    {
        server.Dispose();
        folder.Dispose();
    }

    private string Cache => folder.Path + "/cache";

    private void Serve(string path, int first, string suffix = ".tar") => server.Files[path] = File.ReadAllBytes(folder.Shard("s" + suffix, TempFolder.Samples(5, first)));

    private WebDatasetReader Open(string specification, long cacheBytes = 1 << 30) =>
        (WebDatasetReader)DatasetFactory.Open(specification, options: new() { ShardCache = Cache, ShardCacheBytes = cacheBytes });

    private static List<string> Keys(IImageDataset data, bool shuffle = false)
    {
        using var stream = new SampleStream(data, new() { Shuffle = shuffle });
        return [.. stream.ReadAll().Select(s => { using (s) { return s.Key; } })];
    }

    [Fact]
    public void Shards_behind_addresses_are_fetched_once_and_read_as_local_ones()
    {
        Serve("/a/00000.tar", 0);
        Serve("/a/00001.tar", 5);
        Serve("/b/more.tar.gz?token=1", 10, ".tar.gz");
        var specification = $"{server.Root}/a/{{00000..00001}}.tar::{server.Root}/b/more.tar.gz?token=1";
        using (var data = Open(specification))
        {
            Assert.Equal(Enumerable.Range(0, 15).Select(i => $"{i:D5}"), Keys(data));
            Assert.Equal(15, Keys(data, shuffle: true).Distinct().Count());
            Assert.Equal(15, data.Count);
        }
        using var again = Open(specification);
        Assert.Equal(15, Keys(again).Count);
        Assert.All(server.Requests.Where(r => r.Key.Contains(".tar", StringComparison.Ordinal)), r => Assert.Equal(1, r.Value));
        Assert.DoesNotContain(Directory.GetFiles(Cache), f => f.EndsWith(".part", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/cut/00000.tar")]
    [InlineData("/reset/00000.tar")]
    public void An_interrupted_transfer_goes_on_where_it_stopped(string path)
    {
        Serve(path, 0);
        using var data = Open(server.Root + path);
        Assert.Equal(["00000", "00001", "00002", "00003", "00004"], Keys(data));
        Assert.Equal(2, server.Requests[path]);
    }

    // stall: for servers that are silent; a busy machine's is, too, for a while.
    private ShardDownloads Downloads(long maxBytes = 1 << 30, TimeSpan? stall = null) => new(Cache, maxBytes, backOff: TimeSpan.FromMilliseconds(1), stall);

    private static byte[] Bytes(FileStream shard)
    {
        using (shard)
        {
            var bytes = new byte[shard.Length];
            shard.ReadExactly(bytes);
            return bytes;
        }
    }

    private void WaitFor(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), string.Join('\n', server.Requests));

    private bool NothingOnItsWay => Directory.GetFiles(Cache, "*.part").Length == 0;

    /// <summary>Appended, the bytes of another part would be a shard of the right length that nobody wrote.</summary>
    [Theory]
    [InlineData("/elsewhere/0.tar")]
    [InlineData("/bare/0.tar")]
    [InlineData("/short/0.tar")]
    public void A_part_that_is_not_the_one_that_was_asked_for_makes_no_shard(string path)
    {
        Serve(path, 0);
        using var downloads = Downloads();
        Assert.Equal(server.Files[path], Bytes(downloads.Open(server.Root + path)));
        Assert.Equal(3, server.Requests[path]);
    }

    /// <summary>Its first half and the second half of its successor would be a shard that nobody wrote, too.</summary>
    [Fact]
    public void A_shard_that_changes_on_the_way_is_fetched_anew()
    {
        Serve("/changed/0.tar", 0);
        using var downloads = Downloads();
        Assert.Equal(server.Files["/changed/0.tar"], Bytes(downloads.Open(server.Root + "/changed/0.tar")));
        Assert.Equal(2, server.Requests["/changed/0.tar"]);
    }

    [Fact]
    public void A_server_that_asks_to_be_left_alone_is()
    {
        server.RetryAfter = "1";
        using var downloads = Downloads();
        downloads.Open($"{server.Root}/flaky/1.tar").Dispose();
        Assert.InRange(Stopwatch.GetElapsedTime(server.Log.First().Timestamp, server.Log.Last().Timestamp).TotalSeconds, 0.99, 30);
    }

    [Fact]
    public void What_was_opened_longest_ago_goes_first()
    {
        for (var i = 0; i < 4; i++)
        {
            Serve($"/a/{i}.tar", 5 * i);
        }
        string Address(int i) => $"{server.Root}/a/{i}.tar";
        string FileOf(int i) => Path.Combine(Cache, ShardDownloads.FileOf(Address(i)));
        using var downloads = Downloads(3 * server.Files["/a/0.tar"].Length);
        for (var i = 0; i < 3; i++)
        {
            downloads.Open(Address(i)).Dispose();
            // All in the past, the first one longest ago.
            File.SetLastAccessTimeUtc(FileOf(i), DateTime.UtcNow.AddHours(i - 5));
        }
        downloads.Open(Address(0)).Dispose();
        downloads.Open(Address(3)).Dispose();
        Assert.Equal([true, false, true, true], Enumerable.Range(0, 4).Select(i => File.Exists(FileOf(i))));
    }

    [Fact]
    public void What_was_fetched_and_not_opened_yet_goes_last()
    {
        for (var i = 0; i < 3; i++)
        {
            Serve($"/a/{i}.tar", 5 * i);
        }
        string Address(int i) => $"{server.Root}/a/{i}.tar";
        using var downloads = Downloads(2 * server.Files["/a/0.tar"].Length);
        downloads.Begin(Address(0));
        WaitFor(() => Directory.Exists(Cache) && Directory.GetFiles(Cache, "*.shard").Length == 1);
        File.SetLastAccessTimeUtc(Path.Combine(Cache, ShardDownloads.FileOf(Address(0))), DateTime.UtcNow.AddHours(-5));
        foreach (var i in new[] { 1, 2, 0 })
        {
            downloads.Open(Address(i)).Dispose();
        }
        Assert.All(server.Requests, r => Assert.Equal(1, r.Value));
    }

    [Fact]
    public void A_failure_that_nobody_waited_for_is_not_told_later()
    {
        var address = server.Root + "/stall-head/0.tar";
        using var downloads = Downloads(stall: TimeSpan.FromSeconds(0.3));
        using (var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(50)))
        {
            Assert.ThrowsAny<OperationCanceledException>(() => downloads.Open(address, soon.Token));
        }
        WaitFor(() => server.Requests.GetValueOrDefault("/stall-head/0.tar") == 5 && NothingOnItsWay);
        Serve("/stall-head/0.tar", 0);
        Assert.Equal(server.Files["/stall-head/0.tar"], Bytes(downloads.Open(address)));
        downloads.Begin(server.Root + "/404/1.tar");
        WaitFor(() => server.Requests.ContainsKey("/404/1.tar") && NothingOnItsWay);
        Serve("/404/1.tar", 0);
        Assert.Equal(server.Files["/404/1.tar"], Bytes(downloads.Open(server.Root + "/404/1.tar")));
    }

    /// <summary>As training and held-out data in one process, or processes in containers, where each has the number 1.</summary>
    [Fact]
    public void A_shard_may_be_fetched_twice_at_once()
    {
        Serve("/held/0.tar", 0);
        using var one = Downloads();
        using var two = Downloads();
        one.Begin(server.Root + "/held/0.tar");
        two.Begin(server.Root + "/held/0.tar");
        WaitFor(() => server.Requests.GetValueOrDefault("/held/0.tar") == 2);
        server.Held.SetResult();
        foreach (var downloads in new[] { one, two })
        {
            Assert.Equal(server.Files["/held/0.tar"], Bytes(downloads.Open(server.Root + "/held/0.tar")));
        }
        Assert.Equal(2, server.Requests["/held/0.tar"]);
        Assert.True(NothingOnItsWay);
    }

    [Fact]
    public void A_folder_that_is_deleted_meanwhile_is_made_anew()
    {
        Serve("/a/0.tar", 0);
        using var downloads = Downloads();
        downloads.Begin(server.Root + "/a/0.tar");
        WaitFor(() => Directory.Exists(Cache) && Directory.GetFiles(Cache, "*.shard").Length == 1);
        Directory.Delete(Cache, recursive: true);
        Assert.Equal(server.Files["/a/0.tar"], Bytes(downloads.Open(server.Root + "/a/0.tar")));
    }

    /// <summary>Such as another user's in a folder with the sticky bit; here the file system refuses root, too.</summary>
    [SkippableFact]
    public void A_folder_full_of_files_that_cannot_be_deleted_is_refused_with_the_remedy()
    {
        Serve("/a/0.tar", 0);
        var size = server.Files["/a/0.tar"].Length;
        var foreign = folder.File("cache/1.shard", new byte[size]);
        Skip.IfNot(Chattr("+i", foreign), "chattr cannot protect a file here");
        try
        {
            using var downloads = Downloads(size + 100);
            var refused = Assert.Throws<IOException>(() => downloads.Open(server.Root + "/a/0.tar")).Message;
            Assert.Contains($"a shard of {size} bytes has no room in the cache '{Cache}': other users' files take {size} of its {size + 100} bytes (XCLR_SHARD_CACHE_GB)", refused);
            Assert.Contains("XCLR_CACHE", refused);
            Assert.Equal([foreign], Directory.GetFiles(Cache));
        }
        finally
        {
            Chattr("-i", foreign);
        }

        static bool Chattr(string change, string file)
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo("chattr", [change, file]) { RedirectStandardError = true })!;
                process.WaitForExit();
                return process.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false;
            }
        }
    }

    [Fact]
    public void A_larger_shard_than_the_limit_leaves_nothing_behind()
    {
        Serve("/a/0.tar", 0);
        using var downloads = Downloads(server.Files["/a/0.tar"].Length - 1);
        // The other one's length is not announced.
        foreach (var path in new[] { "/a/0.tar", "/endless/0.tar" })
        {
            Assert.Contains("XCLR_SHARD_CACHE_GB", Assert.Throws<IOException>(() => downloads.Open(server.Root + path)).Message);
            Assert.Empty(Directory.GetFiles(Cache));
        }
    }

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
    public void A_redirect_to_no_address_is_reported()
    {
        using var data = Open($"{server.Root}/odd-address/0.tar");
        Assert.Equal(SampleFault.Unreadable, data.Read(ReadOrder.Sequential).Single().Fault);
        Assert.Equal(1, data.Count);
    }

    [Theory]
    [InlineData(".tar", "<html>come back later</html>")]
    [InlineData(".tar.gz", "<html>come back later</html>")]
    public void A_body_that_is_no_archive_is_fetched_anew_at_the_next_opening(string suffix, string page)
    {
        var path = "/a/0" + suffix;
        server.Files[path] = TempFolder.Utf8(page);
        using (var data = Open(server.Root + path))
        {
            Assert.Equal(SampleFault.BrokenShard, data.Read(ReadOrder.Sequential).Single().Fault);
        }
        Serve(path, 0, suffix);
        using var again = Open(server.Root + path);
        Assert.Equal(5, Keys(again).Count);
        Assert.Equal(2, server.Requests[path]);
    }

    [Fact]
    public void What_killed_runs_left_is_deleted_after_a_day()
    {
        Serve("/a/0.tar", 0);
        var (old, young) = (folder.File("cache/1.shard.77.part", "old"), folder.File("cache/2.shard.78.part", "young"));
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-2));
        using var data = Open($"{server.Root}/a/0.tar");
        Assert.Equal(5, Keys(data).Count);
        Assert.False(File.Exists(old));
        Assert.True(File.Exists(young));
    }

    [Fact]
    public void The_cache_is_bounded_and_what_was_used_longest_ago_goes_first()
    {
        for (var i = 0; i < 4; i++)
        {
            Serve($"/a/{i}.tar", 5 * i);
        }
        var size = server.Files["/a/0.tar"].Length;
        using (var data = Open($"{server.Root}/a/{{0..3}}.tar", 2 * size + 100))
        {
            Assert.Equal(20, Keys(data).Count);
        }
        Assert.InRange(Directory.GetFiles(Cache).Sum(f => new FileInfo(f).Length), 1, 2 * size + 100);
        using var last = Open($"{server.Root}/a/3.tar", 2 * size + 100);
        Assert.Equal(5, Keys(last).Count);
        Assert.Equal(1, server.Requests["/a/3.tar"]);
        using var small = Open($"{server.Root}/a/0.tar", size / 2);
        Assert.Contains("XCLR_SHARD_CACHE_GB", small.Read(ReadOrder.Sequential).Single().FaultDetail);
    }

    [Fact]
    public void The_caches_size_is_a_number_or_refused()
    {
        Assert.Equal(20_000_000_000, DatasetOptions.CacheBytes(null));
        Assert.Equal(20_000_000_000, DatasetOptions.CacheBytes(""));
        Assert.Equal(500_000_000, DatasetOptions.CacheBytes("0.5"));
        Assert.All(["20GB", "0", "-1", "NaN", "Infinity", "1e300", "1,000"], written =>
            Assert.Contains($"XCLR_SHARD_CACHE_GB is '{written}'", Assert.Throws<DataException>(() => DatasetOptions.CacheBytes(written)).Message));
    }

    /// <summary>Three shards are fetched ahead into room for two: the one that had to go is fetched once more when it is opened.</summary>
    [Fact]
    public void A_shard_whose_room_was_taken_before_it_was_opened_is_fetched_anew()
    {
        for (var i = 0; i < 3; i++)
        {
            Serve($"/a/{i}.tar", 5 * i);
        }
        var size = server.Files["/a/0.tar"].Length;
        using var downloads = new ShardDownloads(Cache, 2 * size + 100);
        string Address(int i) => $"{server.Root}/a/{i}.tar";
        int Present() => Directory.Exists(Cache) ? Directory.GetFiles(Cache, "*.shard").Length : 0;
        for (var i = 0; i < 3; i++)
        {
            downloads.Begin(Address(i));
        }
        // All have been here: each was asked for, and none is on its way.
        Assert.True(SpinWait.SpinUntil(() => server.Requests.Count == 3 && Present() == 2 && Directory.GetFiles(Cache, "*.part").Length == 0, TimeSpan.FromSeconds(30)));
        for (var i = 0; i < 3; i++)
        {
            using var shard = downloads.Open(Address(i));
            Assert.Equal(size, shard.Length);
        }
        Assert.InRange(server.Requests.Values.Sum(), 4, 6);
    }

    [Fact]
    public void A_shard_whose_server_is_tried_again_is_told_of_once()
    {
        var notes = new List<string>();
        using var downloads = new ShardDownloads(Cache, 1 << 20, backOff: TimeSpan.FromMilliseconds(1), note: notes.Add);
        Assert.Throws<IOException>(() => downloads.Open("http://127.0.0.1:1/a.tar"));
        Assert.Matches("^http://127.0.0.1:1/a.tar: .*; it is tried 4 times more$", Assert.Single(notes));
    }

    [Fact]
    public void A_shard_that_cannot_be_fetched_is_reported_and_passed_over()
    {
        for (var i = 0; i < 3; i++)
        {
            Serve($"/a/{i}.tar", 5 * i);
        }
        server.Files.TryRemove("/a/1.tar", out _);
        using var data = Open($"{server.Root}/a/0.tar::{server.Root}/404/1.tar::{server.Root}/a/2.tar");
        using var stream = new SampleStream(data, new() { Shuffle = false, EndEpoch = 2 });
        Assert.Equal(20, stream.ReadAll().Count(s => { s.Dispose(); return true; }));
        Assert.Equal(2, stream.Skipped[SampleFault.Unreadable]);
        Assert.Matches("^http.*/404/1.tar: .*status 404", Assert.Single(stream.LostShards));
        using var none = Open($"{server.Root}/404/{{1..3}}.tar");
        var refused = Assert.Throws<DataException>(() => Keys(none)).Message;
        Assert.Contains("3 of 3 shards", refused);
        Assert.Contains("status 404", refused);
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
        var (one, two) = (folder.Shard("1.tar", TempFolder.Samples(2)), folder.Shard("2.tar", TempFolder.Samples(2)));
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
        var path = folder.Shard("0.tar", TempFolder.Samples(2));
        folder.File("0_stats.json", """{"count": 9, "status_dict": {"success": 7, "failed": 2}}""");
        using var data = Open(path);
        Assert.Equal(7, data.Count);
    }

    [Theory]
    [InlineData("pipe:curl http://x.org/0.tar", "pipe:")]
    [InlineData("s3://bucket/{0..2}.tar", "http and https")]
    [InlineData("http://127.0.0.1/list.tsv", "no .tar shard")]
    public void Other_addresses_are_refused(string specification, string said) =>
        Assert.Contains(said, Assert.Throws<DataException>(() => DatasetFactory.Open(specification)).Message);
}
