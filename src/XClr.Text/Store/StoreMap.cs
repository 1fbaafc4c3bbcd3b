using Microsoft.Win32.SafeHandles;

namespace XClr.Text;

/// <summary>A store's file mapped for reading, as of one commit. Opening it reads nothing but the header.</summary>
internal sealed unsafe class StoreMap : IDisposable
{
    private readonly StoreFormat format;
    private readonly MappedRange file;
    private MappedRange? table;

    /// <summary>Maps. before: the map of an earlier commit, which gives its table up where that is this commit's too: finding the pages of a large one again costs more than an append.</summary>
    public StoreMap(SafeFileHandle handle, StoreFormat format, Commit commit, StoreMap? before)
    {
        this.format = format;
        Commit = commit;
        file = new MappedRange(handle, 0, commit.End);
        if (before?.table is { } table && (before.Commit.Table, before.Commit.TableBits) == (commit.Table, commit.TableBits))
        {
            (this.table, before.table) = (table, null);
            return;
        }
        try
        {
            this.table = new MappedRange(handle, commit.Table + ChunkHeader.Bytes, 16 * commit.TableSlots);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public Commit Commit { get; }

    /// <summary>Whether another writer has committed since this map was made.</summary>
    public bool IsStale => Commit.Newest(new ReadOnlySpan<byte>(file.Bytes, StoreFormat.HeaderBytes)) is { } now && now.Sequence != Commit.Sequence;

    /// <summary>The offset of a caption's record; 0 where there is none.</summary>
    public long Find(CaptionKey key)
    {
        for (long slot = Home(key.Hash, Commit.TableBits), probes = 0; probes < Commit.TableSlots; slot = (slot + 1) & (Commit.TableSlots - 1), probes++)
        {
            var (hash, offset) = Slot(slot);
            if (offset == 0)
            {
                return 0;
            }
            if (hash == key.Hash && Record(offset) is { IsEmpty: false } record && StoreFormat.ReadKey(record) == key && StoreFormat.IsWhole(record))
            {
                return offset;
            }
        }
        return 0;
    }

    /// <summary>The slot for a new record: an empty one, or one of the same hash that points to no valid record of that hash (what a killed
    /// writer or damage leaves behind). -1: the table is full.</summary>
    public long FindFree(CaptionKey key)
    {
        for (long slot = Home(key.Hash, Commit.TableBits), probes = 0; probes < Commit.TableSlots; slot = (slot + 1) & (Commit.TableSlots - 1), probes++)
        {
            var (hash, offset) = Slot(slot);
            if (offset == 0)
            {
                return slot;
            }
            if (hash != key.Hash)
            {
                continue;
            }
            var record = Record(offset);
            if (record.IsEmpty || StoreFormat.ReadKey(record).Hash != hash || !StoreFormat.IsWhole(record))
            {
                return slot;
            }
        }
        return -1;
    }

    public (ulong Hash, long Offset) Slot(long index)
    {
        var slot = (ulong*)table!.Bytes + 2 * index;
        return (slot[0], (long)slot[1]);
    }

    /// <summary>The bytes of the record at an offset [Stride]; empty where it does not lie inside what was committed.</summary>
    public ReadOnlySpan<byte> Record(long offset) => offset >= StoreFormat.HeaderBytes && offset % 8 == 0 && offset <= Commit.End - format.Stride
        ? new ReadOnlySpan<byte>(file.Bytes + offset, format.Stride) : default;

    /// <summary>Where the search for a hash begins, in a table of 2^bits slots.</summary>
    public static long Home(ulong hash, int bits) => (long)(hash >> (64 - bits));

    public void Dispose()
    {
        file.Dispose();
        table?.Dispose();
    }
}
