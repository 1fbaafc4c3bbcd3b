using System.Runtime.InteropServices;
using SkiaSharp;

namespace XClr.Data;

/// <summary>Encodes JPEGs.</summary>
internal static class JpegFile
{
    /// <summary>RGB8 pixels, [height, width, 3], as a baseline JPEG. <paramref name="quality"/>: 1 to 100.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> rgb, int width, int height, int quality)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgb888x, SKAlphaType.Opaque));
        var pixels = MemoryMarshal.Cast<byte, uint>(bitmap.GetPixelSpan());
        for (int i = 0, from = 0; i < width * height; i++, from += 3)
        {
            pixels[i] = rgb[from] | (uint)rgb[from + 1] << 8 | (uint)rgb[from + 2] << 16 | 0xff000000u;
        }
        using var file = bitmap.Encode(SKEncodedImageFormat.Jpeg, quality)
            ?? throw new ImageDecodeException(SampleFault.Unsupported, $"{width} x {height} pixels cannot be written as a JPEG");
        return file.ToArray();
    }
}
