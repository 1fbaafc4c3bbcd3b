using System.Runtime.InteropServices;
using SkiaSharp;

namespace XClr.Data;

/// <summary>Writes pictures that a person looks at.</summary>
public static class PngFile
{
    /// <summary>Writes RGB8 pixels, [height, width, 3], as a PNG file.</summary>
    /// <exception cref="DataException">The file cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> rgb, int width, int height)
    {
        using var bitmap = Bitmap(rgb, width, height);
        try
        {
            // Not into the file itself: what fails in a callback of Skia's ends the process.
            using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
            // A picture that was there stays until this one is whole.
            WholeFile.Replace(path, file => file.Write(png.AsSpan()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"The picture '{path}' cannot be written: {e.Message}", e);
        }
    }

    /// <summary>RGB8 pixels as a bitmap.</summary>
    internal static SKBitmap Bitmap(ReadOnlySpan<byte> rgb, int width, int height)
    {
        var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgb888x));
        var pixels = MemoryMarshal.Cast<byte, uint>(bitmap.GetPixelSpan());
        for (var i = 0; i < width * height; i++)
        {
            pixels[i] = rgb[3 * i] | (uint)rgb[3 * i + 1] << 8 | (uint)rgb[3 * i + 2] << 16 | 0xff000000u;
        }
        return bitmap;
    }
}
