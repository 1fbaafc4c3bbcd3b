using System.Formats.Tar;
using System.Text;
using XClr.Data.Packing;

namespace XClr.Data.Tests;

/// <summary>Seeded damage to every format that is parsed here: the one exception there may be is DataException, and memory follows the bytes there are, not the bytes a header speaks of.</summary>
public class FuzzTests
{
    private const long MostBytes = 48L << 20;

    // Some bytes replaced, some inserted or removed, sometimes the end cut off.
    private static byte[] Mutate(byte[] whole, Random random, int within)
    {
        var bytes = whole.ToList();
        for (var i = random.Next(1, 9); i > 0; i--)
        {
            var at = random.Next(Math.Min(within, bytes.Count));
            switch (random.Next(8))
            {
                case 0:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                default:
                    bytes[at] = (byte)(random.Next(3) == 0 ? "0179\0xgLK/.\"{}[],"[random.Next(17)] : random.Next(256));
                    break;
            }
        }
        return random.Next(5) == 0 ? [.. bytes.Take(random.Next(bytes.Count))] : [.. bytes];
    }

    private static int ReadAll(string path)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var seen = 0;
        try
        {
            using var data = DatasetFactory.Open(path);
            foreach (var raw in data.Read(ReadOrder.Sequential))
            {
                seen++;
                // What a table names lies outside of it.
                if (data.Format is "webdataset" or "idx" && raw.Image is { } image)
                {
                    image.Read().Dispose();
                }
            }
        }
        catch (DataException)
        {
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
        return seen;
    }

    private static void Fuzz(string name, byte[] whole, int rounds, int within = int.MaxValue, Func<byte[], byte[]>? wrap = null, Action<TempFolder>? beside = null)
    {
        using var folder = new TempFolder();
        beside?.Invoke(folder);
        var random = new Random(20261126);
        var (full, less) = (0, 0);
        var path = folder.File(name, (wrap ?? (b => b))(whole));
        var expected = ReadAll(path);
        Assert.True(expected > 0);
        for (var i = 0; i < rounds; i++)
        {
            var mutated = Mutate(whole, random, within);
            folder.File(name, (wrap ?? (b => b))(mutated));
            _ = ReadAll(path) == expected ? full++ : less++;
        }
        Assert.True(full > 0 && less > 0, $"{full} read in whole, {less} not: the mutations no longer exercise both sides");
    }

    private static byte[] Tar(TarEntryFormat format)
    {
        var longName = string.Concat(Enumerable.Repeat("long/", 40)) + "1";
        return TestShards.Tar(
        [
            ("0.jpg", new byte[700]), ("0.txt", "a dog"u8.ToArray()), ("0.json", """{"caption": "x", "captions": ["x", "y"], "label": 3}"""u8.ToArray()),
            ((format == TarEntryFormat.Ustar ? "1" : longName) + ".jpg", new byte[20]), ("2.jpg", new byte[1]), ("2.cls", "1"u8.ToArray()),
        ], format);
    }

    [Theory]
    [InlineData(TarEntryFormat.Ustar), InlineData(TarEntryFormat.Gnu), InlineData(TarEntryFormat.Pax)]
    public void Tar_headers(TarEntryFormat format) => Fuzz("a.tar", Tar(format), 800);

    [Fact]
    public void Tar_headers_in_a_compressed_shard() => Fuzz("a.tar.gz", Tar(TarEntryFormat.Pax), 300, wrap: TestShards.Gzip);

    [Fact]
    public void Gzip_itself() => Fuzz("a.tar.gz", TestShards.Gzip(Tar(TarEntryFormat.Ustar)), 1000);

    [Fact]
    public void Many_byte_order_marks_before_a_samples_json()
    {
        using var folder = new TempFolder();
        byte[] json = [.. Enumerable.Repeat(Encoding.UTF8.GetPreamble(), 300_000).SelectMany(b => b), .. """{"caption": "x"}"""u8];
        using var data = DatasetFactory.Open(folder.Shard("a.tar", [("0.jpg", new byte[700]), ("0.json", json)]));
        Assert.Equal("x", Assert.Single(data.Read(ReadOrder.Sequential)).Caption);
    }

    [Fact]
    public void Json_lines() => Fuzz("t.jsonl", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 6).Select(i => $$"""{"image": "{{i}}.jpg", "caption": "d\u00e9j\u00e0 vu {{i}}", "captions": ["a", "b"], "label": {{i}}}""" + "\n"))), 400);

    [Theory]
    [InlineData("t.csv", ','), InlineData("t.tsv", '\t')]
    public void Tables(string name, char comma) =>
        Fuzz(name, Encoding.UTF8.GetBytes($"path{comma}caption\n" + string.Concat(Enumerable.Range(0, 6).Select(i => $"{i}.jpg{comma}\"a \"\"quoted\"\" one\"\n"))), 400);

    [Fact]
    public void Idx() => Fuzz("train-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, .. new byte[60]], 600, within: 20,
        beside: f => f.File("train-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2]));

    [Fact]
    public void What_follows_a_compressed_set_takes_no_memory()
    {
        using var folder = new TempFolder();
        folder.File("train-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2]);
        byte[] bomb = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, .. new byte[200 << 20]];
        Assert.Equal(3, ReadAll(folder.File("train-images-idx3-ubyte.gz", TestShards.Gzip(bomb))));
    }

    [Fact]
    public void A_member_that_claims_more_than_there_is_takes_no_memory()
    {
        using var folder = new TempFolder();
        var tar = Tar(TarEntryFormat.Ustar);
        "77777777777\0"u8.CopyTo(tar.AsSpan(124));
        var sum = tar.AsSpan(0, 512).ToArray().Select((b, i) => i is >= 148 and < 156 ? ' ' : (int)b).Sum();
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(tar.AsSpan(148));
        Assert.Equal(1, ReadAll(folder.File("a.tar.gz", TestShards.Gzip(tar))));
        "07777777777\0"u8.CopyTo(tar.AsSpan(124));
        sum = tar.AsSpan(0, 512).ToArray().Select((b, i) => i is >= 148 and < 156 ? ' ' : (int)b).Sum();
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(tar.AsSpan(148));
        Assert.Equal(1, ReadAll(folder.File("b.tar.gz", TestShards.Gzip(tar))));
    }

    // Names in an archive are only names: nothing is ever written under them, nor read from anywhere but the archive.
    [Fact]
    public async Task Names_that_leave_the_folder_and_links_are_only_names()
    {
        using var folder = new TempFolder();
        var path = folder.Path + "/in/a.tar";
        Directory.CreateDirectory(folder.Path + "/in");
        using (var file = File.Create(path))
        using (var tar = new TarWriter(file, TarEntryFormat.Pax))
        {
            foreach (var name in new[] { "../../evil/1.jpg", "/etc/2.jpg", "a/../../3.jpg" })
            {
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(TestImages.Solid(5)) });
            }
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "4.jpg") { LinkName = "/etc/passwd" });
            tar.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "5.jpg") { LinkName = "../../etc/passwd" });
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "../up"));
        }
        using var data = DatasetFactory.Open(path);
        Assert.Equal(["../../evil/1", "/etc/2", "a/../../3"], data.Read(ReadOrder.Sequential).Select(s => s.Key));
        await new ShardPacker(new DatasetSource(data), new() { Folder = folder.Path + "/in/out" }).RunAsync(null, CancellationToken.None);
        Assert.Equal(["in"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
        Assert.Equal(["a.tar", "out"], Directory.GetFileSystemEntries(folder.Path + "/in").Select(Path.GetFileName).Order());
    }
}
