using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>A test with a server of shards, and a cache that they are fetched to.</summary>
public abstract class ShardServerTest : IDisposable
{
    private protected readonly TempFolder folder = new();
    private protected readonly HostileServer server = new();

    public void Dispose()
    {
        server.Dispose();
        folder.Dispose();
    }

    private protected string Cache => folder.Path + "/cache";

    private protected void Serve(string path, int first, string suffix = ".tar") => server.Files[path] = File.ReadAllBytes(folder.Shard("s" + suffix, TestShards.Samples(5, first)));

    /// <summary>Serves /a/0.tar, /a/1.tar ... of five samples each.</summary>
    private protected void ServeShards(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Serve($"/a/{i}.tar", 5 * i);
        }
    }

    private protected string Address(int i) => $"{server.Root}/a/{i}.tar";

    private protected WebDatasetReader Open(string specification, long cacheBytes = 1 << 30) =>
        (WebDatasetReader)DatasetFactory.Open(specification, options: new() { ShardCache = Cache, ShardCacheBytes = cacheBytes });

    private protected static List<string> Keys(IImageDataset data, bool shuffle = false)
    {
        using var stream = new SampleStream(data, new() { Shuffle = shuffle });
        return [.. stream.ReadAll().Select(s => { using (s) { return s.Key; } })];
    }

    // stall: for servers that are silent; a busy machine's is, too, for a while.
    private protected ShardDownloads Downloads(long maxBytes = 1 << 30, TimeSpan? stall = null) => new(Cache, maxBytes, backOff: TimeSpan.FromMilliseconds(1), stall);

    private protected static byte[] Bytes(FileStream shard)
    {
        using (shard)
        {
            var bytes = new byte[shard.Length];
            shard.ReadExactly(bytes);
            return bytes;
        }
    }

    private protected void WaitFor(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), string.Join('\n', server.Requests));

    private protected bool NothingOnItsWay => Directory.GetFiles(Cache, "*.part").Length == 0;
}
