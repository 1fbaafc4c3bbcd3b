using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using XClr.Data.Readers;
using Xunit;

namespace XClr.Data.Tests;

/// <summary>Image folders, tables and IDX files; finding out which is which.</summary>
public class ReaderTests
{
    private static List<RawSample> ReadAll(string path, string format, DatasetOptions? options = null)
    {
        using var data = DatasetFactory.Open(path, options: options);
        Assert.Equal(format, data.Format);
        var samples = data.Read(ReadOrder.Sequential).ToList();
        Assert.Equal(samples.Count, data.Count);
        return samples;
    }

    private static string Error(string path, DatasetOptions? options = null) =>
        Assert.Throws<DataException>(() => DatasetFactory.Open(path, options: options)).Message;

    [Fact]
    public void Image_folder_gives_classes_in_order()
    {
        using var folder = new TempFolder();
        folder.File("train/n02/b.JPEG", TempFolder.Image(2));
        folder.File("train/n02/a.jpg", TempFolder.Image(1));
        folder.File("train/n01/deep/c.png", TempFolder.Image(3));
        folder.File("train/n01/notes.txt", "no image");
        folder.File("train/.thumbnails/a.jpg", TempFolder.Image(1));
        folder.File("val/n01/d.jpg", TempFolder.Image(4));
        var s = ReadAll(folder.Path + "/train", "imagefolder");
        Assert.Equal(["n01/deep/c.png", "n02/a.jpg", "n02/b.JPEG"], s.Select(x => x.Key));
        Assert.Equal([0, 1, 1], s.Select(x => x.Label));
        Assert.Single(ReadAll(folder, "imagefolder", new() { Split = "val" }));
        Assert.Contains("holds splits (train, val)", Error(folder));

        var classes = folder.File("classes.txt", "n05\tother\nn02\tcat, tabby\nn01\tdog\n");
        s = ReadAll(folder.Path + "/train", "imagefolder", new() { ClassesFile = classes, CaptionTemplate = "a photo of a {class name}" });
        Assert.Equal([2, 1, 1], s.Select(x => x.Label));
        Assert.Equal("a photo of a cat", s[1].Caption);
        Assert.Contains("n01' is no class", Error(folder.Path + "/train", new() { ClassesFile = folder.File("few.txt", "n02\tcat") }));
        Assert.Contains("does not exist", Error(folder.Path + "/train", new() { ClassesFile = "/nowhere/classes.txt" }));
        Assert.Contains("line 2", Error(folder.Path + "/train", new() { ClassesFile = folder.File("gap.txt", "a\n\nb") }));
    }

    [Fact]
    public void Image_folder_follows_links_but_not_in_a_loop()
    {
        using var folder = new TempFolder();
        folder.File("set/a/1.jpg", TempFolder.Image(1));
        folder.File("set/b/deep/2.JPG", TempFolder.Image(2));
        folder.File("far/c/3.png", TempFolder.Image(3));
        var set = folder.Path + "/set";
        void Link(string name, string target) => Directory.CreateSymbolicLink($"{folder.Path}/{name}", target);
        Link("set/c", "../far/c");
        Link("set/a/more", "../b/deep");
        Link("set/a/1b.jpg", "1.jpg");
        Link("again", "set");
        string[] all = ["a/1.jpg", "a/1b.jpg", "a/more/2.JPG", "b/deep/2.JPG", "c/3.png"];
        Assert.Equal(all, ReadAll(set, "imagefolder").Select(x => x.Key));
        Assert.Equal(all, ReadAll(folder.Path + "/again/", "imagefolder").Select(x => x.Key));

        // To itself, to a folder above it, above the root, the root as a class, through a link out and back, and where the root is reached by a link.
        foreach (var (link, target) in new[]
        {
            ("set/a/self", "."), ("set/b/deep/up", ".."), ("set/b/deep/out", "../../.."), ("set/d", "."), ("far/c/back", "../../set"), ("far/c/back", folder.Path + "/again/c"),
        })
        {
            Link(link, target);
            var real = Path.GetFullPath(Path.Combine(folder, Path.GetDirectoryName(link)!, target)).TrimEnd('/').Replace("/again/c", "/far/c", StringComparison.Ordinal);
            foreach (var root in new[] { set, folder.Path + "/again" })
            {
                var error = Assert.Throws<DataException>(() => DatasetFactory.Open(root, "imagefolder")).Message;
                Assert.Contains($"/{Path.GetFileName(link)}' leads to '{real}'", error);
            }
            File.Delete($"{folder.Path}/{link}");
        }
    }

    [Fact]
    public void A_folder_with_a_table_and_one_folder_of_images_is_refused_with_the_tables_name()
    {
        using var folder = new TempFolder();
        folder.File("img/1.jpg", TempFolder.Image(1));
        var table = folder.File("own.csv", "image,caption\nimg/1.jpg,a dog\n");
        folder.File(".git/HEAD", "main");
        Assert.Contains($"name the table, '{table}'", Error(folder));
        Assert.Equal("a dog", Assert.Single(ReadAll(table, "csv")).Caption);
        Assert.Null(Assert.Single(DatasetFactory.Open(folder, "imagefolder").Read(ReadOrder.Sequential)).Fault);
        folder.File("img2/2.jpg", TempFolder.Image(2));
        Assert.Equal(2, ReadAll(folder, "imagefolder").Count);
    }

    [Fact]
    public void Indexed_sets_shuffle_all_their_samples()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 300; i++)
        {
            folder.File($"{(i < 150 ? "a" : "b")}/{i:D3}.jpg", [1]);
        }
        using var data = DatasetFactory.Open(folder);
        List<string> Order(ulong seed, int epoch) => [.. data.Read(new(true, seed, epoch, BufferSize: 2)).Select(s => s.Key)];
        Assert.Equal(Order(1, 0), Order(1, 0));
        Assert.NotEqual(Order(1, 0), Order(1, 1));
        Assert.NotEqual(Order(1, 0), Order(2, 0));
        Assert.Equal(300, Order(1, 0).Distinct().Count());
        // Class a fills half of the first hundred: 50 expected, standard deviation 4.1.
        Assert.InRange(Order(1, 0).Take(100).Count(k => k[0] == 'a'), 30, 70);
    }

    /// <summary>pandas writes whole numbers as 3.0 where other rows have none: they are indices all the same.</summary>
    [Theory]
    [InlineData("t.csv", "path,label,caption\na.jpg,10.0,x\nb.jpg,2.0,x\nc.jpg,,x\n")]
    [InlineData("t.tsv", "path\tlabel\tcaption\na.jpg\t10.0\tx\nb.jpg\t2.0\tx\nc.jpg\t\tx\n")]
    [InlineData("t.jsonl", "{\"path\":\"a.jpg\",\"label\":10.0}\n{\"path\":\"b.jpg\",\"\\u006cabel\":2.0}\n{\"path\":\"c.jpg\",\"n\":1}\n")]
    public void Labels_may_be_written_as_floats(string name, string table)
    {
        using var folder = new TempFolder();
        using var data = DatasetFactory.Open(folder.File(name, table));
        Assert.Null(data.Classes);
        Assert.Equal([10, 2, null], data.Read(ReadOrder.Sequential).Select(s => s.Label));
    }

    [Fact]
    public void Tsv_takes_quotes_around_a_whole_field_not_two_quotations()
    {
        using var folder = new TempFolder();
        var s = ReadAll(folder.File("t.tsv", "path\tcaption\na.jpg\t\"a \"\"big\"\" dog\"\nb.jpg\t\"Stop\" he said \"now\"\nc.jpg\t\"\"\n"), "tsv");
        Assert.Equal(["a \"big\" dog", "\"Stop\" he said \"now\"", null], s.Select(x => x.Caption));
    }

    /// <summary>A template stands in place of the captions of samples that have a label; one for a labelled held-out set leaves the captions of a training set without labels.</summary>
    [Fact]
    public void A_template_takes_the_place_of_labelled_samples_captions()
    {
        using var folder = new TempFolder();
        var options = new DatasetOptions { ClassesFile = folder.File("classes.txt", "cat\ndog\n"), CaptionTemplate = "a {class}" };
        var s = ReadAll(folder.File("t.csv", "path,label,caption\na.jpg,1,own\nb.jpg,,own\n"), "csv", options);
        Assert.Equal(["a dog", "own"], s.Select(x => x.Caption));
    }

    [Fact]
    public void Csv_follows_rfc4180()
    {
        using var folder = new TempFolder();
        var path = folder.File("table.csv",
            "\uFEFFid,FilePath,Caption\r\n1,a.jpg,\"a dog, \"\"Rex\"\",\r\n\r\nruns\"\r\n\r\n2,b.jpg,5\" pipe\n3,\"sub/c, d.jpg\",\n4,e.jpg\n5,f.jpg,\"un\"closed\n6,g.jpg,last");
        var s = ReadAll(path, "csv");
        Assert.Equal(["a.jpg", "b.jpg", "sub/c, d.jpg", "row 4", "row 5", "g.jpg"], s.Select(x => x.Key));
        Assert.Equal(["a dog, \"Rex\", runs", "5\" pipe", null, null, null, "last"], s.Select(x => x.Caption));
        Assert.Equal([null, null, null, SampleFault.BadRow, SampleFault.BadRow, null], s.Select(x => x.Fault));
    }

    [Theory]
    [InlineData("filepath\ttitle\na.jpg\ta dog, red\n\"b.jpg\"\t\"two\nlines\tand \"\"more\"\"\"\n")]
    [InlineData("\uFEFFsku;Image;Caption\r\n1;a.jpg;a dog, red\r\n2;b.jpg;\"two\nlines;and \"\"more\"\"\"\r\n")]
    [InlineData("a.jpg;a dog, red\nb.jpg;two lines")]
    [InlineData("image,caption\na.jpg,a dog; red\nb.jpg,two; lines\tand more\n")]
    [InlineData("a.jpg,a dog; red; wet\nb.jpg,two; lines\n")]
    public void A_csv_is_separated_as_its_first_line_shows(string text)
    {
        using var folder = new TempFolder();
        var s = ReadAll(folder.File("t.csv", text), "csv");
        Assert.Equal([("a.jpg", null), ("b.jpg", (SampleFault?)null)], s.Select(x => (x.Key, x.Fault)));
        Assert.StartsWith("a dog", s[0].Caption);
        Assert.StartsWith("two", s[1].Caption);
        Assert.Equal(text.Contains("more\"", StringComparison.Ordinal), s[1].Caption!.EndsWith("and \"more\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("csv", "\uFEFFpath,caption\na.jpg,one\n")]
    [InlineData("tsv", "\uFEFFpath\tcaption\na.jpg\tone\n")]
    [InlineData("tsv", "\uFEFFa.jpg\tone\n")]
    [InlineData("jsonl", "\uFEFF{\"path\": \"a.jpg\", \"caption\": \"one\"}\n")]
    public void A_byte_order_mark_is_no_part_of_the_first_name(string format, string text)
    {
        using var folder = new TempFolder();
        var sample = Assert.Single(ReadAll(folder.File($"t.{format}", text), format));
        Assert.Equal(("a.jpg", "one"), (sample.Key, sample.Caption));
    }

    [Fact]
    public void Rows_of_more_columns_than_the_header_are_no_rows()
    {
        using var folder = new TempFolder();
        var s = ReadAll(folder.File("t.csv", "path,caption\na.jpg,a dog, running\nb.jpg,\"a dog, running\"\n"), "csv");
        Assert.Equal([SampleFault.BadRow, null], s.Select(x => x.Fault));
        Assert.Equal("a dog, running", s[1].Caption);
    }

    [Fact]
    public void A_path_that_no_file_has_is_unreadable()
    {
        using var folder = new TempFolder();
        folder.File("a.jpg", TempFolder.Image(1));
        using var data = DatasetFactory.Open(folder.File("table.csv", "image,caption\na\0.jpg,one\n/dev/ptmx,a device\na.jpg,two\n"));
        using var stream = new SampleStream(data, new() { Shuffle = false });
        Assert.Equal(["two"], stream.ReadAll().Select(s => { using (s) { return s.Caption; } }));
        Assert.Equal(2, stream.Skipped[SampleFault.Unreadable]);
    }

    [Fact]
    public void Paths_written_as_windows_does_are_found()
    {
        using var folder = new TempFolder();
        folder.File("img/a.jpg", TempFolder.Image(1));
        folder.File("img/b.jpg", TempFolder.Image(1));
        folder.File("odd\\c.jpg", TempFolder.Image(1));
        using var data = DatasetFactory.Open(folder.File("t.csv", "image,caption\nimg\\gone.jpg,none\nimg\\a.jpg,one\nimg\\b.jpg,two\n"));
        using var stream = new SampleStream(data, new() { Shuffle = false });
        Assert.Equal(["one", "two"], stream.ReadAll().Select(s => { using (s) { return s.Caption; } }));
        // Where a backslash is a letter of a file's name it stays one.
        using var own = DatasetFactory.Open(folder.File("own.csv", "image,caption\nodd\\c.jpg,three\n"));
        using var kept = new SampleStream(own, new() { Shuffle = false });
        Assert.Equal(["three"], kept.ReadAll().Select(s => { using (s) { return s.Caption; } }));
    }

    [Fact]
    public void A_quote_that_never_closes_costs_one_row()
    {
        using var folder = new TempFolder();
        var rows = Enumerable.Range(0, 60_000).Select(i => $"{i}.jpg,{(i == 100 ? "\"open" : $"caption number {i}")}");
        var s = ReadAll(folder.File("t.csv", "image,text\n" + string.Join("\n", rows) + "\n"), "csv");
        Assert.Equal(60_000, s.Count);
        Assert.Equal(["row 101"], s.Where(x => x.Fault == SampleFault.BadRow).Select(x => x.Key));
        Assert.Equal("caption number 59999", s[^1].Caption);
    }

    [Fact]
    public void Tsv_with_and_without_header()
    {
        using var folder = new TempFolder();
        folder.File("pics/a.bin", TempFolder.Image(7));
        var s = ReadAll(folder.File("h.tsv", "title\timage\tlabel\n\"quoted \"\"x\"\"\"\tpics/a.bin\tcat\nsay \"hi\tb.jpg\tant\n"), "tsv");
        Assert.Equal(["quoted \"x\"", "say \"hi"], s.Select(x => x.Caption));
        Assert.Equal([1, 0], s.Select(x => x.Label));
        s = ReadAll(folder.File("n.tsv", "pics/a.bin\tfirst\nmissing.jpg\tsecond\n"), "tsv");
        Assert.Equal(["first", "second"], s.Select(x => x.Caption));
        s = ReadAll(folder.File("r.tsv", "caption here\ta.jpg\nother\tb.jpg\n"), "tsv");
        Assert.Equal(["a.jpg", "b.jpg"], s.Select(x => x.Key));

        using var data = DatasetFactory.Open(folder.Path + "/n.tsv");
        using var stream = new SampleStream(data, new() { Shuffle = false });
        using var sample = stream.Next()!.Value;
        Assert.InRange(sample.Image.Pixels[0], 5, 9);
        Assert.Null(stream.Next());
        Assert.Equal(1, stream.Skipped[SampleFault.Unreadable]);
    }

    [Fact]
    public void Jsonl_takes_names_numbers_and_lists()
    {
        using var folder = new TempFolder();
        var path = folder.File("t.jsonl",
            "{\"file_name\": \"a.jpg\", \"text\": \"one\", \"label\": 3}\n\n{\"file_name\": \"b.jpg\", \"captions\": [\"x\", \"y\"], \"label\": \"1\"}\nnot json\n{\"text\": \"no path\"}\n");
        var s = ReadAll(path, "jsonl");
        Assert.Equal(["one", "x", null, null], s.Select(x => x.Caption));
        Assert.Equal(["x", "y"], s[1].Captions);
        Assert.Equal([3, 1, null, null], s.Select(x => x.Label));
        Assert.Equal([null, null, SampleFault.BadRow, SampleFault.NoImage], s.Select(x => x.Fault));
    }

    [Fact]
    public void Jsonl_takes_what_python_writes_and_lists_of_captions()
    {
        using var folder = new TempFolder();
        var path = folder.File("t.jsonl",
            "{\"path\": \"a.jpg\", \"similarity\": NaN, \"text\": \"is NaN\"}\n{\"path\": \"b.jpg\", \"caption\": [\"x\", \"y\"], \"captions\": [\"y\", \"z\"], \"w\": -Infinity}\n{\"path\": \"c.jpg\", \"caption\": [], \"text\": \"t\"}\n");
        var s = ReadAll(path, "jsonl");
        Assert.Equal(["is NaN", "x", "t"], s.Select(x => x.Caption));
        Assert.Equal(["x", "y", "z"], s[1].Captions);
        Assert.Contains("is no JSON object: ", Error(folder.File("bad.jsonl", "{\"path\": 'a.jpg'}\n")));
        Assert.Contains("BytePositionInLine: 9", Error(folder.File("bad.jsonl", "{\"path\": 'a.jpg'}\n")));
        Assert.Contains("is no JSON object: it is of the kind Array", Error(folder.File("list.jsonl", "[1]\n")));
    }

    [Fact]
    public void Tables_that_cannot_serve_are_refused_with_a_remedy()
    {
        using var folder = new TempFolder();
        Assert.Contains("xclr pack --from-urls", Error(folder.File("cc3m.tsv", "a dog\thttps://example.org/1.jpg\nb\thttp://example.org/2.jpg\n")));
        Assert.Contains("xclr pack --from-urls", Error(folder.File("u.csv", "url,caption\nhttps://example.org/1.jpg,x\n")));
        Assert.Contains("xclr pack --from-urls", Error(folder.File("i.csv", "image,caption\nhttps://example.org/1.jpg,x\n")));
        Assert.Contains("xclr pack --from-urls", Error(folder.File("u.jsonl", "{\"url\": \"https://example.org/1.jpg\", \"caption\": \"x\"}\n")));
        Assert.Contains("found id, words", Error(folder.File("n.csv", "id,words\n1,x\n")));
        Assert.Contains("iconv -f UTF-16 -t UTF-8", Error(folder.File("u.tsv", [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("image\tcaption\na.jpg\tx\n")])));
        Assert.Contains("iconv -f UTF-16 -t UTF-8", Error(folder.File("u.jsonl", [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes("{}\n")])));
        Assert.Contains("has no rows", Error(folder.File("e.csv", "")));
        Assert.Contains("has no rows", Error(folder.File("h.csv", "image,caption\n")));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".gz")]
    public void Idx_gives_grey_pixels_as_rgb(string suffix)
    {
        using var folder = new TempFolder();
        WriteIdx(folder, "train", suffix, 5, 4, 3);
        WriteIdx(folder, "t10k", suffix, 2, 4, 3);
        var s = ReadAll(folder, "idx");
        Assert.Equal([0, 1, 2, 3, 4], s.Select(x => x.Label));
        Assert.Equal(2, ReadAll(folder, "idx", new() { Split = "test" }).Count);
        using var data = DatasetFactory.Open(folder);
        Assert.Null(data.Classes);
        using var stream = new SampleStream(data, new() { Shuffle = false, Augment = AugmentSettings.Preset("light"), OutputSize = 4 });
        stream.Next()!.Value.Dispose();
        using var sample = stream.Next()!.Value;
        Assert.Equal((3, 4), (sample.Image.Width, sample.Image.Height));
        Assert.Equal([12, 12, 12, 13, 13, 13], sample.Image.Pixels[..6].ToArray());
        Assert.Equal(2, sample.Views.Count);
    }

    [Fact]
    public void Idx_damage_is_named()
    {
        using var folder = new TempFolder();
        WriteIdx(folder, "train", "", 5, 4, 3);
        var images = Path.Combine(folder, "train-images-idx3-ubyte");
        var labels = Path.Combine(folder, "train-labels-idx1-ubyte");
        Assert.Contains("t10k-images-idx3-ubyte", Error(folder, new() { Split = "test" }));
        var bytes = File.ReadAllBytes(images);
        File.WriteAllBytes(images, bytes[..^1]);
        Assert.Contains("59 bytes of data, 60 expected", Error(folder));
        File.WriteAllBytes(images, [.. new byte[] { 0, 0, 13, 3 }, .. bytes[4..]]);
        Assert.Contains("00000D03", Error(folder));
        File.WriteAllBytes(images, []);
        Assert.Contains(images, Error(folder));
        File.WriteAllBytes(images, bytes);
        File.Delete(labels);
        Assert.Contains("no label file", Error(folder));
        WriteIdx(folder, "train", "", 0, 4, 3);
        Assert.Contains("holds no images", Error(folder));
        folder.File("train-images-idx3-ubyte", []);
        File.WriteAllText(Path.Combine(folder, "train-images-idx3-ubyte.gz"), "not gzip");
        Assert.Contains("cannot be read", Error(Path.Combine(folder, "train-images-idx3-ubyte.gz")));
    }

    [Fact]
    public void Unknown_paths_say_what_was_found_there()
    {
        using var folder = new TempFolder();
        Assert.Contains("found nothing", Error(folder));
        folder.File("a.jpg", [1]);
        folder.File("b.jpg", [1]);
        Assert.Contains("2 .jpg", Error(folder));
        Assert.Contains("does not exist", Error(folder.Path + "/none/here"));
        Assert.Contains("2 .jpg", Error(folder.Path + "/none/here"));
        Assert.Contains("none of 1 Parquet file(s) can be read", Error(folder.File("x.parquet", [1])));
        File.Delete(folder.Path + "/x.parquet");
        Assert.Contains("no known kind", Error(folder.File("x.zip", [1])));
        Assert.Contains("no data format 'mnist'", Assert.Throws<DataException>(() => DatasetFactory.Open(folder, "mnist")).Message);
        Directory.CreateDirectory(folder.Path + "/sub");
        Assert.Contains("no images", Error(folder));
    }

    private static void WriteIdx(TempFolder folder, string prefix, string suffix, int count, int height, int width)
    {
        var images = new byte[16 + count * height * width];
        BinaryPrimitives.WriteUInt32BigEndian(images, 0x803);
        BinaryPrimitives.WriteInt32BigEndian(images.AsSpan(4), count);
        BinaryPrimitives.WriteInt32BigEndian(images.AsSpan(8), height);
        BinaryPrimitives.WriteInt32BigEndian(images.AsSpan(12), width);
        var labels = new byte[8 + count];
        BinaryPrimitives.WriteUInt32BigEndian(labels, 0x801);
        BinaryPrimitives.WriteInt32BigEndian(labels.AsSpan(4), count);
        for (var i = 0; i < images.Length - 16; i++)
        {
            images[16 + i] = (byte)i;
        }
        for (var i = 0; i < count; i++)
        {
            labels[8 + i] = (byte)(i % 10);
        }
        folder.File($"{prefix}-images-idx3-ubyte{suffix}", suffix == "" ? images : Gzip(images));
        folder.File($"{prefix}-labels-idx1-ubyte{suffix}", suffix == "" ? labels : Gzip(labels));
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }
        return memory.ToArray();
    }
}
