using XClr.Data.Packing;

namespace XClr.Data.Tests;

/// <summary>What is packed: images, captions, labels, and a line for each failed row.</summary>
public sealed class PackTests
{
    [Fact]
    public void Images_are_reduced_and_captions_kept()
    {
        using var folder = new TempFolder();
        var result = Packs.Pack(Packs.Table(folder), folder + "/out", o => o with { ShortSide = 120 });
        Assert.Equal((3, 0, 10, 7), (result.Shards, result.Resumed, result.Rows, result.Good));
        Assert.Equal(["bad-row", "empty", "unreadable"], result.Failed.Keys.Order());
        using var packed = DatasetFactory.Open(folder + "/out");
        var raw = packed.Read(ReadOrder.Sequential).ToList();
        Assert.Equal(["000000000", "000000001", "000000002", "000010002", "000010003", "000020000", "000020001"], raw.Select(r => r.Key));
        Assert.Equal(["a big one", "a tall, one", null, "7", "8", "9", "10"], raw.Select(r => r.Caption));
        using var stream = new SampleStream(packed, new() { Shuffle = false });
        var images = stream.ReadAll().Take(3).ToList();
        Assert.Equal([(160, 120), (120, 360), (40, 30)], images.Select(i => (i.Image.Width, i.Image.Height)));
        Assert.All(images.Zip([10, 20, 30]), p => Assert.InRange(p.First.Image.Pixels[3000], p.Second - 3, p.Second + 3));
        // A JPEG that is small enough keeps its bytes.
        using var small = raw[2].Image!.Read();
        Assert.Equal(TestImages.Solid(30, 40, 30), small.Span);
    }

    [Fact]
    public void Every_failed_row_has_a_line_with_its_cause()
    {
        using var folder = new TempFolder();
        Packs.Pack(Packs.Table(folder), folder + "/out");
        var lines = Directory.EnumerateFiles(folder + "/out", "*_failed.jsonl").Order(StringComparer.Ordinal).SelectMany(JsonLines.Read)
            .Select(l => (l.GetProperty("row").GetInt64(), l.GetProperty("key").GetString(), l.GetProperty("cause").GetString()));
        Assert.Equal([(3L, "empty.jpg", "empty"), (4L, "gone.jpg", "unreadable"), (5L, "row 6", "bad-row")], lines);
    }

    [Fact]
    public void Shards_do_not_depend_on_the_number_of_workers()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/one", o => o with { Workers = 1, ShardsAtOnce = 1 });
        Packs.Pack(table, folder + "/four", o => o with { Workers = 4, ShardsAtOnce = 3 });
        Assert.Equal(Packs.Files(folder + "/one"), Packs.Files(folder + "/four"));
    }

    [Fact]
    public void Labels_and_classes_are_packed()
    {
        using var folder = new TempFolder();
        folder.File("in/cat/1.jpg", TestImages.Solid(1));
        folder.File("in/dog/2.jpg", TestImages.Solid(2));
        Packs.Pack(folder + "/in", folder + "/out");
        using var packed = DatasetFactory.Open(folder + "/out", options: new() { ClassesFile = folder + "/out/classes.txt" });
        Assert.Equal(["cat", "dog"], packed.Classes);
        Assert.Equal([0, 1], packed.Read(ReadOrder.Sequential).Select(s => s.Label));
    }

    [Fact]
    public void A_photograph_that_lies_on_its_side_is_turned_and_sides_are_rounded()
    {
        using var folder = new TempFolder();
        folder.File("turned.jpg", TestImages.Turned(TestImages.Solid(10, 40, 30), 6));
        folder.File("wide.jpg", TestImages.Solid(20, 100, 60));
        Packs.Pack(folder.File("set.csv", "image,caption\nturned.jpg,a\nwide.jpg,b\n"), folder + "/out", o => o with { ShortSide = 34 });
        using var packed = DatasetFactory.Open(folder + "/out");
        var info = packed.Read(ReadOrder.Sequential).Select(r =>
        {
            using var bytes = r.Image!.Read();
            return ImageDecoder.ReadInfo(bytes.Span);
        });
        // 100 * 34 / 60 is 56.7.
        Assert.Equal([new ImageInfo(30, 40, 1, true), new ImageInfo(57, 34, 1, true)], info);
    }

    [Fact]
    public void Resizing_is_antialiased_and_keeps_the_mean()
    {
        // Columns of black and white: reduced by 4 every pixel is grey, where point sampling would be black or white.
        var (width, height) = (64, 20);
        var stripes = new byte[width * height * 3];
        for (var i = 0; i < stripes.Length; i++)
        {
            stripes[i] = (byte)(i / 3 % 2 * 255);
        }
        var grey = new byte[16 * 5 * 3];
        ImageResize.Resize(stripes, width, height, 16, 5, grey);
        Assert.All(grey, v => Assert.InRange(v, 118, 138));
        Assert.InRange(grey.Average(v => (double)v), 127, 128.5);
        var same = new byte[stripes.Length];
        ImageResize.Resize(stripes, width, height, width, height, same);
        Assert.Equal(stripes, same);
        // Halves are rounded up.
        var half = new byte[3];
        ImageResize.Resize([10, 20, 30, 11, 21, 31], 2, 1, 1, 1, half);
        Assert.Equal<byte>([11, 21, 31], half);
    }
}
