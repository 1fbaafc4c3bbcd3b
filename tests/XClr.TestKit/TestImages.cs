using SkiaSharp;
using XClr.Data;

namespace XClr.TestKit;

/// <summary>Made images, as the bytes of their files.</summary>
public static class TestImages
{
    /// <summary>An image of one colour, whose red is <paramref name="red"/>: a JPEG keeps it within a level or two.</summary>
    public static byte[] Solid(int red, int width = 16, int height = 12, SKEncodedImageFormat format = SKEncodedImageFormat.Jpeg)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        bitmap.Erase(new SKColor((byte)red, 100, 50));
        using var data = bitmap.Encode(format, 95);
        return data.ToArray();
    }

    /// <summary>An image of noise, which the seed draws: no two neighbours are alike.</summary>
    public static byte[] Noise(int seed, int width, int height, SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        new Random(seed).NextBytes(bitmap.GetPixelSpan());
        using var data = bitmap.Encode(format, 95);
        return data.ToArray();
    }

    /// <summary>The JPEG with an EXIF orientation; 1 leaves it, and any other format, as it is.</summary>
    public static byte[] Turned(byte[] jpeg, int orientation) => orientation == 1 ? jpeg :
    [
        .. jpeg[..2], 0xFF, 0xE1, 0, 34, .. "Exif\0\0MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0, .. jpeg[2..],
    ];

    /// <summary>Writes a PNG of side x side pixels whose byte i, of [side, side, 3], is <paramref name="value"/> of i; returns where it lies.</summary>
    public static string WritePng(this TempFolder folder, string name, int side, Func<int, byte> value)
    {
        var path = folder.File(name, []);
        PngFile.Write(path, [.. Enumerable.Range(0, side * side * 3).Select(value)], side, side);
        return path;
    }

    /// <summary>Writes a PNG of side x side pixels of noise, which the seed draws; returns where it lies.</summary>
    public static string WriteNoisePng(this TempFolder folder, string name, int side, int seed)
    {
        var pixels = new byte[side * side * 3];
        new Random(seed).NextBytes(pixels);
        return folder.WritePng(name, side, i => pixels[i]);
    }
}
