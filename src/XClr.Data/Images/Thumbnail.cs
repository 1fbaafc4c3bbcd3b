using SkiaSharp;

namespace XClr.Data;

/// <summary>Small copies of images for pages.</summary>
public static class Thumbnail
{
    private const int Quality = 80;

    /// <summary>The image as a JPEG in a data: address, its longer side at most <paramref name="side"/> pixels.</summary>
    public static string DataUri(DecodedImage image, int side)
    {
        using var bitmap = PngFile.Bitmap(image.Pixels, image.Width, image.Height);
        var scale = Math.Min(1, side / (double)Math.Max(image.Width, image.Height));
        var size = new SKImageInfo(Math.Max(1, (int)Math.Round(scale * image.Width)), Math.Max(1, (int)Math.Round(scale * image.Height)), SKColorType.Rgb888x);
        using var small = bitmap.Resize(size, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        using var jpeg = small.Encode(SKEncodedImageFormat.Jpeg, Quality);
        return "data:image/jpeg;base64," + Convert.ToBase64String(jpeg.AsSpan());
    }
}
