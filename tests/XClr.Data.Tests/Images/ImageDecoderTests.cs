using System.Text;
using SkiaSharp;

namespace XClr.Data.Tests;

public class ImageDecoderTests
{
    private static SampleFault Cause(byte[] file, DecodeOptions? options = null) =>
        Assert.Throws<ImageDecodeException>(() => ImageDecoder.Decode(file, options).Dispose()).Cause;

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg, 2)]
    [InlineData(SKEncodedImageFormat.Png, 0)]
    [InlineData(SKEncodedImageFormat.Webp, 6)]
    public void Every_format_gives_rgb(SKEncodedImageFormat format, int tolerance)
    {
        var file = TestImages.Solid(200, 37, 23, format);
        using var image = ImageDecoder.Decode(file);
        var info = ImageDecoder.ReadInfo(file);
        Assert.Equal((37, 23, 1, format == SKEncodedImageFormat.Jpeg), (info.Width, info.Height, info.Orientation, info.IsJpeg));
        Assert.Equal((37, 23, 37, 23, false), (image.Width, image.Height, image.OriginalWidth, image.OriginalHeight, image.Reduced));
        Assert.Equal(37 * 23 * 3, image.Pixels.Length);
        int[] expected = [200, 100, 50];
        for (var i = 0; i < image.Pixels.Length; i++)
        {
            Assert.InRange(image.Pixels[i], expected[i % 3] - tolerance, expected[i % 3] + tolerance);
        }
    }

    [Theory]
    [InlineData(8, 6, 8, 6)]
    [InlineData(200, 100, 72, 36)]
    [InlineData(30, 300, 7, 72)]
    public void A_thumbnail_is_no_larger_than_its_image(int width, int height, int smallWidth, int smallHeight)
    {
        using var image = ImageDecoder.Decode(TestImages.Solid(10, width, height));
        const string Start = "data:image/jpeg;base64,";
        var uri = Thumbnail.DataUri(image, 72);
        Assert.StartsWith(Start, uri);
        var info = ImageDecoder.ReadInfo(Convert.FromBase64String(uri[Start.Length..]));
        Assert.Equal((smallWidth, smallHeight), (info.Width, info.Height));
    }

    [Fact]
    public void Alpha_is_dropped_and_the_colours_under_it_kept()
    {
        using var bitmap = new SKBitmap(4, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        bitmap.SetPixel(0, 0, new SKColor(10, 20, 30, 255));
        bitmap.SetPixel(1, 0, new SKColor(200, 100, 50, 128));
        bitmap.SetPixel(2, 0, new SKColor(90, 80, 70, 3));
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        using var image = ImageDecoder.Decode(data.ToArray());
        Assert.Equal([10, 20, 30, 200, 100, 50, 90, 80, 70], image.Pixels[..9].ToArray());
    }

    [Fact]
    public void Refusals_name_their_cause()
    {
        Assert.Equal(SampleFault.Empty, Cause([]));
        Assert.Equal(SampleFault.NotAnImage, Cause([1, 2, 3]));
        Assert.Equal(SampleFault.NotAnImage, Cause(Encoding.UTF8.GetBytes("<html><body>404 Not Found</body></html>")));
        Assert.Equal(SampleFault.TooLarge, Cause(TestImages.Solid(1, 100, 50), new() { MaxPixels = 4999 }));
        Assert.Equal(SampleFault.TooLarge, Cause(TestImages.Solid(1, 100, 50, SKEncodedImageFormat.Png), new() { MaxPixels = 4999 }));
        ImageDecoder.Decode(TestImages.Solid(1, 100, 50), new() { MaxPixels = 5000 }).Dispose();
        var e = Assert.Throws<ImageDecodeException>(() => ImageDecoder.Decode(TestImages.Solid(1, 100, 50), new() { MaxPixels = 10 }));
        Assert.Equal("too-large: 100 x 50 pixels, above the limit of 10", e.Message);
    }

    // A PNG of 60,000 x 60,000 pixels in a few bytes is refused by its header.
    [Fact]
    public void A_bomb_is_refused_by_its_header()
    {
        var png = TestImages.Solid(1, 16, 16, SKEncodedImageFormat.Png);
        byte[] header = [.. "IHDR"u8, 0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60, .. png[24..29]];
        header.CopyTo(png, 12);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc32(header));
        Assert.Equal(SampleFault.TooLarge, Cause(png));
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = ~0u;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var k = 0; k < 8; k++)
            {
                crc = (crc & 1) == 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
            }
        }
        return ~crc;
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void Truncated_files_are_refused(SKEncodedImageFormat format)
    {
        var file = Noise(format);
        // The last bytes are an end marker or a checksum that a decoder may do without.
        for (var length = 0; length < file.Length - 16; length += 1 + file.Length / 200)
        {
            var cause = Cause(file[..length]);
            var expected = length switch
            {
                0 => new[] { SampleFault.Empty },
                < 60 => [SampleFault.NotAnImage, SampleFault.Truncated, SampleFault.Corrupt],
                _ => [SampleFault.Truncated, SampleFault.Corrupt],
            };
            Assert.Contains(cause, expected);
        }
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void Damaged_files_never_crash(SKEncodedImageFormat format)
    {
        var file = Noise(format);
        var refused = 0;
        for (var i = 0; i < 500; i++)
        {
            var random = new SeededRandom(1, RandomPurpose.Split, index: i);
            var damaged = (byte[])file.Clone();
            for (var k = 0; k <= i % 8; k++)
            {
                damaged[random.Below(damaged.Length)] = (byte)random.NextUInt();
            }
            try
            {
                ImageDecoder.Decode(damaged, new() { MaxPixels = 1_000_000, MinWidth = 1 + i % 40, MinHeight = 1 }).Dispose();
            }
            catch (ImageDecodeException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 1, 500);
    }

    [Theory]
    [InlineData(0, 0, 800, 600)]
    [InlineData(100, 75, 100, 75)]
    [InlineData(101, 75, 200, 150)]
    [InlineData(100, 76, 200, 150)]
    [InlineData(300, 10, 400, 300)]
    [InlineData(401, 10, 800, 600)]
    [InlineData(5000, 5000, 800, 600)]
    public void Jpegs_are_decoded_at_the_smallest_scale_that_keeps_the_minimum(int minWidth, int minHeight, int outWidth, int outHeight)
    {
        var file = TestImages.Solid(77, 800, 600);
        var options = new DecodeOptions { MinWidth = minWidth, MinHeight = minHeight };
        using var image = ImageDecoder.Decode(file, options);
        Assert.Equal((outWidth, outHeight), (image.Width, image.Height));
        var info = ImageDecoder.ReadInfo(file);
        Assert.Equal(new(0, 0, outWidth, outHeight), ImageDecoder.Whole(info, ImageDecoder.ScaleFor(info, minWidth, minHeight, maxBytes: 0, []).Eighths));
        Assert.InRange(image.Pixels[0], 75, 79);
    }

    /// <summary>Only what is decoded has to fit: a small box keeps the scale that its crop needs, and one that is a little too large loses an eighth, not a half.</summary>
    [Theory]
    [InlineData(200, 150, 90_000, 8, false)]
    [InlineData(200, 150, 89_999, 7, true)]
    [InlineData(800, 600, 1_440_000, 8, false)]
    [InlineData(800, 600, 1_439_999, 7, true)]
    [InlineData(800, 600, 1, 1, true)]
    public void Scale_for_asks_for_the_bytes_of_the_box(int boxWidth, int boxHeight, int maxBytes, int eighths, bool reduced)
    {
        var info = ImageDecoder.ReadInfo(TestImages.Solid(77, 800, 600));
        var view = default(AugmentParams) with { CropX = 8, CropY = 16, CropW = boxWidth - 8, CropH = boxHeight - 16 };
        Assert.Equal(new(eighths, reduced), ImageDecoder.ScaleFor(info, 800, 600, maxBytes, [view, view with { CropX = 0, CropY = 0 }]));
    }

    [Theory]
    [InlineData(1, "ab/cd/ef"), InlineData(2, "ba/dc/fe"), InlineData(3, "fe/dc/ba"), InlineData(4, "ef/cd/ab")]
    [InlineData(5, "ace/bdf"), InlineData(6, "eca/fdb"), InlineData(7, "fdb/eca"), InlineData(8, "bdf/ace")]
    public void Turn_upright_follows_exif(int orientation, string expected)
    {
        var stored = "aaabbbcccdddeeefff"u8.ToArray();
        var upright = new byte[18];
        ImageTransforms.TurnUpright(stored, 2, 3, orientation, upright);
        var width = expected.IndexOf('/');
        var rows = upright.Where((_, i) => i % 3 == 0).Chunk(width).Select(r => string.Concat(r.Select(b => (char)b)));
        Assert.Equal(expected, string.Join('/', rows));
    }

    [Fact]
    public void Reduce_averages_blocks()
    {
        byte[] rgb = [0, 10, 100, 4, 20, 101, 9, 9, 9, 8, 30, 102, 12, 40, 104, 7, 7, 7];
        var reduced = new byte[6];
        ImageTransforms.Reduce(rgb, 3, 2, 2, reduced);
        Assert.Equal([6, 25, 102, 8, 8, 8], reduced);
        Assert.Equal(1, ImageTransforms.ReductionFor(10, 10, 300));
        Assert.Equal(2, ImageTransforms.ReductionFor(10, 10, 299));
        Assert.Equal(10, ImageTransforms.ReductionFor(10, 10, 1));
    }

    [Fact]
    public void A_disposed_image_cannot_be_read()
    {
        var image = ImageDecoder.Decode(TestImages.Solid(1));
        image.Dispose();
        image.Dispose();
        Assert.Throws<ObjectDisposedException>(() => image.Pixels[0]);
    }

    private static byte[] Noise(SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(64, 64, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var random = new SeededRandom(2, RandomPurpose.Split);
        for (var i = 0; i < 64 * 64; i++)
        {
            bitmap.SetPixel(i % 64, i / 64, new SKColor((byte)random.NextUInt(), (byte)random.NextUInt(), (byte)random.NextUInt()));
        }
        using var data = bitmap.Encode(format, 90);
        return data.ToArray();
    }
}
