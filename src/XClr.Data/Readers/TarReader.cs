using System.Buffers.Binary;
using System.Text;

namespace XClr.Data.Readers;

/// <summary>A regular file in a tar archive. <paramref name="Offset"/> is where its bytes start in the (uncompressed) archive.</summary>
internal readonly record struct TarMember(string Name, long Offset, long Size);

/// <summary>
/// Walks over a tar archive (ustar, GNU long names, PAX paths and sizes) without unpacking it: names are only read, nothing is
/// ever written. On a seekable stream the members' bytes are skipped, not read.
/// </summary>
internal sealed class TarReader(Stream archive)
{
    private const int BlockSize = 512;
    private const int MaxMetadata = 1 << 20;

    // What is taken on a header's word alone; more only as it arrives.
    private const int FirstBytes = 1 << 20;
    private const long MaxMember = 1L << 30;

    private readonly byte[] _header = new byte[BlockSize];
    private long _position;
    private long _next;

    /// <summary>The next regular file; null at the end. Its bytes may be read with <see cref="ReadBytes"/> until the next call.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged or ends early; the message says where.</exception>
    public TarMember? Next()
    {
        string? longName = null;
        long? paxSize = null;
        while (true)
        {
            if (!ReadHeader())
            {
                return null;
            }
            var start = _position;
            var type = _header[156];
            var size = paxSize is { } given && type is (byte)'0' or 0 or (byte)'7' ? given : Number(_header.AsSpan(124, 12));
            _next = checked(start + (size + BlockSize - 1) / BlockSize * BlockSize);
            switch (type)
            {
                case (byte)'0' or 0 or (byte)'7':
                    return new(longName ?? HeaderName(), start, size);
                case (byte)'L':
                    longName = Text(ReadMetadata(size)).TrimEnd('\0');
                    break;
                case (byte)'x':
                    ParsePax(ReadMetadata(size), ref longName, ref paxSize);
                    break;
                case (byte)'g' or (byte)'K':
                    break;
                default:
                    // Folders, links, devices: not data, and the names before them were theirs.
                    (longName, paxSize) = (null, null);
                    break;
            }
        }
    }

    /// <summary>The bytes of the current member.</summary>
    /// <exception cref="InvalidDataException">The archive ends before the member does.</exception>
    public byte[] ReadBytes(TarMember member)
    {
        if (member.Size > MaxMember)
        {
            throw new InvalidDataException($"'{member.Name}' is said to have {member.Size} bytes; members of at most {MaxMember} are read");
        }
        var bytes = new byte[Math.Min(member.Size, FirstBytes)];
        Fill(bytes, member.Name, member.Size);
        while (bytes.Length < member.Size)
        {
            var known = bytes.Length;
            Array.Resize(ref bytes, (int)Math.Min(member.Size, 2L * known));
            Fill(bytes.AsSpan(known), member.Name, member.Size);
        }
        return bytes;
    }

    /// <summary>Checks that a seekable archive holds the member whole; on another stream the next call finds out.</summary>
    /// <exception cref="InvalidDataException">It does not.</exception>
    public void RequireWhole(TarMember member)
    {
        if (archive.CanSeek && member.Offset + member.Size > archive.Length)
        {
            throw new InvalidDataException($"it ends within '{member.Name}', {archive.Length - member.Offset} of {member.Size} bytes in");
        }
    }

    private bool ReadHeader()
    {
        SkipTo(_next);
        var count = archive.ReadAtLeast(_header, BlockSize, throwOnEndOfStream: false);
        _position += count;
        // Some writers leave out the two blocks of zeros at the end.
        if (count == 0 || (count == BlockSize && !_header.AsSpan().ContainsAnyExcept((byte)0)))
        {
            return false;
        }
        if (count < BlockSize)
        {
            throw new InvalidDataException($"it ends within a header at byte {_position}");
        }
        RequireChecksum();
        return true;
    }

    private void RequireChecksum()
    {
        var sum = 0L;
        for (var i = 0; i < BlockSize; i++)
        {
            sum += i is >= 148 and < 156 ? ' ' : _header[i];
        }
        if (sum != Number(_header.AsSpan(148, 8)))
        {
            throw new InvalidDataException($"no valid tar header at byte {_position - BlockSize}");
        }
    }

    private void SkipTo(long position)
    {
        if (archive.CanSeek)
        {
            if (position > archive.Length)
            {
                throw new InvalidDataException($"it has {archive.Length} bytes, and its last member ends at {position}");
            }
            archive.Position = position;
            _position = position;
            return;
        }
        Span<byte> waste = stackalloc byte[4096];
        while (_position < position)
        {
            var count = archive.Read(waste[..(int)Math.Min(waste.Length, position - _position)]);
            if (count == 0)
            {
                throw new InvalidDataException($"it ends at byte {_position}, and its last member at {position}");
            }
            _position += count;
        }
    }

    private byte[] ReadMetadata(long size)
    {
        if (size is < 0 or > MaxMetadata)
        {
            throw new InvalidDataException($"a header extension of {size} bytes at byte {_position}");
        }
        var bytes = new byte[size];
        Fill(bytes, "a header extension", size);
        return bytes;
    }

    private void Fill(Span<byte> bytes, string what, long size)
    {
        var count = archive.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        _position += count;
        if (count < bytes.Length)
        {
            throw new InvalidDataException($"it ends at byte {_position}, within the {size} bytes of '{what}'");
        }
    }

    private string HeaderName()
    {
        var name = Text(UpToZero(_header.AsSpan(0, 100)));
        var isUstar = _header.AsSpan(257, 6).SequenceEqual("ustar\0"u8);
        var prefix = isUstar ? Text(UpToZero(_header.AsSpan(345, 155))) : "";
        return prefix.Length == 0 ? name : $"{prefix}/{name}";
    }

    // Records of "LENGTH KEY=VALUE\n", the length counting the whole record.
    private static void ParsePax(ReadOnlySpan<byte> records, ref string? name, ref long? size)
    {
        while (!records.IsEmpty)
        {
            var space = records.IndexOf((byte)' ');
            if (space <= 0 || !int.TryParse(records[..space], out var length) || length <= space + 1 || length > records.Length)
            {
                throw new InvalidDataException("a damaged PAX header");
            }
            var record = records[(space + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals > 0 && record[..equals].SequenceEqual("path"u8))
            {
                name = Text(record[(equals + 1)..]);
            }
            else if (equals > 0 && record[..equals].SequenceEqual("size"u8) && long.TryParse(record[(equals + 1)..], out var value) && value >= 0)
            {
                size = value;
            }
            records = records[length..];
        }
    }

    // Octal digits, or (GNU) a big-endian number after a first byte of 0x80.
    private long Number(ReadOnlySpan<byte> field)
    {
        if (field[0] == 0x80)
        {
            return BinaryPrimitives.ReadInt64BigEndian(field[^8..]) is >= 0 and var large and < 1L << 50
                ? large
                : throw new InvalidDataException($"an impossible size at byte {_position - BlockSize}");
        }
        var value = 0L;
        foreach (var digit in field)
        {
            if (digit is >= (byte)'0' and <= (byte)'7')
            {
                value = value * 8 + (digit - '0');
            }
            else if (digit is not ((byte)' ' or 0))
            {
                throw new InvalidDataException($"no valid tar header at byte {_position - BlockSize}");
            }
        }
        return value;
    }

    private static ReadOnlySpan<byte> UpToZero(ReadOnlySpan<byte> field) => field.IndexOf((byte)0) is >= 0 and var end ? field[..end] : field;

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);
}
