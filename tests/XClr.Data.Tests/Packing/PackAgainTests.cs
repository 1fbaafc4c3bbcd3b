using System.Text.Json;
using XClr.Data.Packing;

namespace XClr.Data.Tests;

/// <summary>A folder that was packed before: what is kept, what is made again, and what is refused.</summary>
public sealed class PackAgainTests
{
    [Fact]
    public void A_run_that_is_cut_off_at_any_row_ends_with_the_same_files()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/whole");
        for (var after = 1; after <= 10; after++)
        {
            using var stop = new CancellationTokenSource();
            var at = after;
            var cut = $"{folder.Path}/cut{after}";
            Assert.ThrowsAny<OperationCanceledException>(() => Packs.Pack(table, cut, o => o with { ShardsAtOnce = 1 }, p =>
            {
                if (p.Fresh == at)
                {
                    stop.Cancel();
                }
            }, stop.Token));
            Assert.Equal((after - 1) / 4, Directory.GetFiles(cut, "*.tar").Length);
            Assert.Equal((after - 1) / 4, Packs.Pack(table, cut).Resumed);
            Assert.Equal(Packs.Files(folder + "/whole"), Packs.Files(cut));
        }
    }

    [Fact]
    public void What_a_kill_leaves_is_made_whole()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/whole");
        Packs.Pack(table, folder + "/cut");
        File.Delete(folder + "/cut/00001.tar");
        File.WriteAllText(folder + "/cut/00001.tar.tmp", "half");
        var result = Packs.Pack(table, folder + "/cut");
        Assert.Equal((3, 2, 7), (result.Shards, result.Resumed, result.Good));
        Assert.Equal(Packs.Files(folder + "/whole"), Packs.Files(folder + "/cut"));
    }

    [Fact]
    public void A_source_that_grew_has_its_last_shard_packed_again()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/out");
        File.AppendAllText(table, "small.jpg,11\n");
        var result = Packs.Pack(table, folder + "/out");
        Assert.Equal((3, 2, 11, 8), (result.Shards, result.Resumed, result.Rows, result.Good));
        Assert.Equal(0, result.Surplus.Count);
    }

    [Fact]
    public void Shards_behind_the_end_of_a_source_that_shrank_are_named()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/out");
        File.WriteAllLines(table, File.ReadAllLines(table)[..4]);
        var result = Packs.Pack(table, folder + "/out");
        Assert.Equal(1, result.Shards);
        Assert.Equal((2, folder + "/out/00001.tar"), result.Surplus);
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
            folder.File($"in/{(i <= 8 ? 'a' : 'b')}/{i:D2}.jpg", TestImages.Solid(20 * i));
        }
        Assert.Equal(0, Packs.Pack(folder + "/in", folder + "/out").Resumed);
        Assert.Equal(3, Packs.Pack(folder + "/in", folder + "/out").Resumed);
        folder.File(added, TestImages.Solid(5));
        var result = Packs.Pack(folder + "/in", folder + "/out");
        Assert.Equal((shards, resumed, rows, rows), (result.Shards, result.Resumed, result.Rows, result.Good));
        Packs.Pack(folder + "/in", folder + "/anew");
        Assert.Equal(Packs.Packed(folder + "/anew"), Packs.Packed(folder + "/out"));
        Assert.Equal(Packs.Files(folder + "/anew"), Packs.Files(folder + "/out"));
        Assert.Equal(shards, Packs.Pack(folder + "/in", folder + "/out").Resumed);
    }

    [Fact]
    public void An_edited_caption_has_its_shard_packed_again()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/out");
        File.WriteAllText(table, File.ReadAllText(table).Replace("big.jpg,9", "big.jpg,nine", StringComparison.Ordinal));
        Assert.Equal(2, Packs.Pack(table, folder + "/out").Resumed);
        Assert.Contains(Packs.Packed(folder + "/out"), s => s.Contains(" nine ", StringComparison.Ordinal));
    }

    [Fact]
    public void Shards_of_an_older_version_are_done_by_their_number_of_rows()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/out");
        foreach (var stats in Directory.GetFiles(folder + "/out", "*_stats.json"))
        {
            var (text, hash) = (File.ReadAllText(stats), JsonDocument.Parse(File.ReadAllText(stats)).RootElement.GetProperty("rows_sha256").GetString());
            Assert.Equal(64, hash!.Length);
            File.WriteAllText(stats, text.Replace($",\"rows_sha256\":\"{hash}\"", "", StringComparison.Ordinal));
            Assert.DoesNotContain("rows_sha256", File.ReadAllText(stats));
        }
        Assert.Equal(3, Packs.Pack(table, folder + "/out").Resumed);
        File.AppendAllText(table, "small.jpg,11\n");
        Assert.Equal(2, Packs.Pack(table, folder + "/out").Resumed);
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
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/out");
        var (stats, tar) = (folder + "/out/00000_stats.json", folder + "/out/00000.tar");
        File.Delete(stats);
        if (damaged is not null)
        {
            File.WriteAllText(stats, damaged);
        }
        var said = Assert.Throws<DataException>(() => Packs.Pack(table, folder + "/out")).Message;
        Assert.StartsWith($"'{stats}' cannot be read (", said);
        Assert.EndsWith($"); delete '{tar}' to have this shard packed again.", said);
        File.Delete(tar);
        Assert.Equal(2, Packs.Pack(table, folder + "/out").Resumed);
    }

    [Fact]
    public void A_folder_of_something_else_is_refused()
    {
        using var folder = new TempFolder();
        var table = Packs.Table(folder);
        Packs.Pack(table, folder + "/out");
        Assert.Contains("quality was 90 and is 80", Assert.Throws<DataException>(() => Packs.Pack(table, folder + "/out", o => o with { Quality = 80 })).Message);
        folder.Shard("other/00000.tar", TestShards.Samples(1));
        Assert.Contains("no pack.json", Assert.Throws<DataException>(() => Packs.Pack(table, folder + "/other")).Message);
        Assert.Contains("\"caption-template\": null", File.ReadAllText(folder + "/out/pack.json"));
        using var busy = new FileStream(folder + "/out/pack.lock", FileMode.Open, FileAccess.Write, FileShare.None);
        Assert.Contains("another xclr pack", Assert.Throws<DataException>(() => Packs.Pack(table, folder + "/out")).Message);
    }

    [Fact]
    public void A_folder_of_the_same_read_otherwise_is_refused_and_left_as_it_is()
    {
        using var folder = new TempFolder();
        folder.File("in/cat/1.jpg", TestImages.Solid(1));
        folder.File("in/dog/2.jpg", TestImages.Solid(2));
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
        var before = Packs.Files(folder + "/out");
        Assert.Contains($"caption-template was {Template} and is {{}}. Name another folder", Refused("/out", one, "{}"));
        Assert.Contains($"caption-template was {Template} and is unset", Refused("/out", one, null));
        Assert.Contains("classes was 2 names, sha256 ", Refused("/out", other, Template));
        Assert.Contains(" and is unset", Refused("/out", null, Template));
        Assert.Equal(before, Packs.Files(folder + "/out"));
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
}
