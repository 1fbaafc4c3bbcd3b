namespace XClr.Data;

/// <summary>The order in which one epoch is read. The order depends on these values alone (not on Stop).</summary>
/// <param name="Shuffle">False: the files' own order.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Epoch">Epoch, from 0.</param>
/// <param name="BufferSize">
/// Samples among which streamed sets (shards) draw the next one; sets that know all their samples shuffle them all.
/// </param>
/// <param name="BufferBytes">Bound on the image bytes that the buffer holds (compressed and fetched shards only; others hold none).</param>
/// <param name="Rank">Number of this reader among those that share an epoch, from 0.</param>
/// <param name="WorldSize">
/// How many readers share the epoch. Each gets its own part: every WorldSize-th shard of the shuffled ones, or, where there are fewer shards than readers and
/// in sets that know all their samples, every WorldSize-th sample. The parts of all ranks are the epoch, each sample once.
/// </param>
/// <param name="Stop">Cancels waiting for a server, with an <see cref="OperationCanceledException"/>.</param>
public readonly record struct ReadOrder(bool Shuffle, ulong Seed, int Epoch, int BufferSize = 10_000, long BufferBytes = 256L << 20, int Rank = 0, int WorldSize = 1, CancellationToken Stop = default)
{
    /// <summary>The files' own order, for evaluation.</summary>
    public static ReadOrder Sequential { get; } = new(false, 0, 0);

    /// <summary>This rank's part of an ordered list.</summary>
    internal IEnumerable<T> Part<T>(IEnumerable<T> all)
    {
        var (rank, world) = (Rank, WorldSize);
        return world == 1 ? all : all.Where((_, i) => i % world == rank);
    }
}

/// <summary>A set of images with captions, labels or both. Reading is single threaded; several readings may run at once.</summary>
public interface IImageDataset : IDisposable
{
    /// <summary>The path or specification it was opened with, for messages.</summary>
    string Name { get; }

    /// <summary>`webdataset`, `imagefolder`, `csv`, `tsv`, `jsonl`, `idx` or `parquet`.</summary>
    string Format { get; }

    /// <summary>Class names in index order; null where they are not known.</summary>
    IReadOnlyList<string>? Classes { get; }

    /// <summary>Number of raw samples, faulty ones included; a streamed set reads through its shards' headers the first time.</summary>
    /// <exception cref="DataException">There is none; the message names the path.</exception>
    long Count { get; }

    /// <summary>The folders of the set's shards, which may hold files that belong to it, such as caption embeddings; empty if it has no shards.</summary>
    IReadOnlyList<string> Folders => [];

    /// <summary>One epoch of raw samples. Captions and labels are read, images are not.</summary>
    IEnumerable<RawSample> Read(ReadOrder order);
}
