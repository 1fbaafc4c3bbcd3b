using SkiaSharp;

namespace XClr.Data;

/// <summary>PNG, WebP, GIF, BMP and the rest, decoded by Skia: first frame, no colour management, alpha dropped.</summary>
internal static unsafe class SkiaImage
{
    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Reads the header. Throws <see cref="ImageDecodeException"/>.</summary>
    public static ImageInfo ReadInfo(ReadOnlySpan<byte> file)
    {
        fixed (byte* data = file)
        {
            using var codec = Open(data, file.Length);
            return InfoOf(codec);
        }
    }

    /// <summary>Decodes the stored pixels into RGB8, not yet upright. Throws <see cref="ImageDecodeException"/>.</summary>
    public static (ImageInfo Info, DecodedImage Stored) Decode(ReadOnlySpan<byte> file, long maxPixels)
    {
        fixed (byte* data = file)
        {
            using var codec = Open(data, file.Length);
            var info = InfoOf(codec);
            ImageDecoder.RequirePixels(info, maxPixels);
            return (info, ReadPixels(codec, info));
        }
    }

    private static ImageInfo InfoOf(SKCodec codec) =>
        ImageInfo.FromStored(codec.Info.Width, codec.Info.Height, (int)codec.EncodedOrigin, isJpeg: false);

    private static SKCodec Open(byte* data, int length)
    {
        // The stream refers to the caller's pinned bytes; the codec takes it over.
        using var bytes = SKData.Create((nint)data, length);
        var codec = SKCodec.Create(new SKMemoryStream(bytes), out var result);
        if (codec is not null)
        {
            return codec;
        }
        var file = new ReadOnlySpan<byte>(data, length);
        throw result switch
        {
            // Skia calls a PNG header that it cannot use incomplete, and everything short too.
            SKCodecResult.IncompleteInput when IsWholePng(file) => new ImageDecodeException(SampleFault.Corrupt, "invalid PNG header"),
            SKCodecResult.IncompleteInput or SKCodecResult.Unimplemented when !HasSignature(file) =>
                new ImageDecodeException(SampleFault.NotAnImage, "no known image format"),
            _ => Failure(result),
        };
    }

    private static bool HasSignature(ReadOnlySpan<byte> file) => file.StartsWith(PngSignature)
        || file.StartsWith("RIFF"u8) || file.StartsWith("GIF8"u8) || file.StartsWith("BM"u8);

    private static bool IsWholePng(ReadOnlySpan<byte> file) =>
        file.Length >= 12 && file.StartsWith(PngSignature) && file[^8..^4].SequenceEqual("IEND"u8);

    private static DecodedImage ReadPixels(SKCodec codec, ImageInfo info)
    {
        var (width, height) = (info.StoredWidth, info.StoredHeight);
        var rgba = LoaderBuffers.Pool.Rent(checked(width * height * 4));
        try
        {
            // No colour space on the target: values stay as stored, whatever profile or gamma the file names.
            var target = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
            if (codec.Info.AlphaType == SKAlphaType.Opaque)
            {
                target.AlphaType = SKAlphaType.Opaque;
            }
            fixed (byte* pixels = rgba)
            {
                var result = codec.GetPixels(target, (nint)pixels);
                if (result != SKCodecResult.Success)
                {
                    throw Failure(result);
                }
            }
            var image = DecodedImage.Allocate(width, height);
            DropAlpha(rgba, image.Writable);
            return image;
        }
        finally
        {
            LoaderBuffers.Pool.Return(rgba);
        }
    }

    private static void DropAlpha(ReadOnlySpan<byte> rgba, Span<byte> rgb)
    {
        for (int from = 0, to = 0; to < rgb.Length; from += 4, to += 3)
        {
            rgb[to] = rgba[from];
            rgb[to + 1] = rgba[from + 1];
            rgb[to + 2] = rgba[from + 2];
        }
    }

    private static ImageDecodeException Failure(SKCodecResult result) => result switch
    {
        SKCodecResult.IncompleteInput => new(SampleFault.Truncated, "the file ends before its picture does"),
        SKCodecResult.ErrorInInput => new(SampleFault.Corrupt, "damaged picture data"),
        SKCodecResult.Unimplemented or SKCodecResult.InvalidConversion => new(SampleFault.Unsupported, $"Skia says {result}"),
        _ => new(SampleFault.Corrupt, $"Skia says {result}"),
    };
}
