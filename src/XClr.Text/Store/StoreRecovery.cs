using Microsoft.Win32.SafeHandles;

namespace XClr.Text;

/// <summary>Brings a store back whose commits do not fit its file (cut short by a copy, say): every whole record that its chunks still
/// hold is indexed again. Takes time in proportion to the records, and happens after damage only.</summary>
internal static class StoreRecovery
{
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static StoreMap Rebuild(string path, SafeFileHandle file, StoreFormat format)
    {
        using var held = StoreLock.Acquire(path);
        // Another process may have done it while this one waited.
        if (StoreFile.Map(file, format) is { } ready)
        {
            return ready;
        }
        var records = new List<(ulong Hash, long Offset)>();
        var end = Scan(file, format, records);
        RandomAccess.SetLength(file, end);
        var table = new StoreTable(StoreTable.BitsFor(records.Count));
        foreach (var (hash, offset) in records)
        {
            table.Add(hash, offset);
        }
        table.Write(file, end);
        RandomAccess.FlushToDisk(file);
        var sequence = Commit.Newest(StoreFile.ReadHeader(file))?.Sequence ?? 0;
        var commit = new Commit(sequence + 1, records.Count, end + StoreTable.ChunkBytes(table.Bits), end, table.Bits);
        StoreFile.Write(file, commit.Write(), StoreFormat.CommitOffset(commit.Sequence));
        return StoreFile.Map(file, format) ?? throw new TextException($"{path}: the embedding store could not be repaired. Delete the file: its captions will be embedded again.");
    }

    /// <summary>Walks the chunks up to the first that is not one; returns where the next chunk may go.</summary>
    private static long Scan(SafeFileHandle file, StoreFormat format, List<(ulong, long)> records)
    {
        var length = RandomAccess.GetLength(file);
        var head = new byte[ChunkHeader.Bytes];
        long at = StoreFormat.HeaderBytes;
        while (at + ChunkHeader.Bytes <= length && RandomAccess.Read(file, head, at) == head.Length && ChunkHeader.Read(head, at) is { } chunk)
        {
            var payload = at + ChunkHeader.Bytes;
            var whole = Math.Min(chunk.Payload, length - payload);
            if (chunk.Kind == ChunkKind.Records)
            {
                whole -= whole % format.Stride;
                AddRecords(file, format, payload, whole, records);
            }
            else if (whole < chunk.Payload)
            {
                break;
            }
            if (whole < chunk.Payload)
            {
                StoreFile.Write(file, (chunk with { Payload = whole }).Write(), at);
            }
            at = payload + whole;
        }
        return at;
    }

    private static void AddRecords(SafeFileHandle file, StoreFormat format, long begin, long bytes, List<(ulong, long)> records)
    {
        var block = new byte[Math.Max(1, (4 << 20) / format.Stride) * format.Stride];
        for (var at = begin; at < begin + bytes; at += block.Length)
        {
            var read = RandomAccess.Read(file, block.AsSpan(0, (int)Math.Min(block.Length, begin + bytes - at)), at);
            for (var i = 0; i + format.Stride <= read; i += format.Stride)
            {
                var record = block.AsSpan(i, format.Stride);
                if (StoreFormat.IsWhole(record))
                {
                    records.Add((StoreFormat.ReadKey(record).Hash, at + i));
                }
            }
        }
    }
}
