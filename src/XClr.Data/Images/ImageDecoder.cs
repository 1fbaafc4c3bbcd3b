#if IMAGESHARP_PACKAGE
using OtherImage = XClr.Data.SharpImage;
#else
using OtherImage = XClr.Data.SkiaImage;
#endif

namespace XClr.Data;

/// <summary>
/// Decodes image files (in memory) to upright RGB8: JPEG with libjpeg-turbo through the native library, everything else with Skia. The
/// format is recognised by the bytes, never by a name. Thread safe.
/// </summary>
public static class ImageDecoder
{
    // A progressive file costs one pass over the whole picture per scan: what a scan-heavy file may ask for is bounded.
    private const long MaxScanPixels = 2_000_000_000;
    private const int MinScanLimit = 24;
    private const int MaxScanLimit = 256;
    private const long MaxDecoderMemory = 1L << 30;

    /// <summary>Reads only the header.</summary>
    /// <exception cref="ImageDecodeException">Not a readable image; <see cref="ImageDecodeException.Cause"/> says why.</exception>
    public static ImageInfo ReadInfo(ReadOnlySpan<byte> file)
    {
        RequireBytes(file);
        return IsJpeg(file) ? NativeJpeg.ReadInfo(file) : OtherImage.ReadInfo(file);
    }

    /// <summary>
    /// Decodes. Greyscale, palette, 16-bit, CMYK and YCCK become RGB without colour management; alpha is dropped (the colours
    /// under it are kept); the EXIF orientation is applied. Files with more than one picture give the first.
    /// </summary>
    /// <exception cref="ImageDecodeException">Not decodable in whole; <see cref="ImageDecodeException.Cause"/> says why.</exception>
    public static DecodedImage Decode(ReadOnlySpan<byte> file, DecodeOptions? options = null)
    {
        options ??= DecodeOptions.Default;
        RequireBytes(file);
        if (IsJpeg(file))
        {
            var info = NativeJpeg.ReadInfo(file);
            var scale = ScaleFor(info, options.MinWidth, options.MinHeight, options.MaxBytes, []);
            return DecodeJpeg(file, info, options, scale, Whole(info, scale.Eighths));
        }
        return DecodeOther(file, options);
    }

    /// <summary>
    /// Decodes a box of the image at a scale, given in pixels of <see cref="Whole"/>; the pixels equal those of a whole decode. Only for images that <see cref="HasBoxes"/>. The
    /// options' minimum size is not asked for: it is in the scale.
    /// </summary>
    /// <exception cref="ImageDecodeException">Not decodable in whole, inside the box or outside.</exception>
    internal static DecodedImage Decode(ReadOnlySpan<byte> file, ImageInfo info, DecodeOptions options, DecodeScale scale, PixelBox box) =>
        info.IsJpeg ? DecodeJpeg(file, info, options, scale, box) : DecodeOther(file, options);

    /// <summary>Whether a part of the image can be decoded without the rest.</summary>
    internal static bool HasBoxes(ImageInfo info) => info is { IsJpeg: true, Orientation: 1 };

    /// <summary>The whole image at the scale of decoding, upright, before it is reduced to <see cref="DecodeOptions.MaxBytes"/> by other means.</summary>
    internal static PixelBox Whole(ImageInfo info, int eighths) => new(0, 0, NativeJpeg.Scaled(info.Width, eighths), NativeJpeg.Scaled(info.Height, eighths));

    /// <summary>The bytes that decoding takes for a while: a box's of a JPEG, once it is reduced to <see cref="DecodeOptions.MaxBytes"/>; all of another image as RGBA and as RGB.</summary>
    internal static long WorkingBytes(ImageInfo info, PixelBox box, long maxBytes)
    {
        if (!info.IsJpeg)
        {
            return 7L * info.Width * info.Height;
        }
        var (_, width, height) = Reduction(box.Width, box.Height, maxBytes);
        return 3L * width * height;
    }

    internal static void RequirePixels(ImageInfo info, long maxPixels)
    {
        // 500 million pixels of 4 bytes are as much as one array holds.
        maxPixels = Math.Min(maxPixels, 500_000_000);
        if ((long)info.Width * info.Height > maxPixels)
        {
            throw new ImageDecodeException(
                SampleFault.TooLarge, $"{info.Width} x {info.Height} pixels, above the limit of {maxPixels}");
        }
    }

    private static bool IsJpeg(ReadOnlySpan<byte> file) => file.StartsWith<byte>([0xFF, 0xD8]);

    private static void RequireBytes(ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty)
        {
            throw new ImageDecodeException(SampleFault.Empty, "the file has no bytes");
        }
    }

    /// <summary>
    /// The scale of decoding: the smallest at which the whole keeps the minimum size, and smaller where what the views show takes more than <see cref="DecodeOptions.MaxBytes"/>; full size but for JPEGs.
    /// </summary>
    internal static DecodeScale ScaleFor(ImageInfo info, int minWidth, int minHeight, long maxBytes, ReadOnlySpan<AugmentParams> views)
    {
        if (!info.IsJpeg)
        {
            return new(8, Reduced: false);
        }
        var wanted = NativeJpeg.ScaleFor(info.Width, info.Height, minWidth, minHeight);
        var scale = wanted;
        while (scale > 1 && maxBytes > 0 && Shown(info, scale, views) is var box && 3L * box.Width * box.Height > maxBytes)
        {
            scale--;
        }
        return new(scale, scale != wanted);
    }

    /// <summary>What views, given in pixels of the file, show of the image at so many eighths of its size; all of it without views, or where the format allows no less.</summary>
    internal static PixelBox Shown(ImageInfo info, int eighths, ReadOnlySpan<AugmentParams> views)
    {
        var whole = Whole(info, eighths);
        return views.IsEmpty || !HasBoxes(info) ? whole : PixelBox.Around(views, info.Width, info.Height, whole.Width, whole.Height);
    }

    private static DecodedImage DecodeOther(ReadOnlySpan<byte> file, DecodeOptions options)
    {
        var (info, stored) = OtherImage.Decode(file, options.MaxPixels);
        return FitInto(TurnUpright(stored, info), options.MaxBytes);
    }

    private static DecodedImage DecodeJpeg(ReadOnlySpan<byte> file, ImageInfo info, DecodeOptions options, DecodeScale scale, PixelBox box)
    {
        RequirePixels(info, options.MaxPixels);
        if (info.Transposed)
        {
            box = new(box.Y, box.X, box.Height, box.Width);
        }
        var stored = DecodedImage.Allocate(box.Width, box.Height, info.StoredWidth, info.StoredHeight, scale.Reduced);
        var limits = new NativeJpeg.Limits
        {
            MaxPixels = options.MaxPixels,
            MaxMemory = MaxDecoderMemory,
            MaxScans = (int)Math.Clamp(MaxScanPixels / ((long)info.Width * info.Height), MinScanLimit, MaxScanLimit),
        };
        try
        {
            NativeJpeg.Decode(file, scale.Eighths, limits, box, stored.Writable);
        }
        catch
        {
            stored.Dispose();
            throw;
        }
        return FitInto(TurnUpright(stored, info), options.MaxBytes);
    }

    // Takes `stored` over: returns it, or disposes of it.
    private static DecodedImage TurnUpright(DecodedImage stored, ImageInfo info)
    {
        if (info.Orientation == 1)
        {
            return stored;
        }
        using (stored)
        {
            var (width, height) = info.Transposed ? (stored.Height, stored.Width) : (stored.Width, stored.Height);
            var upright = DecodedImage.Allocate(width, height, info.Width, info.Height, stored.Reduced);
            ImageTransforms.TurnUpright(stored.Pixels, stored.Width, stored.Height, info.Orientation, upright.Writable);
            return upright;
        }
    }

    /// <summary>
    /// How an image is made smaller that takes more than <paramref name="maxBytes"/> (0: no bound) as RGB8: blocks of Factor x Factor pixels are averaged, smaller ones at the right and bottom edge; Width and Height are
    /// what is left. Factor 1: it stays.
    /// </summary>
    public static (int Factor, int Width, int Height) Reduction(int width, int height, long maxBytes)
    {
        var factor = maxBytes > 0 ? ImageTransforms.ReductionFor(width, height, maxBytes) : 1;
        return (factor, ImageTransforms.Reduced(width, factor), ImageTransforms.Reduced(height, factor));
    }

    /// <summary>Takes an image over: returns it, or disposes of it and returns one of at most so many bytes (0: no bound).</summary>
    internal static DecodedImage FitInto(DecodedImage image, long maxBytes)
    {
        if (maxBytes <= 0 || image.ByteCount <= maxBytes)
        {
            return image;
        }
        using (image)
        {
            var (factor, width, height) = Reduction(image.Width, image.Height, maxBytes);
            var reduced = DecodedImage.Allocate(width, height, image.OriginalWidth, image.OriginalHeight, reduced: true);
            ImageTransforms.Reduce(image.Pixels, image.Width, image.Height, factor, reduced.Writable);
            return reduced;
        }
    }
}
