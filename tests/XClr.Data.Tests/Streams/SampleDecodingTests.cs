using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>How large, and how much of, a stream decodes its images for the views that are drawn.</summary>
public class SampleDecodingTests
{
    private static readonly AugmentSettings Simclr = AugmentSettings.Preset("simclr");

    // In small images many crops are but a pixel larger than a scale needs.
    [Theory]
    [InlineData(800, 600, 64, 60)]
    [InlineData(100, 75, 8, 400)]
    public void Crops_keep_the_output_size_however_much_smaller_the_image_is_decoded(int width, int height, int size, int count)
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", Enumerable.Range(0, count).Select(i => ($"{i:D3}.jpg", TestImages.Solid(i, width, height))));
        using var data = new WebDatasetReader(folder);
        using var stream = new SampleStream(data, new() { Augment = Simclr, OutputSize = size, Shuffle = false });
        var scaled = 0;
        foreach (var sample in stream.ReadAll())
        {
            using (sample)
            {
                Assert.Equal((width, height), (sample.Image.OriginalWidth, sample.Image.OriginalHeight));
                var drawn = Enumerable.Range(0, 2).Select(v => AugmentParams.Draw(Simclr, 0, 0, sample.Index, v, width, height)).ToArray();
                scaled += sample.Image.Width < PixelBox.Around(drawn, 1, 1, 1, 1).Width ? 1 : 0;
                for (var v = 0; v < 2; v++)
                {
                    var view = sample.Views[v];
                    Assert.True(view.CropW >= Math.Min(size, drawn[v].CropW) && view.CropH >= Math.Min(size, drawn[v].CropH), $"{view} of {sample.Image.Width} x {sample.Image.Height}");
                    Assert.InRange(view.CropX + view.CropW, 1, sample.Image.Width);
                    Assert.InRange(view.CropY + view.CropH, 1, sample.Image.Height);
                    Assert.Equal(drawn[v].Hue, view.Hue);
                }
            }
        }
        Assert.InRange(scaled, count / 3, count);
    }

    // JPEGs are decoded where the views are and nowhere else, a turned one and a PNG in whole; the pixels of the views are the same.
    [Theory]
    [InlineData(SkiaSharp.SKEncodedImageFormat.Jpeg, 1)]
    [InlineData(SkiaSharp.SKEncodedImageFormat.Jpeg, 6)]
    [InlineData(SkiaSharp.SKEncodedImageFormat.Png, 1)]
    public void Views_show_the_pixels_of_the_whole_image(SkiaSharp.SKEncodedImageFormat format, int orientation)
    {
        using var folder = new TempFolder();
        var file = TestImages.Turned(TestImages.Noise(5, 90, 60, format), orientation);
        folder.Shard("a.tar", Enumerable.Range(0, 30).Select(i => ($"{i:D3}.bin".Replace("bin", format == SkiaSharp.SKEncodedImageFormat.Png ? "png" : "jpg"), file)));
        using var data = new WebDatasetReader(folder);
        using var stream = new SampleStream(data, new() { Augment = Simclr, OutputSize = 1000, Shuffle = false });
        using var whole = ImageDecoder.Decode(file);
        var smaller = 0;
        foreach (var sample in stream.ReadAll())
        {
            using (sample)
            {
                smaller += sample.Image.ByteCount < whole.ByteCount ? 1 : 0;
                for (var v = 0; v < 2; v++)
                {
                    var (view, drawn) = (sample.Views[v], AugmentParams.Draw(Simclr, 0, 0, sample.Index, v, whole.Width, whole.Height));
                    Assert.Equal((drawn.CropW, drawn.CropH), (view.CropW, view.CropH));
                    for (var y = 0; y < view.CropH; y++)
                    {
                        ReadOnlySpan<byte> Row(DecodedImage image, int left, int top) => image.Pixels.Slice(((top + y) * image.Width + left) * 3, view.CropW * 3);
                        Assert.True(Row(sample.Image, view.CropX, view.CropY).SequenceEqual(Row(whole, drawn.CropX, drawn.CropY)));
                    }
                }
            }
        }
        Assert.Equal(format == SkiaSharp.SKEncodedImageFormat.Jpeg && orientation == 1, smaller > 20);
    }

    [Fact]
    public void Max_bytes_reduces_and_counts()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", [("1.jpg", TestImages.Solid(9, 400, 300)), ("2.png", TestImages.Solid(9, 400, 300, SkiaSharp.SKEncodedImageFormat.Png)), ("3.jpg", TestImages.Solid(9))]);
        using var data = new WebDatasetReader(folder);
        using var stream = new SampleStream(data, new() { Decode = new() { MaxBytes = 40_000 }, Shuffle = false });
        using var jpeg = stream.Next()!.Value;
        using var png = stream.Next()!.Value;
        using var small = stream.Next()!.Value;
        // Of 400 x 300: two eighths, the most that fit, and the mean of blocks of 4 x 4.
        Assert.Equal((100, 75, true), (jpeg.Image.Width, jpeg.Image.Height, jpeg.Image.Reduced));
        Assert.Equal((100, 75, true), (png.Image.Width, png.Image.Height, png.Image.Reduced));
        Assert.Equal((16, 12, false), (small.Image.Width, small.Image.Height, small.Image.Reduced));
        Assert.InRange(png.Image.Pixels[0], 9, 9);
        Assert.Equal(2, stream.ReducedCount);
    }

    [Fact]
    public void Max_bytes_bounds_what_is_decoded_not_the_whole_image()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", Enumerable.Range(0, 40).Select(i => ($"{i:D2}.jpg", TestImages.Noise(i, 400, 300, SkiaSharp.SKEncodedImageFormat.Jpeg))));
        using var data = new WebDatasetReader(folder);
        // The whole is 360,000 bytes; a box of up to half of it stays as it is.
        using var stream = new SampleStream(data, new() { Decode = new() { MaxBytes = 180_000 }, Augment = Simclr, OutputSize = 1000, Shuffle = false });
        var (kept, reduced) = (0, 0);
        foreach (var sample in stream.ReadAll())
        {
            using (sample)
            {
                var crops = Enumerable.Range(0, 2).Select(v => AugmentParams.Draw(Simclr, 0, 0, sample.Index, v, 400, 300)).ToArray();
                var (width, height) = (crops.Max(c => c.CropX + c.CropW) - crops.Min(c => c.CropX), crops.Max(c => c.CropY + c.CropH) - crops.Min(c => c.CropY));
                Assert.Equal(3 * width * height > 180_000, sample.Image.Reduced);
                Assert.InRange(sample.Image.ByteCount, 1, 180_000);
                // At least five eighths of a side: seven eighths are 0.77 of the area.
                Assert.True(!sample.Image.Reduced || sample.Image.Width > 0.62 * width, $"{sample.Image.Width} of {width}");
                (kept, reduced) = (kept + (sample.Image.Reduced ? 0 : 1), reduced + (sample.Image.Reduced ? 1 : 0));
            }
        }
        Assert.True(kept > 2 && reduced > 2, $"{kept} kept, {reduced} reduced");
        Assert.Equal(reduced, stream.ReducedCount);
    }

    [Fact]
    public void Max_bytes_reduces_grey_pixels_too()
    {
        using var folder = new TempFolder();
        folder.File("train-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 40, 0, 0, 0, 60, .. Enumerable.Repeat((byte)7, 2400)]);
        folder.File("train-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 1, 0]);
        using var data = new IdxReader(folder);
        using var stream = new SampleStream(data, new() { Decode = new() { MaxBytes = 3000 }, Augment = Simclr, OutputSize = 8 });
        using var sample = stream.Next()!.Value;
        Assert.Equal((30, 20, 60, 40, true), (sample.Image.Width, sample.Image.Height, sample.Image.OriginalWidth, sample.Image.OriginalHeight, sample.Image.Reduced));
        Assert.All(sample.Views, v => Assert.True(v.CropX + v.CropW <= 30 && v.CropY + v.CropH <= 20));
        Assert.InRange(sample.Image.Pixels[0], 7, 7);
        Assert.Equal(1, stream.ReducedCount);
    }
}
