using System.Buffers.Binary;
using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace XClr.Text;

/// <summary>
/// Embeddings by caption in one memory-mapped file. Opening takes no longer for a large store than for a small one. Several processes may
/// read and append at once (appends take turns); whatever ends a writer, the file stays readable and keeps what was committed.
/// Safe for concurrent use.
/// </summary>
public sealed class EmbeddingStore : IDisposable
{
    private const int AppendBytes = 32 << 20;

    // What a power failure may cost. Flushing after each append instead writes the table's pages again and again, since hashes fall anywhere in it.
    private static readonly TimeSpan FlushEvery = TimeSpan.FromMinutes(1);

    private readonly StoreFormat format;
    private readonly SafeFileHandle file;
    private readonly Lock reading = new();
    private readonly Lock writing = new();
    private long flushed = Stopwatch.GetTimestamp();
    private bool unflushed;
    private StoreMap map;

    private EmbeddingStore(string path, StoreFormat format, SafeFileHandle file, StoreMap map)
    {
        Path = path;
        this.format = format;
        this.file = file;
        this.map = map;
    }

    public string Path { get; }

    /// <summary>D, numbers per embedding.</summary>
    public int Dimension => format.Dimension;

    public EmbeddingType Type => format.Type;

    /// <summary>The fingerprint (64 hex digits) of the embedder whose embeddings these are.</summary>
    public string Fingerprint => format.Fingerprint;

    /// <summary>Records committed, as last seen: other processes' appends are noticed when a caption is not found.</summary>
    public long Count
    {
        get { lock (reading)
            {
                return map.Commit.Records;
            }
        }
    }

    /// <summary>Opens a store that exists; one that is damaged is repaired.</summary>
    /// <exception cref="TextException">It is missing, not a store, or its header is corrupt.</exception>
    public static EmbeddingStore Open(string path) => Open(path, repair: true)!;

    /// <summary>Opens a store that exists as it is; null where it is damaged.</summary>
    /// <inheritdoc cref="Open(string)" path="/exception"/>
    public static EmbeddingStore? OpenIntact(string path) => Open(path, repair: false);

    private static EmbeddingStore? Open(string path, bool repair)
    {
        path = System.IO.Path.GetFullPath(path);
        SafeFileHandle? file = null;
        try
        {
            file = StoreFile.Open(path);
            var format = StoreFormat.ReadHeader(path, StoreFile.ReadHeader(file));
            if ((StoreFile.Map(file, format) ?? (repair ? StoreRecovery.Rebuild(path, file, format) : null)) is { } map)
            {
                return new EmbeddingStore(path, format, file, map);
            }
            file.Dispose();
            return null;
        }
        catch (Exception e)
        {
            file?.Dispose();
            if (e is IOException or UnauthorizedAccessException)
            {
                throw new TextException($"The embedding store {path} cannot be opened ({e.Message}). Check the folder, or choose another one with XCLR_CACHE.", e);
            }
            throw;
        }
    }

    /// <summary>Opens a store, made empty where there is none. fingerprint: CaptionEmbedder.Fingerprint (64 hex digits).</summary>
    /// <exception cref="TextException">It is not a store, is corrupt, or holds something else than asked for.</exception>
    public static EmbeddingStore OpenOrCreate(string path, int dimension, EmbeddingType type, string fingerprint)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        if (fingerprint.Length != 64)
        {
            throw new ArgumentException($"A fingerprint has 64 hex digits, not \"{fingerprint}\".", nameof(fingerprint));
        }
        var format = new StoreFormat(dimension, type, fingerprint.ToLowerInvariant());
        path = System.IO.Path.GetFullPath(path);
        if (!File.Exists(path))
        {
            StoreFile.Create(path, format);
        }
        var store = Open(path);
        if (store.format == format)
        {
            return store;
        }
        var found = store.format;
        store.Dispose();
        throw new TextException($"{path} holds embeddings of dimension {found.Dimension}, {found.Type}, by the embedder {found.Fingerprint}; " +
                                $"asked for are dimension {dimension}, {type}, by {format.Fingerprint}. Delete the file, or name another one.");
    }

    /// <summary>Copies a caption's embedding [D] out of the store; false, and nothing written, where it has none.</summary>
    public bool TryGet(ReadOnlySpan<char> caption, Span<float> embedding)
    {
        if (embedding.Length < Dimension)
        {
            throw new ArgumentException($"An embedding has {Dimension} numbers, the span holds {embedding.Length}.", nameof(embedding));
        }
        var key = CaptionKey.Of(caption);
        lock (reading)
        {
            var offset = map.Find(key);
            if (offset == 0 && map.IsStale && Remap())
            {
                offset = map.Find(key);
            }
            if (offset == 0)
            {
                return false;
            }
            format.ReadRow(map.Record(offset), embedding);
            return true;
        }
    }

    /// <summary>Makes room for a store of so many captions in all, so that a build that knows their number writes the table once. Without, or beyond it, the table doubles
    /// when it is full. A store that cannot be written is left as it is: the appends will say so.</summary>
    public void Reserve(long captions)
    {
        lock (writing)
        {
            if (!StoreTable.IsFull(map.Commit.TableBits, captions))
            {
                return;
            }
            try
            {
                using var held = StoreLock.Acquire(Path);
                if (Remap() && StoreTable.IsFull(map.Commit.TableBits, captions))
                {
                    Publish(WriteLargerTable(map.Commit, captions, []));
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
            }
        }
    }

    /// <summary>Adds captions with their embeddings [N,D] (normalised, or zero); those already there are left as they are. Returns how many were new. When it returns they are
    /// safe from the end of this process; from that of the machine with the first append after a minute, or when the store is closed.</summary>
    /// <exception cref="ArgumentException">embeddings does not hold N*D numbers, or one is not finite.</exception>
    /// <exception cref="IOException">The disk is full or the file cannot be written; what was committed before is kept.</exception>
    public int Append(IReadOnlyList<string> captions, ReadOnlySpan<float> embeddings)
    {
        if (embeddings.Length != (long)captions.Count * Dimension)
        {
            throw new ArgumentException($"{captions.Count} captions of {Dimension} numbers need {(long)captions.Count * Dimension} numbers, not {embeddings.Length}.", nameof(embeddings));
        }
        for (var i = 0; i < embeddings.Length; i++)
        {
            if (!float.IsFinite(embeddings[i]))
            {
                throw new ArgumentException($"The embedding of \"{captions[i / Dimension]}\" has {embeddings[i]} in it.", nameof(embeddings));
            }
        }
        if (captions.Count == 0)
        {
            return 0;
        }
        lock (writing)
        {
            try
            {
                using var held = StoreLock.Acquire(Path);
                return AppendAll(captions, embeddings);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new IOException($"{Path}: {captions.Count} embeddings could not be added ({e.Message}). The store keeps what it had; free some space, or choose another folder with XCLR_CACHE.", e);
            }
        }
    }

    public void Dispose()
    {
        lock (writing)
        lock (reading)
        {
            if (unflushed)
                {
                    StoreFile.TryFlush(file);
                }
                map.Dispose();
            file.Dispose();
        }
    }

    private int AppendAll(IReadOnlyList<string> captions, ReadOnlySpan<float> embeddings)
    {
        if (!Remap())
        {
            throw new IOException("the file was cut short while it was open; open it again to repair it");
        }
        var added = 0;
        var seen = new HashSet<CaptionKey>();
        var records = new List<(CaptionKey Key, int Row)>();
        for (var i = 0; i < captions.Count; i++)
        {
            var key = CaptionKey.Of(captions[i]);
            if (map.Find(key) == 0 && seen.Add(key))
            {
                records.Add((key, i));
            }
            var full = (records.Count + 1L) * format.Stride > AppendBytes;
            if (records.Count == 0 || (!full && i < captions.Count - 1))
            {
                continue;
            }
            AppendChunk(records, embeddings);
            added += records.Count;
            records.Clear();
        }
        return added;
    }

    /// <summary>Writes one chunk of records, points the table at them, and commits. The order keeps every earlier state readable.</summary>
    private void AppendChunk(List<(CaptionKey Key, int Row)> records, ReadOnlySpan<float> embeddings)
    {
        var before = map.Commit;
        try
        {
            var after = before with { Records = before.Records + records.Count, End = WriteRecords(before.End, records, embeddings) };
            var offsets = records.Select((r, i) => (r.Key.Hash, RecordOffset(before.End, i)));
            if (StoreTable.IsFull(before.TableBits, after.Records) || !PointSlots(before.End, records))
            {
                after = WriteLargerTable(after, after.Records, offsets);
            }
            Publish(after);
        }
        catch (IOException)
        {
            StoreFile.TryTruncate(file, before.End);
            throw;
        }
    }

    /// <summary>Returns the chunk's end.</summary>
    private long WriteRecords(long chunk, List<(CaptionKey Key, int Row)> records, ReadOnlySpan<float> embeddings)
    {
        var stride = format.Stride;
        var bytes = new byte[ChunkHeader.Bytes + records.Count * stride];
        new ChunkHeader(ChunkKind.Records, (long)records.Count * stride, chunk).Write().CopyTo(bytes, 0);
        for (var i = 0; i < records.Count; i++)
        {
            format.WriteRecord(bytes.AsSpan(ChunkHeader.Bytes + i * stride, stride), records[i].Key, embeddings.Slice(records[i].Row * Dimension, Dimension));
        }
        StoreFile.Write(file, bytes, chunk);
        return chunk + bytes.Length;
    }

    /// <summary>Fills the table's free slots; the map shows each as soon as it is written, so that the next record finds the next one. False:
    /// there are none left (slots that killed writers filled are not counted among the records).</summary>
    private bool PointSlots(long chunk, List<(CaptionKey Key, int Row)> records)
    {
        var slot = new byte[16];
        for (var i = 0; i < records.Count; i++)
        {
            var at = map.FindFree(records[i].Key);
            if (at < 0)
            {
                return false;
            }
            BinaryPrimitives.WriteUInt64LittleEndian(slot, records[i].Key.Hash);
            BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(8), RecordOffset(chunk, i));
            StoreFile.Write(file, slot, map.Commit.Table + ChunkHeader.Bytes + 16 * at);
        }
        return true;
    }

    /// <summary>Writes a table that has room for so many records, with what the one before and more (hash, offset) point to, to the end of what is committed after.</summary>
    private Commit WriteLargerTable(Commit after, long room, IEnumerable<(ulong Hash, long Offset)> more)
    {
        var table = new StoreTable(Math.Max(after.TableBits + 1, StoreTable.BitsFor(room)));
        table.AddAll(map);
        foreach (var (hash, offset) in more)
        {
            table.Add(hash, offset);
        }
        table.Write(file, after.End);
        // A commit must not reach the disk before a table that only it points to.
        Flush();
        return after with { Table = after.End, TableBits = table.Bits, End = after.End + StoreTable.ChunkBytes(table.Bits) };
    }

    /// <summary>Makes a state the store's own.</summary>
    private void Publish(Commit after)
    {
        if (Stopwatch.GetElapsedTime(flushed) > FlushEvery)
        {
            Flush();
        }
        after = after with { Sequence = after.Sequence + 1 };
        StoreFile.Write(file, after.Write(), StoreFormat.CommitOffset(after.Sequence));
        unflushed = true;
        Remap();
    }

    private void Flush()
    {
        RandomAccess.FlushToDisk(file);
        (unflushed, flushed) = (false, Stopwatch.GetTimestamp());
    }

    private long RecordOffset(long chunk, int index) => chunk + ChunkHeader.Bytes + (long)index * format.Stride;

    /// <summary>Moves to the newest commit; false, and the old map kept, where that does not fit the file.</summary>
    private bool Remap()
    {
        lock (reading)
        {
            if (StoreFile.Map(file, format, this.map) is not { } map)
            {
                return false;
            }
            this.map.Dispose();
            this.map = map;
            return true;
        }
    }
}
