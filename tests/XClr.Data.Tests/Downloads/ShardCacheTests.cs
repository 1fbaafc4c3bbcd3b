using System.Diagnostics;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>The folder that shards are fetched to: its bound, who goes first, and who else is in it.</summary>
public sealed class ShardCacheTests : ShardServerTest
{
    [Fact]
    public void What_was_opened_longest_ago_goes_first()
    {
        ServeShards(4);
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
        ServeShards(3);
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
        ServeShards(4);
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
        ServeShards(3);
        var size = server.Files["/a/0.tar"].Length;
        using var downloads = new ShardDownloads(Cache, 2 * size + 100);
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
}
