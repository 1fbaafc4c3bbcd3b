using System.Text.Json;
using XClr.Data.Packing;
using Xunit;

namespace XClr.Data.Tests;

/// <summary>Data sets to shards: sizes, captions, causes, resuming.</summary>
public class PackTests
{
    private static PackResult Pack(string source, string folder, Func<PackOptions, PackOptions>? change = null, Action<PackProgress>? report = null, CancellationToken stop = default)
    {
        using var data = DatasetFactory.Open(source);
        var options = new PackOptions { Folder = folder, ShardSize = 4, Workers = 2 };
        return new ShardPacker(new DatasetSource(data), change?.Invoke(options) ?? options).RunAsync(report, stop).GetAwaiter().GetResult();
    }

    /// <summary>Ten rows: photographs of three sizes, an empty file, a missing one, a broken row and an oriented PNG.</summary>
    private static string Table(TempFolder folder)
    {
        folder.File("big.jpg", TempFolder.Image(10, 640, 480));
        folder.File("tall.png", TempFolder.Image(20, 300, 900, SkiaSharp.SKEncodedImageFormat.Png));
        folder.File("small.jpg", TempFolder.Image(30, 40, 30));
        folder.File("empty.jpg", []);
        return folder.File("set.csv", "image,caption\nbig.jpg,a big one\ntall.png,\"a tall,\none\"\nsmall.jpg,\nempty.jpg,e\ngone.jpg,g\nbig.jpg\nbig.jpg,7\nbig.jpg,8\nbig.jpg,9\nsmall.jpg,10\n");
    }

    private static Dictionary<string, byte[]> Files(string folder) =>
        Directory.EnumerateFiles(folder).Where(f => !f.EndsWith("pack.lock", StringComparison.Ordinal)).ToDictionary(f => Path.GetFileName(f), File.ReadAllBytes);

    [Fact]
    public void Images_are_reduced_and_captions_kept()
    {
        using var folder = new TempFolder();
        var result = Pack(Table(folder), folder + "/out", o => o with { ShortSide = 120 });
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
        Assert.Equal(TempFolder.Image(30, 40, 30), small.Span);
    }

    [Fact]
    public void Every_failed_row_has_a_line_with_its_cause()
    {
        using var folder = new TempFolder();
        Pack(Table(folder), folder + "/out");
        var lines = Directory.EnumerateFiles(folder + "/out", "*_failed.jsonl").Order(StringComparer.Ordinal).SelectMany(File.ReadLines)
            .Select(l => JsonDocument.Parse(l).RootElement).Select(l => (l.GetProperty("row").GetInt64(), l.GetProperty("key").GetString(), l.GetProperty("cause").GetString()));
        Assert.Equal([(3L, "empty.jpg", "empty"), (4L, "gone.jpg", "unreadable"), (5L, "row 6", "bad-row")], lines);
    }

    [Fact]
    public void Shards_do_not_depend_on_the_number_of_workers()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/one", o => o with { Workers = 1, ShardsAtOnce = 1 });
        Pack(table, folder + "/four", o => o with { Workers = 4, ShardsAtOnce = 3 });
        Assert.Equal(Files(folder + "/one"), Files(folder + "/four"));
    }

    [Fact]
    public void A_run_that_is_cut_off_at_any_row_ends_with_the_same_files()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/whole");
        for (var after = 1; after <= 10; after++)
        {
            using var stop = new CancellationTokenSource();
            var at = after;
            var cut = $"{folder.Path}/cut{after}";
            Assert.ThrowsAny<OperationCanceledException>(() => Pack(table, cut, o => o with { ShardsAtOnce = 1 }, p =>
            {
                if (p.Fresh == at)
                {
                    stop.Cancel();
                }
            }, stop.Token));
            Assert.Equal((after - 1) / 4, Directory.GetFiles(cut, "*.tar").Length);
            Assert.Equal((after - 1) / 4, Pack(table, cut).Resumed);
            Assert.Equal(Files(folder + "/whole"), Files(cut));
        }
    }

    [Fact]
    public void What_a_kill_leaves_is_made_whole()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/whole");
        Pack(table, folder + "/cut");
        File.Delete(folder + "/cut/00001.tar");
        File.WriteAllText(folder + "/cut/00001.tar.tmp", "half");
        var result = Pack(table, folder + "/cut");
        Assert.Equal((3, 2, 7), (result.Shards, result.Resumed, result.Good));
        Assert.Equal(Files(folder + "/whole"), Files(folder + "/cut"));
    }

    [Fact]
    public void A_source_that_grew_has_its_last_shard_packed_again()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/out");
        File.AppendAllText(table, "small.jpg,11\n");
        var result = Pack(table, folder + "/out");
        Assert.Equal((3, 2, 11, 8), (result.Shards, result.Resumed, result.Rows, result.Good));
        Assert.Equal(0, result.Surplus.Count);
    }

    [Fact]
    public void Shards_behind_the_end_of_a_source_that_shrank_are_named()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/out");
        File.WriteAllLines(table, File.ReadAllLines(table)[..4]);
        var result = Pack(table, folder + "/out");
        Assert.Equal(1, result.Shards);
        Assert.Equal((2, folder + "/out/00001.tar"), result.Surplus);
    }

    private static List<string> Packed(string folder)
    {
        using var packed = DatasetFactory.Open(folder, "webdataset");
        return [.. packed.Read(ReadOrder.Sequential).Select(s =>
        {
            using var jpeg = s.Image!.Read();
            return $"{s.Key} {s.Label} {s.Caption} {Convert.ToHexString(jpeg.Span)}";
        })];
    }

    [Theory]
    [InlineData("in/a/05b.jpg", 1, 3, 11)] // within a class
    [InlineData("in/aa/1.jpg", 2, 3, 11)] // a class between, which moves the labels after it
    [InlineData("in/a/0.jpg", 0, 3, 11)]
    [InlineData("in/b/9.jpg", 2, 3, 11)]
    [InlineData("in/aa/notes.txt", 2, 3, 10)] // a class without images moves labels alone
    public void An_image_folder_that_grew_anywhere_is_packed_as_if_anew(string added, int resumed, int shards, int rows)
    {
        using var folder = new TempFolder();
        for (var i = 1; i <= 10; i++)
        {
            folder.File($"in/{(i <= 8 ? 'a' : 'b')}/{i:D2}.jpg", TempFolder.Image(20 * i));
        }
        Assert.Equal(0, Pack(folder + "/in", folder + "/out").Resumed);
        Assert.Equal(3, Pack(folder + "/in", folder + "/out").Resumed);
        folder.File(added, TempFolder.Image(5));
        var result = Pack(folder + "/in", folder + "/out");
        Assert.Equal((shards, resumed, rows, rows), (result.Shards, result.Resumed, result.Rows, result.Good));
        Pack(folder + "/in", folder + "/anew");
        Assert.Equal(Packed(folder + "/anew"), Packed(folder + "/out"));
        Assert.Equal(Files(folder + "/anew"), Files(folder + "/out"));
        Assert.Equal(shards, Pack(folder + "/in", folder + "/out").Resumed);
    }

    [Fact]
    public void An_edited_caption_has_its_shard_packed_again()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/out");
        File.WriteAllText(table, File.ReadAllText(table).Replace("big.jpg,9", "big.jpg,nine", StringComparison.Ordinal));
        Assert.Equal(2, Pack(table, folder + "/out").Resumed);
        Assert.Contains(Packed(folder + "/out"), s => s.Contains(" nine ", StringComparison.Ordinal));
    }

    [Fact]
    public void Shards_of_an_older_version_are_done_by_their_number_of_rows()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/out");
        foreach (var stats in Directory.GetFiles(folder + "/out", "*_stats.json"))
        {
            var (text, hash) = (File.ReadAllText(stats), JsonDocument.Parse(File.ReadAllText(stats)).RootElement.GetProperty("rows_sha256").GetString());
            Assert.Equal(64, hash!.Length);
            File.WriteAllText(stats, text.Replace($",\"rows_sha256\":\"{hash}\"", "", StringComparison.Ordinal));
            Assert.DoesNotContain("rows_sha256", File.ReadAllText(stats));
        }
        Assert.Equal(3, Pack(table, folder + "/out").Resumed);
        File.AppendAllText(table, "small.jpg,11\n");
        Assert.Equal(2, Pack(table, folder + "/out").Resumed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"count\": 3}")]
    [InlineData(null)]
    public void A_shard_whose_statistics_are_damaged_is_named_with_the_remedy(string? damaged)
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/out");
        var (stats, tar) = (folder + "/out/00000_stats.json", folder + "/out/00000.tar");
        File.Delete(stats);
        if (damaged is not null)
        {
            File.WriteAllText(stats, damaged);
        }
        var said = Assert.Throws<DataException>(() => Pack(table, folder + "/out")).Message;
        Assert.StartsWith($"'{stats}' cannot be read (", said);
        Assert.EndsWith($"); delete '{tar}' to have this shard packed again.", said);
        File.Delete(tar);
        Assert.Equal(2, Pack(table, folder + "/out").Resumed);
    }

    [Fact]
    public void Labels_and_classes_are_packed()
    {
        using var folder = new TempFolder();
        folder.File("in/cat/1.jpg", TempFolder.Image(1));
        folder.File("in/dog/2.jpg", TempFolder.Image(2));
        Pack(folder + "/in", folder + "/out");
        using var packed = DatasetFactory.Open(folder + "/out", options: new() { ClassesFile = folder + "/out/classes.txt" });
        Assert.Equal(["cat", "dog"], packed.Classes);
        Assert.Equal([0, 1], packed.Read(ReadOrder.Sequential).Select(s => s.Label));
    }

    [Fact]
    public void A_folder_of_something_else_is_refused()
    {
        using var folder = new TempFolder();
        var table = Table(folder);
        Pack(table, folder + "/out");
        Assert.Contains("quality was 90 and is 80", Assert.Throws<DataException>(() => Pack(table, folder + "/out", o => o with { Quality = 80 })).Message);
        folder.Shard("other/00000.tar", TempFolder.Samples(1));
        Assert.Contains("no pack.json", Assert.Throws<DataException>(() => Pack(table, folder + "/other")).Message);
        Assert.Contains("\"caption-template\": null", File.ReadAllText(folder + "/out/pack.json"));
        using var busy = new FileStream(folder + "/out/pack.lock", FileMode.Open, FileAccess.Write, FileShare.None);
        Assert.Contains("another xclr pack", Assert.Throws<DataException>(() => Pack(table, folder + "/out")).Message);
    }

    [Fact]
    public void A_folder_of_the_same_read_otherwise_is_refused_and_left_as_it_is()
    {
        using var folder = new TempFolder();
        folder.File("in/cat/1.jpg", TempFolder.Image(1));
        folder.File("in/dog/2.jpg", TempFolder.Image(2));
        var (one, other) = (folder.File("one.txt", "cat\ndog\n"), folder.File("other.txt", "dog\ncat\n"));
        PackResult Read(string @out, string? classes, string? template, string format = "auto")
        {
            var options = new DatasetOptions { ClassesFile = classes, CaptionTemplate = template };
            using var data = DatasetFactory.Open(folder + "/in", format, options);
            return new ShardPacker(new DatasetSource(data, options), new() { Folder = folder + @out }).RunAsync(null, default).GetAwaiter().GetResult();
        }
        string Refused(string @out, string? classes, string? template) => Assert.Throws<DataException>(() => Read(@out, classes, template)).Message;

        const string Template = "a 'photo' of a {class}";
        Read("/out", one, Template);
        var before = Files(folder + "/out");
        Assert.Contains($"caption-template was {Template} and is {{}}. Name another folder", Refused("/out", one, "{}"));
        Assert.Contains($"caption-template was {Template} and is unset", Refused("/out", one, null));
        Assert.Contains("classes was 2 names, sha256 ", Refused("/out", other, Template));
        Assert.Contains(" and is unset", Refused("/out", null, Template));
        Assert.Equal(before, Files(folder + "/out"));
        // The same names in another file, and the format that was recognised, are the same.
        Assert.Equal(1, Read("/out", folder.File("moved.txt", "cat\ndog"), Template, "imagefolder").Resumed);

        Read("/plain", null, null);
        Assert.Contains("classes was unset and is 2 names", Refused("/plain", one, null));
        Assert.Contains($"caption-template was unset and is {Template}", Refused("/plain", null, Template));
        var facts = folder + "/plain/pack.json";
        File.WriteAllText(facts, File.ReadAllText(facts).Replace("imagefolder", "csv", StringComparison.Ordinal));
        Assert.Contains("data-format was csv and is imagefolder", Refused("/plain", null, null));

        // A folder of an older version.
        File.WriteAllLines(facts, File.ReadAllLines(facts).Where(l => !l.Contains("data-format", StringComparison.Ordinal) && !l.Contains("template", StringComparison.Ordinal) && !l.Contains("classes", StringComparison.Ordinal)).Select(l => l.Replace("\"1000\",", "\"1000\"", StringComparison.Ordinal)));
        Assert.Equal(1, Read("/plain", null, null).Resumed);
        Assert.Equal(0, Read("/plain", one, Template).Resumed);
    }

    [Fact]
    public void A_photograph_that_lies_on_its_side_is_turned_and_sides_are_rounded()
    {
        using var folder = new TempFolder();
        folder.File("turned.jpg", TempFolder.Turned(TempFolder.Image(10, 40, 30), 6));
        folder.File("wide.jpg", TempFolder.Image(20, 100, 60));
        Pack(folder.File("set.csv", "image,caption\nturned.jpg,a\nwide.jpg,b\n"), folder + "/out", o => o with { ShortSide = 34 });
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
