namespace XClr.Data;

/// <summary>
/// An upright RGB8 image, [Height, Width, 3] bytes without row padding, in a pooled buffer that <see cref="Dispose"/> gives
/// back. One owner; not thread safe.
/// </summary>
public readonly struct DecodedImage : IDisposable, IEquatable<DecodedImage>
{
    private readonly PixelLease? pixels;
    private readonly long lease;

    private DecodedImage(PixelLease pixels, int width, int height, int originalWidth, int originalHeight, bool reduced)
    {
        (this.pixels, lease) = (pixels, pixels.Number);
        (Width, Height, OriginalWidth, OriginalHeight, Reduced) = (width, height, originalWidth, originalHeight, reduced);
    }

    /// <summary>Pixels.</summary>
    public int Width { get; }

    /// <summary>Pixels.</summary>
    public int Height { get; }

    /// <summary>Width of the file's image, upright, before any scaling.</summary>
    public int OriginalWidth { get; }

    /// <summary>Height of the file's image, upright, before any scaling.</summary>
    public int OriginalHeight { get; }

    /// <summary>Whether <see cref="DecodeOptions.MaxBytes"/> made it smaller than was asked for.</summary>
    public bool Reduced { get; }

    /// <summary>Size in bytes: Width x Height x 3.</summary>
    public int ByteCount => Width * Height * 3;

    /// <summary>The pixels, [Height, Width, 3].</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public ReadOnlySpan<byte> Pixels => Buffer.AsSpan(0, ByteCount);

    internal Span<byte> Writable => Buffer.AsSpan(0, ByteCount);

    private byte[] Buffer => pixels?.Buffer(lease) ?? throw new ObjectDisposedException(nameof(DecodedImage));

    /// <summary>Gives the buffer back; the pixels may not be read afterwards. A second call does nothing.</summary>
    public void Dispose() => pixels?.End(lease);

    /// <inheritdoc/>
    public bool Equals(DecodedImage other) => pixels == other.pixels && lease == other.lease;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is DecodedImage other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(pixels, lease);

    /// <summary>Whether both are the same buffer of pixels.</summary>
    public static bool operator ==(DecodedImage a, DecodedImage b) => a.Equals(b);

    /// <summary>Whether they are not.</summary>
    public static bool operator !=(DecodedImage a, DecodedImage b) => !a.Equals(b);

    /// <summary>Pixels of one row: width x channels bytes.</summary>
    public delegate ReadOnlySpan<byte> RowReader(int row);

    /// <summary>Copies an image from memory, row by row from the top. channels: 3 (RGB) or 4 (RGBA, alpha dropped). Reduced like a file's where it takes more than <paramref name="maxBytes"/>.</summary>
    public static DecodedImage FromRows(int width, int height, int channels, RowReader rowAt, long maxBytes)
    {
        var image = Allocate(width, height);
        for (var y = 0; y < height; y++)
        {
            var from = rowAt(y);
            var to = image.Writable.Slice(y * width * 3, width * 3);
            if (channels == 3)
            {
                from.CopyTo(to);
                continue;
            }
            for (var x = 0; x < width; x++)
            {
                from.Slice(channels * x, 3).CopyTo(to[(3 * x)..]);
            }
        }
        return ImageDecoder.FitInto(image, maxBytes);
    }

    /// <summary>An image with undefined pixels.</summary>
    internal static DecodedImage Allocate(int width, int height) => Allocate(width, height, width, height, reduced: false);

    internal static DecodedImage Allocate(int width, int height, int originalWidth, int originalHeight, bool reduced) =>
        new(PixelLease.Rent(checked(width * height * 3)), width, height, originalWidth, originalHeight, reduced);
}

/// <summary>What a <see cref="DecodedImage"/> holds a pooled buffer by: ended once, and used again under another number.</summary>
internal sealed class PixelLease
{
    private static readonly ObjectPool<PixelLease> Pool = new(_ => new());

    private byte[] buffer = [];
    private long number;

    public long Number => Volatile.Read(ref number);

    public static PixelLease Rent(int bytes)
    {
        var lease = Pool.Rent();
        lease.buffer = LoaderBuffers.Pool.Rent(bytes);
        return lease;
    }

    /// <summary>The buffer, while the lease of that number lasts; else null.</summary>
    public byte[]? Buffer(long number) => Number == number ? buffer : null;

    /// <summary>Gives the buffer back, unless that lease has ended.</summary>
    public void End(long number)
    {
        if (Interlocked.CompareExchange(ref this.number, number + 1, number) != number)
        {
            return;
        }
        LoaderBuffers.Pool.Return(buffer);
        buffer = [];
        Pool.Return(this);
    }
}
