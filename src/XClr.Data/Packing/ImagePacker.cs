namespace XClr.Data.Packing;

/// <summary>Image files to upright JPEGs of bounded size.</summary>
internal static class ImagePacker
{
    /// <summary>Reads a source's bytes; grey pixels become a JPEG.</summary>
    /// <exception cref="ImageDecodeException">They cannot be read.</exception>
    public static PackedImage Pack(ImageSource source, PackOptions options)
    {
        using var bytes = source.Read();
        return source.GreyPixels is { } size ? PackGrey(bytes.Span, size.Width, size.Height, options) : Pack(bytes.Span.ToArray(), options);
    }

    /// <summary>
    /// Decodes the whole picture, so that what is packed is known to be good. An upright JPEG that is small enough already keeps its bytes.
    /// </summary>
    /// <exception cref="ImageDecodeException">It cannot be decoded.</exception>
    public static PackedImage Pack(byte[] file, PackOptions options)
    {
        var info = ImageDecoder.ReadInfo(file);
        var (width, height) = Target(info.Width, info.Height, options.ShortSide);
        var same = (width, height) == (info.Width, info.Height);
        using var image = ImageDecoder.Decode(file, same ? DecodeOptions.Default : new DecodeOptions { MinWidth = width, MinHeight = height });
        return same && info is { IsJpeg: true, Orientation: 1 }
            ? new(file, width, height, width, height)
            : Encode(image, width, height, options.Quality);
    }

    private static PackedImage PackGrey(ReadOnlySpan<byte> grey, int width, int height, PackOptions options)
    {
        using var image = DecodedImage.Allocate(width, height);
        ImageTransforms.GreyToRgb(grey, image.Writable);
        var (outWidth, outHeight) = Target(width, height, options.ShortSide);
        return Encode(image, outWidth, outHeight, options.Quality);
    }

    private static PackedImage Encode(DecodedImage image, int width, int height, int quality)
    {
        if ((image.Width, image.Height) == (width, height))
        {
            return new(JpegFile.Encode(image.Pixels, width, height, quality), width, height, image.OriginalWidth, image.OriginalHeight);
        }
        using var resized = DecodedImage.Allocate(width, height);
        ImageResize.Resize(image.Pixels, image.Width, image.Height, width, height, resized.Writable);
        return new(JpegFile.Encode(resized.Pixels, width, height, quality), width, height, image.OriginalWidth, image.OriginalHeight);
    }

    // The long side in proportion, rounded, at least 1.
    private static (int Width, int Height) Target(int width, int height, int shortSide)
    {
        var smaller = Math.Min(width, height);
        if (shortSide == 0 || smaller <= shortSide)
        {
            return (width, height);
        }
        int Side(int length) => length == smaller ? shortSide : (int)Math.Round((double)length * shortSide / smaller);
        return (Side(width), Side(height));
    }
}

/// <summary>A JPEG, its size, and the size of the picture that it was made from, upright, in pixels.</summary>
internal sealed record PackedImage(byte[] Jpeg, int Width, int Height, int OriginalWidth, int OriginalHeight);
