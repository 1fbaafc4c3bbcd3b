using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace XClr.Text;

/// <summary>A hash table being built in memory, before it is written to the store as one chunk.</summary>
internal sealed class StoreTable(int bits)
{
    private const int WriteWords = 1 << 20;
    private readonly ulong[] words = new ulong[2L << bits];

    public int Bits { get; } = bits;

    /// <summary>Bytes of the chunk, its header included.</summary>
    public static long ChunkBytes(int bits) => ChunkHeader.Bytes + (16L << bits);

    /// <summary>The smallest table that has room for so many records.</summary>
    public static int BitsFor(long records)
    {
        var bits = 12;
        while (IsFull(bits, records))
        {
            bits++;
        }
        return bits;
    }

    /// <summary>Whether a table of 2^bits slots is too full for so many records: above three quarters, probing becomes long.</summary>
    public static bool IsFull(int bits, long records) => records > (3L << bits) / 4;

    /// <summary>Adds a record; a later one of the same hash takes the earlier one's place, since it is only written where that one is not valid.</summary>
    public void Add(ulong hash, long offset)
    {
        var mask = (1L << Bits) - 1;
        var slot = StoreMap.Home(hash, Bits);
        while (words[2 * slot + 1] != 0 && words[2 * slot] != hash)
        {
            slot = (slot + 1) & mask;
        }
        words[2 * slot] = hash;
        words[2 * slot + 1] = (ulong)offset;
    }

    public void AddAll(StoreMap map)
    {
        for (var i = 0L; i < map.Commit.TableSlots; i++)
        {
            var (hash, offset) = map.Slot(i);
            if (!map.Record(offset).IsEmpty)
            {
                Add(hash, offset);
            }
        }
    }

    public void Write(SafeFileHandle file, long at)
    {
        StoreFile.Write(file, new ChunkHeader(ChunkKind.Table, 8L * words.LongLength, at).Write(), at);
        at += ChunkHeader.Bytes;
        for (var i = 0; i < words.Length; i += WriteWords)
        {
            var part = MemoryMarshal.AsBytes(words.AsSpan(i, Math.Min(WriteWords, words.Length - i)));
            StoreFile.Write(file, part, at);
            at += part.Length;
        }
    }
}
