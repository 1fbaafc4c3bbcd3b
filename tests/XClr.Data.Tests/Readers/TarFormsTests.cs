using System.Formats.Tar;
using System.Text;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Tar archives of every kind, and what of their headers counts.</summary>
public sealed class TarFormsTests
{
    /// <summary>A sparse file's map may go on behind its header, by blocks that its size does not count.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Sparse_files_are_passed_over_with_their_maps(int mapBlocks)
    {
        using var folder = new TempFolder();
        var plain = File.ReadAllBytes(folder.Shard("plain.tar", [("a.bin", new byte[700]), ("b.jpg", TestImages.Solid(1)), ("b.txt", "one"u8.ToArray())]));
        var header = plain[..512];
        header[156] = (byte)'S';
        header[482] = (byte)(mapBlocks > 0 ? 1 : 0);
        header.AsSpan(148, 8).Fill((byte)' ');
        Encoding.UTF8.GetBytes(Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        var map = Enumerable.Range(1, mapBlocks).SelectMany(block => Enumerable.Repeat((byte)'7', 504).Append((byte)(block < mapBlocks ? 1 : 0)).Concat(new byte[7]));
        folder.File("sparse.tar", [.. header, .. map, .. plain[512..]]);
        var sample = Assert.Single(DatasetReading.ReadAll(folder.Path + "/sparse.tar", "webdataset"));
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
            ("000000.jpg", TestImages.Solid(1)), ("000000.txt", "one"u8.ToArray()), ("000000.cls", "3\n"u8.ToArray()),
            (longKey + ".JPEG", TestImages.Solid(2)), (longKey + ".txt", "two"u8.ToArray()),
        ], format);
        var samples = DatasetReading.ReadAll(folder, "webdataset");
        Assert.Equal(["000000", longKey], samples.Select(s => s.Key));
        Assert.Equal(["one", "two"], samples.Select(s => s.Caption));
        Assert.Equal([3, null], samples.Select(s => s.Label));
        Assert.Equal(TestImages.Solid(1), DatasetReading.Bytes(samples[0]));
        Assert.Equal(TestImages.Solid(2), DatasetReading.Bytes(samples[1]));
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
        var path = folder.Shard(name, samples.SelectMany(s => ((string, byte[])[])[(s.Key + ".JPG", s.Image), (s.Key + ".txt", Encoding.UTF8.GetBytes(s.Text))]), TarEntryFormat.Pax);
        var read = DatasetReading.ReadAll(path, "webdataset");
        Assert.Equal(samples.Select(s => s.Key), read.Select(s => s.Key));
        Assert.Equal(samples.Select(s => s.Image), read.Select(DatasetReading.Bytes));
        Assert.Equal(samples.Select(s => s.Text.Length == 0 ? null : s.Text), read.Select(s => s.Caption));
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
        var sample = Assert.Single(DatasetReading.ReadAll(folder, "webdataset"));
        Assert.Equal(("sub/1", null), (sample.Key, sample.Fault));
        Assert.Equal([1, 2, 3], DatasetReading.Bytes(sample));
    }

    /// <summary>What a shard is, its bytes say; names are wrong now and then.</summary>
    [Theory]
    [InlineData("a.tar.gz", "b.tar")]
    [InlineData("a.tar", "b.tgz")]
    public void Compression_is_told_by_the_bytes(string written, string name)
    {
        using var folder = new TempFolder();
        File.Move(folder.Shard(written, TestShards.Samples(3)), $"{folder.Path}/{name}");
        using var data = DatasetFactory.Open($"{folder.Path}/{name}");
        Assert.Equal(3, data.Count);
        Assert.Equal(TestImages.Solid(1), DatasetReading.Bytes(data.Read(ReadOrder.Sequential).ElementAt(1)));
    }
}
