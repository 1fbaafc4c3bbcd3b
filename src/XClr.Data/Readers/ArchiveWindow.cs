using System.Buffers;

namespace XClr.Data.Readers;

/// <summary>
/// The part of an archive that is in memory. A seekable one is read by as many bytes as pay: few after a jump over a large member, 64 KiB at a time where all of it is wanted. Another
/// one is read through from front to back.
/// </summary>
internal sealed class ArchiveWindow(Stream archive) : IDisposable
{
    private const int FewBytes = 4096;
    private const int ManyBytes = 1 << 16;

    private readonly bool seekable = archive.CanSeek;
    private byte[] bytes = ArrayPool<byte>.Shared.Rent(ManyBytes);
    private long start;
    private int count;
    private int fill = FewBytes;

    /// <summary>Bytes of a seekable archive when it was opened; null for others.</summary>
    public long? Length { get; } = archive.CanSeek ? archive.Length : null;

    /// <summary>Where the bytes end that were read: the archive's end after a call that gave fewer than were asked for.</summary>
    public long End => start + count;

    /// <summary>The bytes from a position on, fewer only where the archive ends; valid until the next call. Positions of an archive that is not seekable never go back.</summary>
    public ReadOnlyMemory<byte> Read(long position, int length)
    {
        if (position < start || position + length > End)
        {
            Fill(position, length);
        }
        var from = (int)Math.Min(count, position - start);
        return bytes.AsMemory(from, Math.Min(length, count - from));
    }

    /// <summary>Copies bytes from a position on that may be more than a window holds; returns how many there were.</summary>
    public int Copy(long position, Span<byte> destination)
    {
        if (position < start || position > End)
        {
            Fill(position, 0);
        }
        if (position > End)
        {
            return 0;
        }
        var known = bytes.AsSpan((int)(position - start), (int)Math.Min(destination.Length, End - position));
        known.CopyTo(destination);
        if (known.Length == destination.Length)
        {
            return known.Length;
        }
        var more = ReadFrom(End, destination[known.Length..], destination.Length - known.Length);
        (start, count) = (End + more, 0);
        return known.Length + more;
    }

    /// <summary>Gives the buffer back; the archive stays open.</summary>
    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(bytes);
        bytes = [];
    }

    private void Fill(long position, int length)
    {
        var gap = position - End;
        fill = !seekable ? ManyBytes : gap <= fill ? Math.Min(2 * fill, ManyBytes) : FewBytes;
        var kept = gap <= 0 && position >= start ? bytes.AsSpan((int)(position - start), (int)-gap) : default;
        var wanted = Math.Max(fill, length);
        if (wanted > bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(wanted);
            kept.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = larger;
        }
        else
        {
            kept.CopyTo(bytes);
        }
        if (!seekable && gap > 0 && !TrySkip(gap))
        {
            return;
        }
        (start, count) = (position, kept.Length);
        count += ReadFrom(End, bytes.AsSpan(kept.Length, wanted - kept.Length), length - kept.Length);
    }

    private int ReadFrom(long position, Span<byte> destination, int least)
    {
        if (seekable)
        {
            archive.Position = position;
        }
        return archive.ReadAtLeast(destination, least, throwOnEndOfStream: false);
    }

    private bool TrySkip(long count)
    {
        (start, this.count) = (End, 0);
        while (count > 0)
        {
            var read = archive.Read(bytes, 0, (int)Math.Min(count, bytes.Length));
            if (read == 0)
            {
                return false;
            }
            start += read;
            count -= read;
        }
        return true;
    }
}
