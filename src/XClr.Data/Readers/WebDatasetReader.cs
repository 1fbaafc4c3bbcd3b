using System.Diagnostics;
using System.IO.Compression;

namespace XClr.Data.Readers;

/// <summary>
/// WebDataset shards (img2dataset's layout too): .tar, .tar.gz or .tgz whose members `key.jpg key.txt key.json key.cls` with one
/// key make a sample. Image bytes of uncompressed local shards stay where they are until a worker decodes them. Shards behind http and
/// https addresses are fetched into a cache.
/// </summary>
public sealed class WebDatasetReader : IImageDataset
{
    private readonly IReadOnlyList<string> shards;
    private readonly LabelCaptions labels;
    private readonly ShardHandles handles = new();
    private readonly ObjectPool<WebSampleBuilder> builders;
    private readonly Lazy<ShardDownloads> downloads;
    private readonly DatasetOptions options;
    private long? count;

    /// <param name="specification">Shards, see <see cref="ShardList.Expand"/>.</param>
    /// <param name="options">Classes, caption template, cache, what ends the waiting, who is told of counting.</param>
    /// <exception cref="DataException">No shards, or one that is missing.</exception>
    public WebDatasetReader(string specification, DatasetOptions? options = null)
    {
        this.options = options ??= new();
        Name = specification;
        shards = ShardList.Expand(specification);
        var samples = RawSample.NewPool();
        var classes = options.LoadClasses();
        builders = new(_ => new(handles, samples, classes));
        downloads = new(() => new ShardDownloads(options.ShardCache, options.ShardCacheBytes, note: options.Note));
        Classes = classes?.Names;
        labels = new(specification, Classes, options.CaptionTemplate);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Format => "webdataset";

    /// <inheritdoc/>
    public IReadOnlyList<string>? Classes { get; }

    /// <summary>The shards' paths, in the files' own order.</summary>
    public IReadOnlyList<string> Shards => shards;

    /// <inheritdoc/>
    public IReadOnlyList<string> Folders => [.. shards.Select(s => Path.GetDirectoryName(s) is { Length: > 0 } folder ? folder : ".").Distinct(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public long Count
    {
        get
        {
            count ??= CountAll();
            return count > 0 ? count.Value : throw new DataException(
                $"'{Name}' holds no samples: {shards.Count} shard(s), first {shards[0]} {(File.Exists(shards[0]) ? $"of {new FileInfo(shards[0]).Length} bytes" : "missing")}.");
        }
    }

    /// <inheritdoc/>
    public IEnumerable<RawSample> Read(ReadOrder order)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(order.Stop, options.Stop);
        foreach (var sample in ShardOrder.Read(Name, shards, order, s => ReadShard(s, withText: true, stop.Token), Begin))
        {
            yield return sample;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        handles.Dispose();
        if (downloads.IsValueCreated)
        {
            downloads.Value.Dispose();
        }
    }

    private ShardDownloads Downloads => downloads.Value;

    private void Begin(string shard)
    {
        if (ShardDownloads.IsAddress(shard))
        {
            Downloads.Begin(shard);
        }
    }

    // What was counted before the end is kept for the next time.
    private long CountAll()
    {
        var counts = new ShardCounts(options.ShardCache);
        var (done, samples) = (0, 0L);
        using var walk = new DatasetWalk(options, () => $"counting '{Name}': {done} of {shards.Count} shards, {samples} samples");
        try
        {
            foreach (var shard in shards)
            {
                samples += CountOf(shard, counts, walk);
                done++;
            }
            return samples;
        }
        finally
        {
            counts.Save();
        }
    }

    // A shard is walked over, and fetched where it is not here, only where neither an earlier run nor its statistics tell.
    private long CountOf(string shard, ShardCounts counts, DatasetWalk walk)
    {
        walk.Step();
        if (counts.Find(shard) is { } known)
        {
            return known;
        }
        var begin = Stopwatch.GetTimestamp();
        if (Statistics(shard) is { } said)
        {
            counts.Add(shard, said, Stopwatch.GetElapsedTime(begin));
            return said;
        }
        var (count, whole) = (0L, true);
        foreach (var sample in ReadShard(shard, withText: false, options.Stop))
        {
            walk.Step();
            count++;
            whole &= sample.Fault is not (SampleFault.BrokenShard or SampleFault.Unreadable);
        }
        if (whole)
        {
            counts.Add(shard, count, Stopwatch.GetElapsedTime(begin));
        }
        return count;
    }

    private long? Statistics(string shard)
    {
        if (ShardList.Stem(shard) is not { } stem)
        {
            return null;
        }
        return ShardDownloads.IsAddress(shard)
            ? Downloads.TryReadSmall(stem + "_stats.json", options.Stop) is { } stats ? ShardSidecars.TrySuccesses(stats) : null
            : File.Exists(shard) ? ShardSidecars.TrySuccesses(stem + "_stats.json") : null;
    }

    private IEnumerable<RawSample> ReadShard(string shard, bool withText, CancellationToken stop)
    {
        using var file = TryOpen(shard, stop, out var compressed, out var failure);
        if (file is null)
        {
            yield return RawSample.Broken(Path.GetFileName(shard), shard, SampleFault.Unreadable, failure!);
            yield break;
        }
        using Stream archive = compressed ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var tar = new TarReader(archive);
        // The file of a fetched shard may be deleted before its samples' turn comes.
        var sample = builders.Rent().Begin(shard, compressed || ShardDownloads.IsAddress(shard), withText);
        try
        {
            while (true)
            {
                var member = TryNext(tar, sample, out failure);
                if (sample.TakeFinished() is { } finished)
                {
                    yield return labels.Complete(finished);
                }
                if (failure is not null)
                {
                    ForgetFetched(shard);
                    yield return RawSample.Broken(Path.GetFileName(shard), shard, SampleFault.BrokenShard, $"the rest of {shard} is lost: {failure}");
                    yield break;
                }
                if (!member)
                {
                    yield break;
                }
            }
        }
        finally
        {
            sample.Drop();
            builders.Return(sample);
        }
    }

    // By its bytes: names are wrong now and then.
    private static bool IsGzip(FileStream file)
    {
        Span<byte> head = stackalloc byte[2];
        var count = RandomAccess.Read(file.SafeFileHandle, head, 0);
        return count == 2 && head is [0x1f, 0x8b];
    }

    private FileStream? TryOpen(string shard, CancellationToken stop, out bool compressed, out string? failure)
    {
        compressed = false;
        try
        {
            failure = null;
            var file = ShardDownloads.IsAddress(shard) ? Downloads.Open(shard, stop) : new FileStream(shard, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            compressed = IsGzip(file);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failure = e.Message;
            return null;
        }
    }

    // A page that a server gave once in a shard's place must not stay in the cache.
    private void ForgetFetched(string shard)
    {
        if (!ShardDownloads.IsAddress(shard))
        {
            return;
        }
        try
        {
            Downloads.Forget(shard);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is read again as it is.
        }
    }

    // Adds the next member; false at the end. A failure drops the sample that was being built: its members may be incomplete.
    private static bool TryNext(TarReader tar, WebSampleBuilder sample, out string? failure)
    {
        failure = null;
        try
        {
            if (tar.Next() is { } member)
            {
                sample.Add(tar, member);
                return true;
            }
            sample.Finish();
        }
        catch (Exception e) when (e is InvalidDataException or IOException or OverflowException)
        {
            sample.Drop();
            failure = e.Message;
        }
        return false;
    }
}
