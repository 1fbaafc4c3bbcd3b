using System.IO.Compression;

namespace XClr.Data.Readers;

/// <summary>
/// WebDataset shards (img2dataset's layout too): .tar, .tar.gz or .tgz whose members `key.jpg key.txt key.json key.cls` with one
/// key make a sample. Image bytes of uncompressed shards stay where they are until a worker decodes them.
/// </summary>
public sealed class WebDatasetReader : IImageDataset
{
    private readonly IReadOnlyList<string> _shards;
    private readonly LabelCaptions _labels;
    private readonly ShardHandles _handles = new();
    private long? _count;

    /// <param name="specification">Shards, see <see cref="ShardList.Expand"/>.</param>
    /// <param name="options">Classes and caption template.</param>
    /// <exception cref="DataException">No shards, or one that is missing.</exception>
    public WebDatasetReader(string specification, DatasetOptions? options = null)
    {
        Name = specification;
        _shards = ShardList.Expand(specification);
        var classes = (options ?? DatasetOptions.Default).LoadClasses();
        Classes = classes?.Names;
        _labels = new(specification, Classes, (options ?? DatasetOptions.Default).CaptionTemplate);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Format => "webdataset";

    /// <inheritdoc/>
    public IReadOnlyList<string>? Classes { get; }

    /// <summary>The shards' paths, in the files' own order.</summary>
    public IReadOnlyList<string> Shards => _shards;

    /// <inheritdoc/>
    public long Count
    {
        get
        {
            _count ??= _shards.Sum(s => (long)ReadShard(s, withText: false).Count());
            return _count > 0 ? _count.Value : throw new DataException(
                $"'{Name}' holds no samples: {_shards.Count} shard(s), first {_shards[0]} {(File.Exists(_shards[0]) ? $"of {new FileInfo(_shards[0]).Length} bytes" : "missing")}.");
        }
    }

    /// <inheritdoc/>
    public IEnumerable<RawSample> Read(ReadOrder order)
    {
        if (!order.Shuffle)
        {
            return _shards.SelectMany(s => ReadShard(s, withText: true));
        }
        var shards = _shards.ToArray();
        new SeededRandom(order.Seed, RandomPurpose.ShardOrder, order.Epoch).Shuffle<string>(shards);
        return ShuffleBuffer.Shuffle(shards.SelectMany(s => ReadShard(s, withText: true)), order);
    }

    /// <inheritdoc/>
    public void Dispose() => _handles.Dispose();

    private IEnumerable<RawSample> ReadShard(string shard, bool withText)
    {
        using var file = TryOpen(shard, out var failure);
        if (file is null)
        {
            yield return RawSample.Broken(Path.GetFileName(shard), shard, SampleFault.Unreadable, failure!);
            yield break;
        }
        var compressed = ShardList.IsCompressed(shard);
        using Stream archive = compressed ? new GZipStream(file, CompressionMode.Decompress) : file;
        var tar = new TarReader(archive);
        var sample = new WebSampleBuilder(shard, compressed, withText, _handles);
        while (true)
        {
            var member = TryNext(tar, sample, out failure);
            if (sample.TakeFinished() is { } finished)
            {
                yield return _labels.Complete(finished);
            }
            if (failure is not null)
            {
                yield return RawSample.Broken(Path.GetFileName(shard), shard, SampleFault.BrokenShard, $"the rest of {shard} is lost: {failure}");
                yield break;
            }
            if (!member)
            {
                yield break;
            }
        }
    }

    private static FileStream? TryOpen(string shard, out string? failure)
    {
        try
        {
            failure = null;
            return new FileStream(shard, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 4096);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failure = e.Message;
            return null;
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
