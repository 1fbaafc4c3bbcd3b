using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace XClr.Text;

/// <summary>How a store keeps its numbers.</summary>
public enum EmbeddingType
{
    /// <summary>fp32, exactly as given.</summary>
    Float32 = 0,
    /// <summary>fp16, half the size; rows are normalised again when read. Each number is within 1e-3.</summary>
    Float16 = 1,
}

/// <summary>
/// The store's file, little-endian:
/// <code>
///     0  header: magic, version, dtype, dimension, fingerprint [32], CRC; written once
///  1024  commit slot 0, 2048 commit slot 1: sequence, records, end, table offset, log2 of table slots, CRC; the valid one with the
///        larger sequence holds, the other one is written next
///  4096  chunks up to `end`, each with a 32-byte header (magic, kind, payload bytes, own offset, CRC):
///        records: key [16], CRC, 0, row (dimension numbers, padded to 8 bytes)
///        table:   2^n slots of (hash, record offset); 0: empty; linear probing from the hash's upper bits
/// </code>
/// A record proves itself by key and CRC, so a slot that points to nothing valid is a miss and never a wrong answer.
/// </summary>
internal sealed record StoreFormat(int Dimension, EmbeddingType Type, string Fingerprint)
{
    public const int Version = 1;

    /// <summary>Numbers that an embedding may have.</summary>
    public const int MaxDimension = 1 << 20;
    public const int HeaderBytes = 4096;
    public const int CommitBytes = 64;
    public const int RecordHead = 24;
    private const int CommitFirst = 1024;
    private const int CommitSpacing = 1024;
    private const int FingerprintAt = 24;
    private const int HeaderCrcAt = 56;

    private static ReadOnlySpan<byte> Magic => "XCLREMB\n"u8;

    /// <summary>Bytes of a record, row padding included.</summary>
    public int Stride { get; } = RecordHead + (Dimension * (Type == EmbeddingType.Float32 ? 4 : 2) + 7) / 8 * 8;

    public static long CommitOffset(ulong sequence) => CommitFirst + (long)(sequence % 2) * CommitSpacing;

    public byte[] WriteHeader()
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), (int)Type);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), Dimension);
        Convert.FromHexString(Fingerprint).CopyTo(header, FingerprintAt);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(HeaderCrcAt), Crc(0, header.AsSpan(0, HeaderCrcAt)));
        return header;
    }

    /// <summary>Reads the fixed header.</summary>
    /// <exception cref="TextException">It is not a store's, is damaged, or is of another version.</exception>
    public static StoreFormat ReadHeader(string path, ReadOnlySpan<byte> header)
    {
        const string remedy = "Delete the file: its captions will be embedded again.";
        if (header.Length < HeaderBytes)
        {
            throw new TextException($"{path} has {header.Length} bytes, fewer than the header of an embedding store. {remedy}");
        }
        if (!header[..8].SequenceEqual(Magic))
        {
            throw new TextException($"{path} is not an embedding store: it begins with {Convert.ToHexString(header[..8])}. {remedy}");
        }
        if (BinaryPrimitives.ReadUInt32LittleEndian(header[HeaderCrcAt..]) != Crc(0, header[..HeaderCrcAt]))
        {
            throw new TextException($"{path}: the header of the embedding store is corrupt (its checksum does not match). {remedy}");
        }
        var version = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        if (version != Version)
        {
            throw new TextException($"{path}: embedding store of version {version}, this program reads version {Version}. {remedy}");
        }
        var (type, dimension) = (BinaryPrimitives.ReadInt32LittleEndian(header[12..]), BinaryPrimitives.ReadInt32LittleEndian(header[16..]));
        if (type is < 0 or > 1 || dimension is < 1 or > MaxDimension)
        {
            throw new TextException($"{path}: dtype {type}, dimension {dimension} are not those of an embedding store. {remedy}");
        }
        return new StoreFormat(dimension, (EmbeddingType)type, Convert.ToHexStringLower(header.Slice(FingerprintAt, 32)));
    }

    /// <summary>Writes a record [Stride]: key, checksum, row.</summary>
    public void WriteRecord(Span<byte> record, CaptionKey key, ReadOnlySpan<float> row)
    {
        record.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(record, key.Hash);
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], key.Check);
        var numbers = record[RecordHead..];
        if (Type == EmbeddingType.Float32)
        {
            row.CopyTo(MemoryMarshal.Cast<byte, float>(numbers));
        }
        else
        {
            var halves = MemoryMarshal.Cast<byte, Half>(numbers);
            for (var i = 0; i < row.Length; i++)
            {
                halves[i] = (Half)row[i];
            }
        }
        BinaryPrimitives.WriteUInt32LittleEndian(record[16..], RecordCrc(record));
    }

    /// <summary>Whether a record [Stride] is whole.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadUInt32LittleEndian(record[16..]) == RecordCrc(record);

    public static CaptionKey ReadKey(ReadOnlySpan<byte> record) =>
        new(BinaryPrimitives.ReadUInt64LittleEndian(record), BinaryPrimitives.ReadUInt64LittleEndian(record[8..]));

    /// <summary>The row of a record, as fp32.</summary>
    public void ReadRow(ReadOnlySpan<byte> record, Span<float> row)
    {
        var numbers = record[RecordHead..];
        if (Type == EmbeddingType.Float32)
        {
            MemoryMarshal.Cast<byte, float>(numbers)[..Dimension].CopyTo(row);
            return;
        }
        var halves = MemoryMarshal.Cast<byte, Half>(numbers);
        for (var i = 0; i < Dimension; i++)
        {
            row[i] = (float)halves[i];
        }
        Vectors.Normalize(row[..Dimension]);
    }

    private static uint RecordCrc(ReadOnlySpan<byte> record) => Crc(Crc(0, record[..16]), record[RecordHead..]);

    /// <summary>CRC-32C of bytes whose number is a multiple of 8.</summary>
    public static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            crc = BitOperations.Crc32C(crc, word);
        }
        return crc;
    }
}

/// <summary>What a store holds at one moment. End: where the next chunk goes.</summary>
internal readonly record struct Commit(ulong Sequence, long Records, long End, long Table, int TableBits)
{
    private const int CrcAt = 40;

    public long TableSlots => 1L << TableBits;

    public byte[] Write()
    {
        var bytes = new byte[StoreFormat.CommitBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Records);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), End);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), Table);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(32), TableBits);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(CrcAt), StoreFormat.Crc(~0u, bytes.AsSpan(0, CrcAt)));
        return bytes;
    }

    /// <summary>A commit slot's content; null where it is empty or torn.</summary>
    public static Commit? Read(ReadOnlySpan<byte> bytes)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[CrcAt..]) != StoreFormat.Crc(~0u, bytes[..CrcAt]))
        {
            return null;
        }
        var bits = BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]);
        return bits is < 1 or > 40 ? null : new Commit(BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]), bits);
    }

    /// <summary>The newest valid commit among a header's two slots; null where neither is.</summary>
    public static Commit? Newest(ReadOnlySpan<byte> header)
    {
        var even = Read(header.Slice((int)StoreFormat.CommitOffset(0), StoreFormat.CommitBytes));
        var odd = Read(header.Slice((int)StoreFormat.CommitOffset(1), StoreFormat.CommitBytes));
        return even is null || (odd is not null && odd.Value.Sequence > even.Value.Sequence) ? odd : even;
    }
}

internal enum ChunkKind
{
    Records = 1,
    Table = 2,
}

/// <summary>The 32 bytes before each chunk's payload. They name their own offset, so that left-overs are not taken for a chunk.</summary>
internal readonly record struct ChunkHeader(ChunkKind Kind, long Payload, long Offset)
{
    public const int Bytes = 32;
    private const uint Magic = 0x4B484358;

    public byte[] Write()
    {
        var bytes = new byte[Bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), (int)Kind);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Payload);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(24), StoreFormat.Crc(0, bytes.AsSpan(0, 24)));
        return bytes;
    }

    /// <summary>The header at an offset; null where there is none.</summary>
    public static ChunkHeader? Read(ReadOnlySpan<byte> bytes, long offset)
    {
        if (bytes.Length < Bytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            return null;
        }
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]) != StoreFormat.Crc(0, bytes[..24]))
        {
            return null;
        }
        var header = new ChunkHeader((ChunkKind)BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]));
        return header.Offset == offset && header.Payload >= 0 && Enum.IsDefined(header.Kind) ? header : null;
    }
}
