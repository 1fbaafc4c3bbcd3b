using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Samples of shards: keys, captions, labels, and which shards a path names.</summary>
public sealed class WebDatasetReaderTests
{
    [Fact]
    public void Captions_come_from_text_or_json_clean_and_complete()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar",
        [
            ("1.png", [1]), ("1.txt", "  a dog\r\n\tin  the\u00A0park \U0001F415\n"u8.ToArray()),
            ("2.webp", [1]), ("2.json", """{"caption": "from json", "captions": ["x", "from json"]}"""u8.ToArray()),
            ("3.jpg", [1]), ("3.json", """{"captions": ["only", "these"], "label": 4}"""u8.ToArray()),
            ("4.jpg", [1]), ("4.txt", [0x61, 0xFF, 0xFE, 0x62]),
            ("5.jpg", [1]), ("5.txt", " \n"u8.ToArray()), ("5.json", """{"caption": null}"""u8.ToArray()),
            ("6.jpg", [1]), ("6.json", "{broken"u8.ToArray()),
            ("7.jpg", [1]), ("7.json", """{"caption": "half \ud83d a pair"}"""u8.ToArray()),
            ("8.jpg", [1]), ("8.txt", "first"u8.ToArray()), ("8.json", """{"captions": ["second"]}"""u8.ToArray()),
            ("9.jpg", [1]), ("9.json", """{"caption": ["a", " b ", 3], "captions": ["b", "c"]}"""u8.ToArray()),
            ("10.jpg", [1]), ("10.txt", "t"u8.ToArray()), ("10.json", """{"caption": ["a", "b"]}"""u8.ToArray()),
            // As Python writes what is no number.
            ("11.jpg", [1]), ("11.json", """{"p": NaN, "caption": "no NaN, \"-Infinity\"", "q": [Infinity, -Infinity], "label": 2, "r":NaN}"""u8.ToArray()),
            ("12.jpg", [1]), ("12.json", """{"p": NaNs, "caption": "x"}"""u8.ToArray()),
        ]);
        var s = DatasetReading.ReadAll(folder, "webdataset");
        Assert.Equal(["a dog in the park \U0001F415", "from json", "only", "a\uFFFD\uFFFDb", null, null, null, "first", "a", "t", "no NaN, \"-Infinity\"", null], s.Select(x => x.Caption));
        Assert.Equal(["x", "from json"], s[1].Captions);
        Assert.Equal(["only", "these"], s[2].Captions);
        Assert.Equal(4, s[2].Label);
        Assert.Empty(s[4].Captions);
        Assert.Equal(["first", "second"], s[7].Captions);
        Assert.Equal(["b", "c", "a"], s[8].Captions);
        Assert.Equal(["t", "a", "b"], s[9].Captions);
        Assert.Equal(2, s[10].Label);
        Assert.All(s, x => Assert.Null(x.Fault));
    }

    [Fact]
    public void A_member_of_a_kind_that_the_sample_has_begins_the_next()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", [("1.jpg", [1]), ("1.txt", "one"u8.ToArray()), ("1.jpg", [2]), ("1.txt", "two"u8.ToArray())]);
        var s = DatasetReading.ReadAll(folder, "webdataset");
        Assert.Equal(["1", "1"], s.Select(x => x.Key));
        Assert.Equal(["one", "two"], s.Select(x => x.Caption));
        Assert.Equal([[1], [2]], s.Select(DatasetReading.Bytes));
    }

    [Fact]
    public void Members_that_are_no_sample_are_ignored_and_faults_are_named()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar",
        [
            (".hidden", [1]), ("folder/._1.jpg", [1]), ("README", [1]),
            ("1.txt", "no picture"u8.ToArray()), ("1.npy", [1]),
            ("2.jpg", [1]), ("2.cls", "cat"u8.ToArray()),
            ("3.jpg", [1]), ("3.seg.png", [2]),
        ]);
        var s = DatasetReading.ReadAll(folder, "webdataset");
        Assert.Equal(["1", "2", "3"], s.Select(x => x.Key));
        Assert.Equal([SampleFault.NoImage, SampleFault.BadLabel, null], s.Select(x => x.Fault));
        Assert.Contains("npy", s[0].FaultDetail);
        Assert.Contains("'cat'", s[1].FaultDetail);
    }

    [Fact]
    public void Labels_that_are_names_are_looked_up_in_the_classes()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar",
        [
            ("0.jpg", [1]), ("0.cls", "tabby cat\n"u8.ToArray()),
            ("1.jpg", [1]), ("1.cls", "n02099601"u8.ToArray()), ("1.json", """{"label": "tabby cat"}"""u8.ToArray()),
            ("2.jpg", [1]), ("2.json", """{"label": " tabby  cat "}"""u8.ToArray()),
            ("3.jpg", [1]), ("3.json", """{"label": 1}"""u8.ToArray()),
            ("4.jpg", [1]), ("4.json", """{"label": "wolf"}"""u8.ToArray()),
            ("5.jpg", [1]), ("5.json", """{"label": {"name": "tabby cat"}}"""u8.ToArray()),
            ("6.jpg", [1]), ("6.json", """{"caption": "kept", "label": "half \ud83d"}"""u8.ToArray()),
            ("7.jpg", [1]), ("7.cls", "\ufeff tabby   cat "u8.ToArray()), ("8.jpg", [1]), ("8.cls", "1"u8.ToArray()), ("9.jpg", [1]), ("9.cls", " "u8.ToArray()),
        ]);
        var classes = folder.File("classes.txt", "tabby cat\nn02099601\tgolden retriever, retriever\n");
        var s = DatasetReading.ReadAll(folder, "webdataset", new DatasetOptions { ClassesFile = classes });
        Assert.Equal([0, 1, 0, 1, null, null, null, 0, 1, null], s.Select(x => x.Label));
        Assert.Equal([null, null, null, null, SampleFault.BadLabel, null, null, null, null, SampleFault.BadLabel], s.Select(x => x.Fault));
        Assert.Equal("kept", s[6].Caption);
        Assert.Contains("'wolf' is no class index, and no class of '", s[4].FaultDetail);
        Assert.Equal([null, null, null, 1, null, null, null, null, 1, null], DatasetReading.ReadAll(folder, "webdataset").Select(x => x.Label));
        Assert.Equal([SampleFault.BadLabel, SampleFault.BadLabel, null, null, null, null, null, SampleFault.BadLabel, null, SampleFault.BadLabel], DatasetReading.ReadAll(folder, "webdataset").Select(x => x.Fault));
    }

    [Fact]
    public void Shards_are_named_by_range_list_pattern_and_folder()
    {
        using var folder = new TempFolder();
        for (var i = 8; i < 12; i++)
        {
            folder.Shard($"a-{i:D3}.tar", TestShards.Samples(1, i));
        }
        folder.Shard("b.tgz", TestShards.Samples(1, 50));
        string[] Keys(string path) => [.. DatasetReading.ReadAll(path, "webdataset").Select(s => s.Key)];
        Assert.Equal(["00009", "00010", "00011"], Keys($"{folder.Path}/a-{{009..011}}.tar"));
        Assert.Equal(["00050", "00008"], Keys($"{folder.Path}/b.tgz::{folder.Path}/a-008.tar"));
        Assert.Equal(["00008", "00011"], Keys($"{folder.Path}/a-0{{08,11}}.tar"));
        Assert.Equal(["00010", "00011"], Keys($"{folder.Path}/a-01?.tar"));
        Assert.Equal(["00008", "00009", "00010", "00011", "00050"], Keys(folder));
        // What img2dataset writes beside its shards is no shard.
        folder.File("a-008_stats.json", "{}");
        Assert.Equal(["00008"], Keys($"{folder.Path}/a-008*"));
        Assert.Equal(["00008", "00009"], Keys($"{folder.Path}/a-00*"));
        Assert.Equal(4, ShardList.ExpandBraces("{0..1}/{a,b}").Count());

        string Error(string path) => Assert.Throws<DataException>(() => DatasetFactory.Open(path)).Message;
        Assert.Contains("2 of 3 shards", Error($"{folder.Path}/a-{{011..013}}.tar"));
        Assert.Contains("a-012.tar", Error($"{folder.Path}/a-{{011..013}}.tar"));
        Assert.Contains("no .tar, .tar.gz or .tgz file matches", Error($"{folder.Path}/z*.tar"));
        Assert.Contains("no range", Error($"{folder.Path}/a-{{5..1}}.tar"));
        Assert.Contains("download", Error("s3://example.org/{0..3}.tar"));
    }

    [Fact]
    public void A_shard_of_any_name_is_read_where_the_format_is_named()
    {
        using var folder = new TempFolder();
        var path = folder.File("shard", File.ReadAllBytes(folder.Shard("0.tar", TestShards.Samples(2))));
        using var data = (WebDatasetReader)DatasetFactory.Open(path, "webdataset");
        Assert.Equal(2, data.Count);
        Assert.Null(ShardSidecars.Read(data.Shards));
    }

    [Fact]
    public void A_path_that_exists_is_taken_as_it_stands()
    {
        using var folder = new TempFolder();
        folder.Shard("br{a,b}/0.tar", TestShards.Samples(2));
        folder.Shard("x::y.tar", TestShards.Samples(3));
        foreach (var (path, count) in new[] { ("br{a,b}", 2), ("br{a,b}/0.tar", 2), ("x::y.tar", 3) })
        {
            using var data = DatasetFactory.Open($"{folder.Path}/{path}");
            Assert.Equal(count, data.Count);
        }
    }

    [Fact]
    public void Classes_and_template_make_captions()
    {
        using var folder = new TempFolder();
        folder.Shard("0.tar", TestShards.Samples(12));
        var classes = folder.File("classes.txt", "n01\ttench, Tinca tinca\nn02\tgoldfish\n" + string.Join("\n", Enumerable.Range(2, 7).Select(i => $"n0{i + 1}\tc{i}")) + "\n");
        var s = DatasetReading.ReadAll(folder, "webdataset", new() { ClassesFile = classes, CaptionTemplate = "a photo of a {class}." });
        Assert.Equal("a photo of a tench.", s[0].Caption);
        Assert.Equal(["a photo of a goldfish."], s[1].Captions);
        // Nine classes; sample 9 says class 9.
        Assert.Equal(SampleFault.BadLabel, s[9].Fault);
        Assert.Contains("9", s[9].FaultDetail);
        Assert.Contains("classes file", Assert.Throws<DataException>(() => DatasetFactory.Open(folder, options: new() { CaptionTemplate = "a {}" })).Message);
        Assert.Contains("no place", Assert.Throws<DataException>(() => DatasetFactory.Open(folder, options: new() { ClassesFile = classes, CaptionTemplate = "a photo" })).Message);
    }
}
