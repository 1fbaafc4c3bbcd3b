using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace XClr.Data.Readers;

/// <summary>A regular file in a tar archive. <paramref name="Offset"/> is where its bytes start in the (uncompressed) archive.</summary>
internal readonly record struct TarMember(long Offset, long Size);

/// <summary>
/// Walks over a tar archive (ustar, GNU long names, PAX paths and sizes) without unpacking it: names are only read, nothing is
/// ever written. Of a seekable stream the members' bytes are skipped, not read. Walking allocates nothing for a member.
/// </summary>
internal sealed class TarReader(Stream archive) : IDisposable
{
    private const int BlockSize = 512;
    private const int MaxMetadata = 1 << 20;

    // What is taken on a header's word alone; more only as it arrives.
    private const int FirstBytes = 1 << 20;
    private const long MaxMember = 1L << 30;

    private readonly ArchiveWindow window = new(archive);
    private char[] name = ArrayPool<char>.Shared.Rent(BlockSize);
    private int nameLength;
    private long next;

    /// <summary>The current member's path, until the next call of <see cref="Next"/>.</summary>
    public ReadOnlySpan<char> Name => name.AsSpan(0, nameLength);

    /// <summary>The next regular file; null at the end. Its bytes may be read until the next call.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged or ends early; the message says where.</exception>
    public TarMember? Next()
    {
        nameLength = 0;
        long? paxSize = null;
        while (ReadHeader() is { IsEmpty: false } header)
        {
            var start = next + BlockSize;
            var type = header[156];
            var isFile = type is (byte)'0' or 0 or (byte)'7';
            var size = paxSize is { } given && isFile ? given : Number(header.Slice(124, 12), next);
            if (isFile && nameLength == 0)
            {
                SetHeaderName(header);
            }
            if (type == (byte)'S')
            {
                start = AfterSparseMap(start, goesOn: header[482] != 0);
            }
            next = checked(start + (size + BlockSize - 1) / BlockSize * BlockSize);
            switch (type)
            {
                case (byte)'0' or 0 or (byte)'7':
                    return new(start, size);
                case (byte)'L':
                    SetName(ReadMetadata(start, size).Span.TrimEnd((byte)0));
                    break;
                case (byte)'x':
                    ParsePax(ReadMetadata(start, size).Span, ref paxSize);
                    break;
                case (byte)'g' or (byte)'K':
                    break;
                default:
                    // Folders, links, devices: not data, and the names before them were theirs.
                    (nameLength, paxSize) = (0, null);
                    break;
            }
        }
        return null;
    }

    /// <summary>The bytes of the current member at the front of an array of <see cref="LoaderBuffers"/>, which the caller gives back.</summary>
    /// <exception cref="InvalidDataException">The archive ends before the member does.</exception>
    public byte[] ReadPooled(TarMember member)
    {
        if (member.Size > MaxMember)
        {
            throw new InvalidDataException($"'{Name}' is said to have {member.Size} bytes; members of at most {MaxMember} are read");
        }
        var bytes = LoaderBuffers.Pool.Rent((int)Math.Min(member.Size, FirstBytes));
        var known = 0;
        while (true)
        {
            var wanted = (int)Math.Min(member.Size, bytes.Length);
            known += window.Copy(member.Offset + known, bytes.AsSpan(known, wanted - known));
            if (known == member.Size)
            {
                return bytes;
            }
            var held = bytes;
            if (known < wanted)
            {
                LoaderBuffers.Pool.Return(held);
                throw EndsWithin(Name, member.Offset + known, member.Size);
            }
            bytes = LoaderBuffers.Pool.Rent((int)Math.Min(member.Size, 2L * known));
            held.AsSpan(0, known).CopyTo(bytes);
            LoaderBuffers.Pool.Return(held);
        }
    }

    /// <summary>The bytes of the current member, of at most 1 MiB, valid until the next call.</summary>
    /// <exception cref="InvalidDataException">The archive ends before the member does.</exception>
    public ReadOnlyMemory<byte> Peek(TarMember member) => Read(member.Offset, member.Size, Name);

    /// <summary>Checks that a seekable archive holds the member whole; on another stream the next call finds out.</summary>
    /// <exception cref="InvalidDataException">It does not.</exception>
    public void RequireWhole(TarMember member)
    {
        if (member.Offset + member.Size > window.Length)
        {
            throw new InvalidDataException($"it ends within '{Name}', {window.Length - member.Offset} of {member.Size} bytes in");
        }
    }

    /// <summary>Gives the buffers back; the archive stays open.</summary>
    public void Dispose()
    {
        window.Dispose();
        ArrayPool<char>.Shared.Return(name);
        (name, nameLength) = ([], 0);
    }

    // GNU's sparse files, which are passed over like links, may have blocks of their map behind the header, which their size does not count.
    private long AfterSparseMap(long at, bool goesOn)
    {
        while (goesOn)
        {
            var map = window.Read(at, BlockSize).Span;
            if (map.Length < BlockSize)
            {
                throw new InvalidDataException($"it ends within a sparse file's map at byte {at + map.Length}");
            }
            goesOn = map[504] != 0;
            at += BlockSize;
        }
        return at;
    }

    // Empty at the archive's end.
    private ReadOnlySpan<byte> ReadHeader()
    {
        if (next > window.Length)
        {
            throw new InvalidDataException($"it has {window.Length} bytes, and its last member ends at {next}");
        }
        var header = window.Read(next, BlockSize).Span;
        if (window.End < next)
        {
            throw new InvalidDataException($"it ends at byte {window.End}, and its last member at {next}");
        }
        if (header.IsEmpty && next == 0)
        {
            throw new InvalidDataException("the file has no bytes");
        }
        // Some writers leave out the two blocks of zeros at the end.
        if (header.IsEmpty || (header.Length == BlockSize && !header.ContainsAnyExcept((byte)0)))
        {
            return default;
        }
        if (header.Length < BlockSize)
        {
            throw new InvalidDataException($"it ends within a header at byte {next + header.Length}");
        }
        return Checksum(header) == Number(header.Slice(148, 8), next) ? header : throw NoHeader(next);
    }

    // The sum of a header's bytes, those of the checksum itself (8 of them from 148 on) taken as spaces. Four sums of 16 bits side by side: 64 words of at most 2 x 255 fit.
    private static long Checksum(ReadOnlySpan<byte> header)
    {
        const ulong Low = 0x00FF00FF00FF00FF;
        var sums = 0UL;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(header))
        {
            sums += (word & Low) + ((word >> 8) & Low);
        }
        var sum = (long)((sums & 0xFFFF) + ((sums >> 16) & 0xFFFF) + ((sums >> 32) & 0xFFFF) + (sums >> 48)) + 8 * ' ';
        foreach (var digit in header.Slice(148, 8))
        {
            sum -= digit;
        }
        return sum;
    }

    private ReadOnlyMemory<byte> ReadMetadata(long start, long size) => size is >= 0 and <= MaxMetadata
        ? Read(start, size, "a header extension")
        : throw new InvalidDataException($"a header extension of {size} bytes at byte {start}");

    private ReadOnlyMemory<byte> Read(long offset, long size, ReadOnlySpan<char> what)
    {
        var bytes = window.Read(offset, (int)size);
        return bytes.Length == size ? bytes : throw EndsWithin(what, offset + bytes.Length, size);
    }

    private void SetHeaderName(ReadOnlySpan<byte> header)
    {
        var prefix = header.Slice(257, 6).SequenceEqual("ustar\0"u8) ? UpToZero(header.Slice(345, 155)) : default;
        SetName(prefix);
        if (prefix.Length > 0)
        {
            name[nameLength++] = '/';
        }
        AddName(UpToZero(header[..100]));
    }

    private void SetName(ReadOnlySpan<byte> utf8)
    {
        nameLength = 0;
        AddName(utf8);
    }

    private void AddName(ReadOnlySpan<byte> utf8)
    {
        // UTF-8 never has fewer bytes than UTF-16 has units.
        if (nameLength + utf8.Length > name.Length)
        {
            var longer = ArrayPool<char>.Shared.Rent(nameLength + utf8.Length);
            Name.CopyTo(longer);
            ArrayPool<char>.Shared.Return(name);
            name = longer;
        }
        nameLength += Encoding.UTF8.GetChars(utf8, name.AsSpan(nameLength));
    }

    // Records of "LENGTH KEY=VALUE\n", the length counting the whole record.
    private void ParsePax(ReadOnlySpan<byte> records, ref long? size)
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
                SetName(record[(equals + 1)..]);
            }
            else if (equals > 0 && record[..equals].SequenceEqual("size"u8) && long.TryParse(record[(equals + 1)..], out var value) && value >= 0)
            {
                size = value;
            }
            records = records[length..];
        }
    }

    // Octal digits, or (GNU) a big-endian number after a first byte of 0x80.
    private static long Number(ReadOnlySpan<byte> field, long header)
    {
        if (field[0] == 0x80)
        {
            return BinaryPrimitives.ReadInt64BigEndian(field[^8..]) is >= 0 and var large and < 1L << 50
                ? large
                : throw new InvalidDataException($"an impossible size at byte {header}");
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
                throw NoHeader(header);
            }
        }
        return value;
    }

    private static InvalidDataException NoHeader(long at) => new($"no valid tar header at byte {at}");

    private static InvalidDataException EndsWithin(ReadOnlySpan<char> what, long at, long size) => new($"it ends at byte {at}, within the {size} bytes of '{what}'");

    private static ReadOnlySpan<byte> UpToZero(ReadOnlySpan<byte> field) => field.IndexOf((byte)0) is >= 0 and var end ? field[..end] : field;
}
