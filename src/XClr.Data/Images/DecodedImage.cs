namespace XClr.Data;

/// <summary>
/// An upright RGB8 image, [Height, Width, 3] bytes without row padding, in a pooled buffer that <see cref="Dispose"/> gives
/// back. One owner; not thread safe.
/// </summary>
public sealed class DecodedImage : IDisposable
{
    private byte[]? _buffer;

    private DecodedImage(byte[] buffer, int width, int height)
    {
        _buffer = buffer;
        Width = width;
        Height = height;
        OriginalWidth = width;
        OriginalHeight = height;
    }

    /// <summary>Pixels.</summary>
    public int Width { get; }

    /// <summary>Pixels.</summary>
    public int Height { get; }

    /// <summary>Width of the file's image, upright, before any scaling.</summary>
    public int OriginalWidth { get; internal init; }

    /// <summary>Height of the file's image, upright, before any scaling.</summary>
    public int OriginalHeight { get; internal init; }

    /// <summary>Whether <see cref="DecodeOptions.MaxBytes"/> made it smaller than was asked for.</summary>
    public bool Reduced { get; internal init; }

    /// <summary>Size in bytes: Width x Height x 3.</summary>
    public int ByteCount => Width * Height * 3;

    /// <summary>The pixels, [Height, Width, 3].</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public ReadOnlySpan<byte> Pixels => Buffer.AsSpan(0, ByteCount);

    internal Span<byte> Writable => Buffer.AsSpan(0, ByteCount);

    private byte[] Buffer => _buffer ?? throw new ObjectDisposedException(nameof(DecodedImage));

    /// <summary>Gives the buffer back; the pixels may not be read afterwards. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer)
        {
            LoaderBuffers.Pool.Return(buffer);
        }
    }

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
    internal static DecodedImage Allocate(int width, int height) =>
        new(LoaderBuffers.Pool.Rent(checked(width * height * 3)), width, height);

    internal static DecodedImage Allocate(int width, int height, int originalWidth, int originalHeight, bool reduced) =>
        new(LoaderBuffers.Pool.Rent(checked(width * height * 3)), width, height)
        {
            OriginalWidth = originalWidth,
            OriginalHeight = originalHeight,
            Reduced = reduced,
        };
}
