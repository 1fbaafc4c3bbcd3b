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

    private readonly bool _seekable = archive.CanSeek;
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(ManyBytes);
    private long _start;
    private int _count;
    private int _fill = FewBytes;

    /// <summary>Bytes of a seekable archive when it was opened; null for others.</summary>
    public long? Length { get; } = archive.CanSeek ? archive.Length : null;

    /// <summary>Where the bytes end that were read: the archive's end after a call that gave fewer than were asked for.</summary>
    public long End => _start + _count;

    /// <summary>The bytes from a position on, fewer only where the archive ends; valid until the next call. Positions of an archive that is not seekable never go back.</summary>
    public ReadOnlyMemory<byte> Read(long position, int length)
    {
        if (position < _start || position + length > End)
        {
            Fill(position, length);
        }
        var from = (int)Math.Min(_count, position - _start);
        return _bytes.AsMemory(from, Math.Min(length, _count - from));
    }

    /// <summary>Copies bytes from a position on that may be more than a window holds; returns how many there were.</summary>
    public int Copy(long position, Span<byte> destination)
    {
        if (position < _start || position > End)
        {
            Fill(position, 0);
        }
        if (position > End)
        {
            return 0;
        }
        var known = _bytes.AsSpan((int)(position - _start), (int)Math.Min(destination.Length, End - position));
        known.CopyTo(destination);
        if (known.Length == destination.Length)
        {
            return known.Length;
        }
        var more = ReadFrom(End, destination[known.Length..], destination.Length - known.Length);
        (_start, _count) = (End + more, 0);
        return known.Length + more;
    }

    /// <summary>Gives the buffer back; the archive stays open.</summary>
    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }

    private void Fill(long position, int length)
    {
        var gap = position - End;
        _fill = !_seekable ? ManyBytes : gap <= _fill ? Math.Min(2 * _fill, ManyBytes) : FewBytes;
        var kept = gap <= 0 && position >= _start ? _bytes.AsSpan((int)(position - _start), (int)-gap) : default;
        var wanted = Math.Max(_fill, length);
        if (wanted > _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(wanted);
            kept.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        else
        {
            kept.CopyTo(_bytes);
        }
        if (!_seekable && gap > 0 && !TrySkip(gap))
        {
            return;
        }
        (_start, _count) = (position, kept.Length);
        _count += ReadFrom(End, _bytes.AsSpan(kept.Length, wanted - kept.Length), length - kept.Length);
    }

    private int ReadFrom(long position, Span<byte> destination, int least)
    {
        if (_seekable)
        {
            archive.Position = position;
        }
        return archive.ReadAtLeast(destination, least, throwOnEndOfStream: false);
    }

    private bool TrySkip(long count)
    {
        (_start, _count) = (End, 0);
        while (count > 0)
        {
            var read = archive.Read(_bytes, 0, (int)Math.Min(count, _bytes.Length));
            if (read == 0)
            {
                return false;
            }
            _start += read;
            count -= read;
        }
        return true;
    }
}
