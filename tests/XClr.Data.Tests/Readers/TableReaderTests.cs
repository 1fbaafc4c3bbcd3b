using System.Text;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Tables of images: CSV, TSV and JSON lines.</summary>
public sealed class TableReaderTests
{
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
        var s = DatasetReading.ReadAll(folder.File("t.tsv", "path\tcaption\na.jpg\t\"a \"\"big\"\" dog\"\nb.jpg\t\"Stop\" he said \"now\"\nc.jpg\t\"\"\n"), "tsv");
        Assert.Equal(["a \"big\" dog", "\"Stop\" he said \"now\"", null], s.Select(x => x.Caption));
    }

    /// <summary>A template stands in place of the captions of samples that have a label; one for a labelled held-out set leaves the captions of a training set without labels.</summary>
    [Fact]
    public void A_template_takes_the_place_of_labelled_samples_captions()
    {
        using var folder = new TempFolder();
        var options = new DatasetOptions { ClassesFile = folder.File("classes.txt", "cat\ndog\n"), CaptionTemplate = "a {class}" };
        var s = DatasetReading.ReadAll(folder.File("t.csv", "path,label,caption\na.jpg,1,own\nb.jpg,,own\n"), "csv", options);
        Assert.Equal(["a dog", "own"], s.Select(x => x.Caption));
    }

    [Fact]
    public void Csv_follows_rfc4180()
    {
        using var folder = new TempFolder();
        var path = folder.File("table.csv",
            "\uFEFFid,FilePath,Caption\r\n1,a.jpg,\"a dog, \"\"Rex\"\",\r\n\r\nruns\"\r\n\r\n2,b.jpg,5\" pipe\n3,\"sub/c, d.jpg\",\n4,e.jpg\n5,f.jpg,\"un\"closed\n6,g.jpg,last");
        var s = DatasetReading.ReadAll(path, "csv");
        Assert.Equal(["a.jpg", "b.jpg", "sub/c, d.jpg", "row 4", "row 5", "g.jpg"], s.Select(x => x.Key));
        Assert.Equal(["a dog, \"Rex\", runs", "5\" pipe", null, null, null, "last"], s.Select(x => x.Caption));
        Assert.Equal([null, null, null, SampleFault.BadRow, SampleFault.BadRow, null], s.Select(x => x.Fault));
    }

    [Theory]
    [InlineData("filepath\ttitle\na.jpg\ta dog, red\n\"b.jpg\"\t\"two\nlines\tand \"\"more\"\"\"\n")]
    [InlineData("\uFEFFsku;Image;Caption\r\n1;a.jpg;a dog, red\r\n2;b.jpg;\"two\nlines;and \"\"more\"\"\"\r\n")]
    [InlineData("a.jpg;a dog, red\nb.jpg;two lines")]
    [InlineData("a dog, red;a.jpg\ntwo, lines;b.jpg\n")]
    [InlineData("image,caption\na.jpg,a dog; red\nb.jpg,two; lines\tand more\n")]
    [InlineData("a.jpg,a dog; red; wet\nb.jpg,two; lines\n")]
    public void A_csv_is_separated_as_its_first_line_shows(string text)
    {
        using var folder = new TempFolder();
        var s = DatasetReading.ReadAll(folder.File("t.csv", text), "csv");
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
        var sample = Assert.Single(DatasetReading.ReadAll(folder.File($"t.{format}", text), format));
        Assert.Equal(("a.jpg", "one"), (sample.Key, sample.Caption));
    }

    [Fact]
    public void Rows_of_more_columns_than_the_header_are_no_rows()
    {
        using var folder = new TempFolder();
        var s = DatasetReading.ReadAll(folder.File("t.csv", "path,caption\na.jpg,a dog, running\nb.jpg,\"a dog, running\"\n"), "csv");
        Assert.Equal([SampleFault.BadRow, null], s.Select(x => x.Fault));
        Assert.Equal("a dog, running", s[1].Caption);
    }

    [Fact]
    public void A_path_that_no_file_has_is_unreadable()
    {
        using var folder = new TempFolder();
        folder.File("a.jpg", TestImages.Solid(1));
        using var data = DatasetFactory.Open(folder.File("table.csv", "image,caption\na\0.jpg,one\n/dev/ptmx,a device\na.jpg,two\n"));
        using var stream = new SampleStream(data, new() { Shuffle = false });
        Assert.Equal(["two"], stream.ReadAll().Select(s => { using (s) { return s.Caption; } }));
        Assert.Equal(2, stream.Skipped[SampleFault.Unreadable]);
    }

    [Fact]
    public void Paths_written_as_windows_does_are_found()
    {
        using var folder = new TempFolder();
        folder.File("img/a.jpg", TestImages.Solid(1));
        folder.File("img/b.jpg", TestImages.Solid(1));
        folder.File("odd\\c.jpg", TestImages.Solid(1));
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
        var s = DatasetReading.ReadAll(folder.File("t.csv", "image,text\n" + string.Join("\n", rows) + "\n"), "csv");
        Assert.Equal(60_000, s.Count);
        Assert.Equal(["row 101"], s.Where(x => x.Fault == SampleFault.BadRow).Select(x => x.Key));
        Assert.Equal("caption number 59999", s[^1].Caption);
    }

    [Fact]
    public void Tsv_with_and_without_header()
    {
        using var folder = new TempFolder();
        folder.File("pics/a.bin", TestImages.Solid(7));
        var s = DatasetReading.ReadAll(folder.File("h.tsv", "title\timage\tlabel\n\"quoted \"\"x\"\"\"\tpics/a.bin\tcat\nsay \"hi\tb.jpg\tant\n"), "tsv");
        Assert.Equal(["quoted \"x\"", "say \"hi"], s.Select(x => x.Caption));
        Assert.Equal([1, 0], s.Select(x => x.Label));
        s = DatasetReading.ReadAll(folder.File("n.tsv", "pics/a.bin\tfirst\nmissing.jpg\tsecond\n"), "tsv");
        Assert.Equal(["first", "second"], s.Select(x => x.Caption));
        s = DatasetReading.ReadAll(folder.File("r.tsv", "caption here\ta.jpg\nother\tb.jpg\n"), "tsv");
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
        var s = DatasetReading.ReadAll(path, "jsonl");
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
        var s = DatasetReading.ReadAll(path, "jsonl");
        Assert.Equal(["is NaN", "x", "t"], s.Select(x => x.Caption));
        Assert.Equal(["x", "y", "z"], s[1].Captions);
        Assert.Contains("is no JSON object: ", DatasetReading.Error(folder.File("bad.jsonl", "{\"path\": 'a.jpg'}\n")));
        Assert.Contains("BytePositionInLine: 9", DatasetReading.Error(folder.File("bad.jsonl", "{\"path\": 'a.jpg'}\n")));
        Assert.Contains("is no JSON object: it is of the kind Array", DatasetReading.Error(folder.File("list.jsonl", "[1]\n")));
    }

    [Fact]
    public void Tables_that_cannot_serve_are_refused_with_a_remedy()
    {
        using var folder = new TempFolder();
        Assert.Contains("xclr pack --from-urls", DatasetReading.Error(folder.File("cc3m.tsv", "a dog\thttps://example.org/1.jpg\nb\thttp://example.org/2.jpg\n")));
        Assert.Contains("xclr pack --from-urls", DatasetReading.Error(folder.File("u.csv", "url,caption\nhttps://example.org/1.jpg,x\n")));
        Assert.Contains("xclr pack --from-urls", DatasetReading.Error(folder.File("i.csv", "image,caption\nhttps://example.org/1.jpg,x\n")));
        Assert.Contains("xclr pack --from-urls", DatasetReading.Error(folder.File("u.jsonl", "{\"url\": \"https://example.org/1.jpg\", \"caption\": \"x\"}\n")));
        Assert.Contains("found id, words", DatasetReading.Error(folder.File("n.csv", "id,words\n1,x\n")));
        Assert.Contains("iconv -f UTF-16 -t UTF-8", DatasetReading.Error(folder.File("u.tsv", [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("image\tcaption\na.jpg\tx\n")])));
        Assert.Contains("iconv -f UTF-16 -t UTF-8", DatasetReading.Error(folder.File("u.jsonl", [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes("{}\n")])));
        Assert.Contains("has no rows", DatasetReading.Error(folder.File("e.csv", "")));
        Assert.Contains("has no rows", DatasetReading.Error(folder.File("h.csv", "image,caption\n")));
    }
}
