using XClr.Data;
using XClr.Nn.Ops;

namespace XClr.Train.Tests;

public class PackedBatchTests
{
    [Fact]
    public void What_was_drawn_for_a_view_is_in_its_row_of_the_table()
    {
        var drawn = new AugmentParams
        {
            CropX = 1, CropY = 2, CropW = 7, CropH = 5, Flip = 1, Jitter = 1, Brightness = 0.9f, Contrast = 0.8f, Saturation = 0.7f, Hue = 0.1f, JitterOrder = 0b00_01_10_11, Grey = 1, Blur = 1, BlurSigma = 0.6f, Solarise = 1, SolariseThreshold = 0.3f,
        };
        using var first = DecodedImage.FromRows(11, 9, 3, _ => new byte[33], 0);
        using var second = DecodedImage.FromRows(8, 8, 3, _ => Enumerable.Repeat((byte)200, 24).ToArray(), 0);
        Sample[] samples = [Sample.Of("a", "host", first, [new() { CropW = 11, CropH = 9 }, drawn]), Sample.Of("b", "host", second, [new() { CropW = 8, CropH = 8 }, new() { CropX = 3, CropW = 4, CropH = 8 }])];
        var batch = new PackedBatch().Views(samples, 2, size: 4);
        // The first view of both, then the second; an image begins at a multiple of four bytes.
        Assert.Equal([0u, 300, 0, 300], batch.Table.ToArray().Select(e => e.SourceOffset));
        Assert.Equal((11u, 4u), (batch.Table[0].CropW, batch.Table[3].CropW));
        var wanted = AugmentEntry.Box(0, 11, 9, 3, (1, 2, 7, 5), 4) with
        {
            Flip = 1, Jitter = 1, Brightness = 0.9f, Contrast = 0.8f, Saturation = 0.7f, Hue = 0.1f, JitterOrder = 0b00_01_10_11, Grey = 1, Blur = 1, BlurSigma = 0.6f, Solarise = 1, SolariseThreshold = 0.3f,
        };
        Assert.Equal(wanted, batch.Table[2]);
        Assert.Equal((300 + 192, 200), (batch.ByteCount, batch.Bytes[300]));
    }

    [Fact]
    public void Rows_of_an_evaluation_that_no_image_is_for_are_left_as_they_are()
    {
        using var image = DecodedImage.FromRows(10, 8, 3, _ => new byte[30], 0);
        using var other = DecodedImage.FromRows(6, 12, 3, _ => new byte[18], 0);
        var batch = new PackedBatch();
        batch.Evaluation([Sample.Of("a", "host", image), Sample.Of("b", "host", other)], firstRow: 0, rows: 4, size: 7);
        batch.Evaluation([Sample.Of("c", "host", other), Sample.Of("d", "host", image)], firstRow: 1, rows: 4, size: 7);
        Assert.Equal([default, AugmentEntry.Evaluation(0, 6, 12, 3, 7), AugmentEntry.Evaluation(216, 10, 8, 3, 7), default], batch.Table.ToArray());
    }
}
