using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;

namespace XClr.Data;

/// <summary>
/// What is no JPEG, decoded by the package SixLabors.ImageSharp: first frame, no colour management, alpha dropped. Part of the build with -p:ImageSharpPackage=SixLabors.ImageSharp only, and never
/// compiled by this project, whose registry lacks the package: see docs/packages.md.
/// </summary>
internal static class SharpImage
{
    private static readonly DecoderOptions FirstFrame = new() { MaxFrames = 1 };

    /// <summary>Reads the header. Throws <see cref="ImageDecodeException"/>.</summary>
    public static ImageInfo ReadInfo(ReadOnlySpan<byte> file)
    {
        try
        {
            var found = Image.Identify(FirstFrame, file);
            var orientation = found.Metadata.ExifProfile is { } exif && exif.TryGetValue(ExifTag.Orientation, out var value) ? value.Value : (ushort)1;
            return ImageInfo.FromStored(found.Width, found.Height, orientation, isJpeg: false);
        }
        catch (Exception e) when (e is UnknownImageFormatException or InvalidImageContentException or NotSupportedException)
        {
            throw Failure(e);
        }
    }

    /// <summary>Decodes the stored pixels into RGB8, not yet upright. Throws <see cref="ImageDecodeException"/>.</summary>
    public static (ImageInfo Info, DecodedImage Stored) Decode(ReadOnlySpan<byte> file, long maxPixels)
    {
        var info = ReadInfo(file);
        ImageDecoder.RequirePixels(info, maxPixels);
        try
        {
            using var image = Image.Load<Rgb24>(FirstFrame, file);
            var stored = DecodedImage.Allocate(info.StoredWidth, info.StoredHeight, info.StoredWidth, info.StoredHeight, reduced: false);
            image.CopyPixelDataTo(stored.Writable);
            return (info, stored);
        }
        catch (Exception e) when (e is UnknownImageFormatException or InvalidImageContentException or NotSupportedException)
        {
            throw Failure(e);
        }
    }

    private static ImageDecodeException Failure(Exception e) => new(e is UnknownImageFormatException ? SampleFault.NotAnImage : SampleFault.Corrupt, e.Message);
}
