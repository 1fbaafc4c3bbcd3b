using System.Diagnostics;
using System.Text;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>A shard is fetched once, whole and as it is, whatever its server does.</summary>
public sealed class ShardTransferTests : ShardServerTest
{
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
        server.Files[path] = Encoding.UTF8.GetBytes(page);
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
        ServeShards(3);
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

    [Theory]
    [InlineData("pipe:curl http://x.org/0.tar", "pipe:")]
    [InlineData("s3://bucket/{0..2}.tar", "http and https")]
    [InlineData("http://127.0.0.1/list.tsv", "no .tar shard")]
    public void Other_addresses_are_refused(string specification, string said) =>
        Assert.Contains(said, Assert.Throws<DataException>(() => DatasetFactory.Open(specification)).Message);
}
