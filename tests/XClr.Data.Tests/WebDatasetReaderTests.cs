using System.Formats.Tar;
using XClr.Data.Readers;
using Xunit;

namespace XClr.Data.Tests;

public class WebDatasetReaderTests
{
    private static List<RawSample> ReadAll(string path, DatasetOptions? options = null)
    {
        using var data = DatasetFactory.Open(path, options: options);
        Assert.Equal("webdataset", data.Format);
        var samples = data.Read(ReadOrder.Sequential).ToList();
        Assert.Equal(samples.Count, data.Count);
        return samples;
    }

    private static byte[] Bytes(RawSample sample)
    {
        using var bytes = sample.Image!.Read();
        return bytes.Span.ToArray();
    }

    /// <summary>A sparse file's map may go on behind its header, by blocks that its size does not count.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Sparse_files_are_passed_over_with_their_maps(int mapBlocks)
    {
        using var folder = new TempFolder();
        var plain = File.ReadAllBytes(folder.Shard("plain.tar", [("a.bin", new byte[700]), ("b.jpg", TempFolder.Image(1)), ("b.txt", "one"u8.ToArray())]));
        var header = plain[..512];
        header[156] = (byte)'S';
        header[482] = (byte)(mapBlocks > 0 ? 1 : 0);
        header.AsSpan(148, 8).Fill((byte)' ');
        TempFolder.Utf8(Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        var map = Enumerable.Range(1, mapBlocks).SelectMany(block => Enumerable.Repeat((byte)'7', 504).Append((byte)(block < mapBlocks ? 1 : 0)).Concat(new byte[7]));
        folder.File("sparse.tar", [.. header, .. map, .. plain[512..]]);
        var sample = Assert.Single(ReadAll(folder.Path + "/sparse.tar"));
        Assert.Equal(("b", "one", null), (sample.Key, sample.Caption, sample.Fault));
    }

    [Theory]
    [InlineData("00000.tar", TarEntryFormat.Ustar)]
    [InlineData("00000.tar", TarEntryFormat.Gnu)]
    [InlineData("00000.tar", TarEntryFormat.Pax)]
    [InlineData("00000.tar.gz", TarEntryFormat.Ustar)]
    [InlineData("00000.tgz", TarEntryFormat.Gnu)]
    public void Every_kind_of_tar_gives_keys_captions_labels_and_bytes(string name, TarEntryFormat format)
    {
        using var folder = new TempFolder();
        // Longer than the 100 (155 + 100) characters of an old header.
        var longKey = format == TarEntryFormat.Ustar ? "folder/short" : "folder/" + string.Concat(Enumerable.Repeat("läng/", 60)) + "000001";
        folder.Shard(name,
        [
            ("000000.jpg", TempFolder.Image(1)), ("000000.txt", "one"u8.ToArray()), ("000000.cls", "3\n"u8.ToArray()),
            (longKey + ".JPEG", TempFolder.Image(2)), (longKey + ".txt", "two"u8.ToArray()),
        ], format);
        var samples = ReadAll(folder);
        Assert.Equal(["000000", longKey], samples.Select(s => s.Key));
        Assert.Equal(["one", "two"], samples.Select(s => s.Caption));
        Assert.Equal([3, null], samples.Select(s => s.Label));
        Assert.Equal(TempFolder.Image(1), Bytes(samples[0]));
        Assert.Equal(TempFolder.Image(2), Bytes(samples[1]));
    }

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
        var s = ReadAll(folder);
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

    [Theory]
    [InlineData("a.tar"), InlineData("a.tar.gz")]
    public void Members_of_any_size_are_found_behind_each_other(string name)
    {
        using var folder = new TempFolder();
        // Sizes about a block's, a first reading's, a buffer's and a member's that is read in parts; names about a header field's.
        int[] sizes = [0, 1, 511, 512, 513, 3583, 3584, 3585, 65_023, 65_024, 65_025, 65_536, 300_000, 1_200_000, 7, 0, 100_000];
        var random = new Random(4);
        var samples = sizes.Select((size, i) => (Key: i % 3 == 0 ? new string('k', 90 + i) + i : $"folder/{i}", Image: random.GetItems<byte>([1, 2, 3], size), Text: new string('t', sizes[^(i + 1)] % 1_000_000))).ToList();
        var path = folder.Shard(name, samples.SelectMany(s => ((string, byte[])[])[(s.Key + ".JPG", s.Image), (s.Key + ".txt", TempFolder.Utf8(s.Text))]), TarEntryFormat.Pax);
        var read = ReadAll(path);
        Assert.Equal(samples.Select(s => s.Key), read.Select(s => s.Key));
        Assert.Equal(samples.Select(s => s.Image), read.Select(Bytes));
        Assert.Equal(samples.Select(s => s.Text.Length == 0 ? null : s.Text), read.Select(s => s.Caption));
    }

    [Fact]
    public void A_member_of_a_kind_that_the_sample_has_begins_the_next()
    {
        using var folder = new TempFolder();
        folder.Shard("a.tar", [("1.jpg", [1]), ("1.txt", "one"u8.ToArray()), ("1.jpg", [2]), ("1.txt", "two"u8.ToArray())]);
        var s = ReadAll(folder);
        Assert.Equal(["1", "1"], s.Select(x => x.Key));
        Assert.Equal(["one", "two"], s.Select(x => x.Caption));
        Assert.Equal([[1], [2]], s.Select(Bytes));
    }

    /// <summary>What a PAX header says is of the entry behind it, and a size of a file's bytes alone.</summary>
    [Fact]
    public void The_header_of_a_folder_says_nothing_of_the_file_behind_it()
    {
        using var folder = new TempFolder();
        using var memory = new MemoryStream();
        using (var tar = new TarWriter(memory, TarEntryFormat.Pax, leaveOpen: true))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "sub/", new Dictionary<string, string> { ["comment"] = "512" }));
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "sub/1.jpg") { DataStream = new MemoryStream([1, 2, 3]) });
        }
        // .NET writes no size itself: the record is renamed, and no checksum is of it.
        var bytes = memory.ToArray();
        var at = bytes.AsSpan().IndexOf("15 comment=512\n"u8);
        Assert.True(at > 0);
        "15 size=000512\n"u8.CopyTo(bytes.AsSpan(at));
        folder.File("a.tar", bytes);
        var sample = Assert.Single(ReadAll(folder));
        Assert.Equal(("sub/1", null), (sample.Key, sample.Fault));
        Assert.Equal([1, 2, 3], Bytes(sample));
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
        var s = ReadAll(folder);
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
        var s = ReadAll(folder, new DatasetOptions { ClassesFile = classes });
        Assert.Equal([0, 1, 0, 1, null, null, null, 0, 1, null], s.Select(x => x.Label));
        Assert.Equal([null, null, null, null, SampleFault.BadLabel, null, null, null, null, SampleFault.BadLabel], s.Select(x => x.Fault));
        Assert.Equal("kept", s[6].Caption);
        Assert.Contains("'wolf' is no class index, and no class of '", s[4].FaultDetail);
        Assert.Equal([null, null, null, 1, null, null, null, null, 1, null], ReadAll(folder).Select(x => x.Label));
        Assert.Equal([SampleFault.BadLabel, SampleFault.BadLabel, null, null, null, null, null, SampleFault.BadLabel, null, SampleFault.BadLabel], ReadAll(folder).Select(x => x.Fault));
    }

    [Theory]
    [InlineData(".tar")]
    [InlineData(".tar.gz")]
    public void A_truncated_shard_is_reported_and_the_next_goes_on(string suffix)
    {
        using var folder = new TempFolder();
        var path = folder.Shard("0" + suffix, TempFolder.Samples(10));
        folder.Shard("1" + suffix, TempFolder.Samples(2, 10));
        var whole = File.ReadAllBytes(path);
        var counts = new HashSet<int>();
        for (var cut = 0; cut < whole.Length - (suffix == ".tar" ? 1100 : 20); cut += whole.Length / 60)
        {
            File.WriteAllBytes(path, whole[..cut]);
            var samples = ReadAll(folder);
            var broken = samples.Where(s => s.Fault is not null).ToList();
            // A cut between members looks like the end of the archive; one elsewhere is one fault.
            Assert.InRange(broken.Count, 0, 1);
            Assert.All(broken, b => Assert.Equal(SampleFault.BrokenShard, b.Fault));
            Assert.All(broken, b => Assert.Contains(path, b.FaultDetail));
            Assert.Equal(["00010", "00011"], samples.TakeLast(2).Select(s => s.Key));
            Assert.All(samples.Where(s => s.Fault is null), s => Assert.Equal(TempFolder.Image(int.Parse(s.Key)), Bytes(s)));
            counts.Add(samples.Count - broken.Count);
        }
        Assert.True(counts.Count > 5, "the cuts left always the same samples");
    }

    [Fact]
    public void Damaged_headers_end_their_shard_only()
    {
        using var folder = new TempFolder();
        var path = folder.Shard("0.tar", TempFolder.Samples(10));
        folder.Shard("1.tar", TempFolder.Samples(1, 10));
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().IndexOf("00004.jpg"u8);
        bytes[at + 3] = (byte)'x';
        File.WriteAllBytes(path, bytes);
        var samples = ReadAll(folder);
        Assert.Equal(SampleFault.BrokenShard, samples.Single(s => s.Fault is not null).Fault);
        Assert.Equal("00010", samples[^1].Key);
        Assert.InRange(samples.Count, 5, 6);

        File.WriteAllBytes(path, [.. Enumerable.Repeat((byte)'?', 5000)]);
        Assert.Equal([SampleFault.BrokenShard, null], ReadAll(folder).Select(s => s.Fault));
    }

    [Fact]
    public void Shards_are_named_by_range_list_pattern_and_folder()
    {
        using var folder = new TempFolder();
        for (var i = 8; i < 12; i++)
        {
            folder.Shard($"a-{i:D3}.tar", TempFolder.Samples(1, i));
        }
        folder.Shard("b.tgz", TempFolder.Samples(1, 50));
        string[] Keys(string path) => [.. ReadAll(path).Select(s => s.Key)];
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
        var path = folder.File("shard", File.ReadAllBytes(folder.Shard("0.tar", TempFolder.Samples(2))));
        using var data = (WebDatasetReader)DatasetFactory.Open(path, "webdataset");
        Assert.Equal(2, data.Count);
        Assert.Null(ShardSidecars.Read(data.Shards));
    }

    [Fact]
    public void Empty_shards_are_an_error_that_names_the_path()
    {
        using var folder = new TempFolder();
        folder.File("0.tar", new byte[1024]);
        using var data = DatasetFactory.Open(folder);
        Assert.Contains(folder, Assert.Throws<DataException>(() => data.Count).Message);
        using var stream = new SampleStream(data, new());
        Assert.Contains(folder, Assert.Throws<DataException>(() => stream.Next()).Message);
    }

    /// <summary>A file without a byte is what a failed download leaves, not an archive without members.</summary>
    [Fact]
    public void A_file_without_bytes_is_a_broken_shard()
    {
        using var folder = new TempFolder();
        folder.Shard("0.tar", TempFolder.Samples(2));
        folder.File("1.tar", []);
        var s = ReadAll(folder);
        Assert.Equal([null, null, SampleFault.BrokenShard], s.Select(x => x.Fault));
        Assert.Contains("no bytes", s[2].FaultDetail);
    }

    /// <summary>What a shard is, its bytes say; names are wrong now and then.</summary>
    [Theory]
    [InlineData("a.tar.gz", "b.tar")]
    [InlineData("a.tar", "b.tgz")]
    public void Compression_is_told_by_the_bytes(string written, string name)
    {
        using var folder = new TempFolder();
        File.Move(folder.Shard(written, TempFolder.Samples(3)), $"{folder.Path}/{name}");
        using var data = DatasetFactory.Open($"{folder.Path}/{name}");
        Assert.Equal(3, data.Count);
        Assert.Equal(TempFolder.Image(1), Bytes(data.Read(ReadOrder.Sequential).ElementAt(1)));
    }

    [Fact]
    public void A_path_that_exists_is_taken_as_it_stands()
    {
        using var folder = new TempFolder();
        folder.Shard("br{a,b}/0.tar", TempFolder.Samples(2));
        folder.Shard("x::y.tar", TempFolder.Samples(3));
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
        folder.Shard("0.tar", TempFolder.Samples(12));
        var classes = folder.File("classes.txt", "n01\ttench, Tinca tinca\nn02\tgoldfish\n" + string.Join("\n", Enumerable.Range(2, 7).Select(i => $"n0{i + 1}\tc{i}")) + "\n");
        var s = ReadAll(folder, new() { ClassesFile = classes, CaptionTemplate = "a photo of a {class}." });
        Assert.Equal("a photo of a tench.", s[0].Caption);
        Assert.Equal(["a photo of a goldfish."], s[1].Captions);
        // Nine classes; sample 9 says class 9.
        Assert.Equal(SampleFault.BadLabel, s[9].Fault);
        Assert.Contains("9", s[9].FaultDetail);
        Assert.Contains("classes file", Assert.Throws<DataException>(() => DatasetFactory.Open(folder, options: new() { CaptionTemplate = "a {}" })).Message);
        Assert.Contains("no place", Assert.Throws<DataException>(() => DatasetFactory.Open(folder, options: new() { ClassesFile = classes, CaptionTemplate = "a photo" })).Message);
    }

    [Fact]
    public void Compressed_shards_are_shuffled_within_their_bound()
    {
        var samples = Enumerable.Range(0, 200).Select(i => new RawSample($"{i}", "s") { Image = new MemorySource { Bytes = new byte[1000] } });
        var order = new ReadOrder(true, 1, 0, BufferSize: 100, BufferBytes: 10_000);
        var (taken, most) = (0, 0);
        var given = 0;
        var keys = new List<string>();
        foreach (var s in ShuffleBuffer.Shuffle(samples.Select(x => { given++; return x; }), order))
        {
            taken++;
            most = Math.Max(most, given - taken);
            keys.Add(s.Key);
        }
        Assert.InRange(most, 9, 11);
        Assert.Equal(200, keys.Distinct().Count());
        Assert.NotEqual(keys, keys.OrderBy(int.Parse));
    }
}
