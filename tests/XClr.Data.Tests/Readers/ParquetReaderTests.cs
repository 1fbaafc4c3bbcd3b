using Parquet;
using Parquet.Schema;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Parquet with image bytes, in the forms of img2dataset and Hugging Face; damage and refusals.</summary>
public class ParquetReaderTests
{
    private static readonly string[] Names = ["cat", "dog"];

    /// <summary>img2dataset's form: `key`, `jpg` (null on failure), `caption`, `error_message`; two row groups of three rows.</summary>
    private static string Img2Dataset(TempFolder folder, string name)
    {
        var schema = new ParquetSchema(
            new DataField<string>("key"), new DataField<string>("caption"), new DataField<string>("error_message"), new DataField<byte[]>("jpg"));
        return Write(folder, name, schema, null, async (group, fields, g) =>
        {
            await group.WriteAsync(fields[0], [.. Enumerable.Range(3 * g, 3).Select(i => $"{i:D9}")]);
            await group.WriteAsync(fields[1], [$"picture {3 * g}", null!, " two\nlines "]);
            await group.WriteAsync(fields[2], [null!, "HTTP 404", null!]);
            await group.WriteAsync(fields[3], [TestImages.Solid(3 * g), null!, TestImages.Solid(3 * g + 2)]);
        });
    }

    /// <summary>Hugging Face's form: `image` {bytes, path}, `label` with class names in the metadata; one row without a struct, one without bytes.</summary>
    private static string HuggingFace(TempFolder folder, string name, string metadata = """{"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}""")
    {
        var schema = new ParquetSchema(new StructField("image", new DataField<byte[]>("bytes"), new DataField<string>("path")), new DataField<long>("label"));
        return Write(folder, name, schema, new() { ["huggingface"] = metadata }, async (group, fields, g) =>
        {
            var images = new ReadOnlyMemory<byte>[] { TestImages.Solid(10), TestImages.Solid(20) };
            await group.WriteAllPartsAsync<ReadOnlyMemory<byte>>(fields[0], images, new[] { 2, 0, 1, 2 }, null, default);
            await group.WriteAllPartsAsync<ReadOnlyMemory<char>>(fields[1], new[] { "a.jpg".AsMemory() }, new[] { 2, 0, 1, 1 }, null, default);
            await group.WriteAsync<long>(fields[2], new long[] { 1, 0, 0, 7 });
        });
    }

    /// <summary>A file of two row groups, of the columns that <paramref name="schema"/> says.</summary>
    internal static string Write(
        TempFolder folder, string name, ParquetSchema schema, Dictionary<string, string>? metadata, Func<ParquetRowGroupWriter, DataField[], int, Task> fill)
    {
        var memory = new MemoryStream();
        WriteAsync().GetAwaiter().GetResult();
        return folder.File(name, memory.ToArray());

        async Task WriteAsync()
        {
            await using var writer = await ParquetWriter.CreateAsync(schema, memory);
            if (metadata is not null)
            {
                writer.CustomMetadata = metadata;
            }
            for (var g = 0; g < 2; g++)
            {
                using var group = writer.CreateRowGroup();
                await fill(group, schema.DataFields, g);
                group.CompleteValidate();
            }
        }
    }

    [Fact]
    public void Img2_datasets_rows_are_read_and_null_images_skipped()
    {
        using var folder = new TempFolder();
        var s = DatasetReading.ReadAll(Img2Dataset(folder, "00000.parquet"), "parquet");
        Assert.Equal(["000000000", "000000001", "000000002", "000000003", "000000004", "000000005"], s.Select(x => x.Key));
        Assert.Equal(["picture 0", null, "two lines", "picture 3", null, "two lines"], s.Select(x => x.Caption));
        Assert.Equal([null, SampleFault.NoImage, null, null, SampleFault.NoImage, null], s.Select(x => x.Fault));
        Assert.Contains("HTTP 404", s[1].FaultDetail);

        using var data = DatasetFactory.Open(folder);
        using var stream = new SampleStream(data, new() { Shuffle = false });
        var reds = stream.ReadAll().Select(x => { using (x) { return (int)x.Image.Pixels[0]; } }).ToList();
        Assert.Equal(4, reds.Count);
        foreach (var (red, expected) in reds.Zip([0, 2, 3, 5]))
        {
            Assert.InRange(red, expected - 2, expected + 2);
        }
        Assert.Equal(2, stream.Skipped[SampleFault.NoImage]);
    }

    [Fact]
    public void Hugging_faces_rows_have_classes_and_structs()
    {
        using var folder = new TempFolder();
        var path = HuggingFace(folder, "train.parquet");
        using (var data = DatasetFactory.Open(path))
        {
            Assert.Equal(Names, data.Classes);
        }
        var s = DatasetReading.ReadAll(path, "parquet", new() { CaptionTemplate = "a {class}" });
        Assert.Equal([null, SampleFault.NoImage, SampleFault.NoImage, SampleFault.BadLabel], s.Take(4).Select(x => x.Fault));
        Assert.Equal("a dog", s[0].Caption);
        Assert.Equal("train-000000004", s[4].Key);
        Assert.Null(DatasetFactory.Open(HuggingFace(folder, "odd.parquet", "{\"info\": 3}")).Classes);
    }

    [Fact]
    public void Columns_of_another_type_than_their_name_promises_are_ignored()
    {
        using var folder = new TempFolder();
        Reads("id", Guid.NewGuid());
        Reads("key", 1.5);
        Reads("label", 2m);
        Reads("label", true);
        Reads("category", new DateTime(2026, 1, 1));
        Reads("text", 7L);
        Reads("error_message", 3.5f);

        void Reads<T>(string name, T value)
            where T : struct
        {
            var schema = new ParquetSchema(new DataField<string>("sentence"), new DataField<byte[]>("jpg"), new DataField<T>(name));
            var s = DatasetReading.ReadAll(Write(folder, "x.parquet", schema, null, async (group, fields, g) =>
            {
                await group.WriteAsync(fields[0], ["one", "two"]);
                await group.WriteAsync(fields[1], [TestImages.Solid(1), TestImages.Solid(2)]);
                await group.WriteAsync<T>(fields[2], new[] { value, value });
            }), "parquet");
            Assert.Equal([null, null, null, null], s.Select(x => x.Fault));
            Assert.Equal(["one", "two", "one", "two"], s.Select(x => x.Caption));
            Assert.Equal(["x-000000000", "x-000000001", "x-000000002", "x-000000003"], s.Select(x => x.Key));
            Assert.All(s, x => Assert.Null(x.Label));
        }
    }

    /// <summary>pandas writes whole numbers as floating-point ones where some are missing.</summary>
    [Fact]
    public void Floating_point_labels_are_taken_where_they_are_whole()
    {
        using var folder = new TempFolder();
        var schema = new ParquetSchema(new DataField<byte[]>("jpg"), new DataField<double?>("label"));
        var s = DatasetReading.ReadAll(Write(folder, "x.parquet", schema, null, async (group, fields, g) =>
        {
            await group.WriteAsync(fields[0], [.. Enumerable.Range(0, 5).Select(i => TestImages.Solid(i))]);
            await group.WriteAsync<double>(fields[1], new double?[] { 3, null, double.NaN, 1.5, 1e300 });
        }), "parquet");
        Assert.Equal([3, null, null, null, null], s.Take(5).Select(x => x.Label));
        Assert.Equal([null, null, null, SampleFault.BadLabel, SampleFault.BadLabel], s.Take(5).Select(x => x.Fault));
        Assert.Contains("'1.5' is no class", s[3].FaultDetail);
    }

    [Fact]
    public void Sidecars_say_what_was_not_fetched()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 4; i++)
        {
            folder.Shard($"{i:D5}.tar", TestShards.Samples(2));
        }
        folder.File("00000_stats.json", """{"count": 5, "successes": 2, "failed_to_download": 3, "status_dict": {"success": 2, "HTTP Error 404: Not Found": 2, "timed out": 1}}""");
        folder.File("00002_stats.json", "{damaged");
        var schema = new ParquetSchema(new DataField<string>("key"), new DataField<string>("status"), new DataField<string>("error_message"));
        Write(folder, "00001.parquet", schema, null, async (group, fields, g) =>
        {
            await group.WriteAsync(fields[0], ["a", "b", "c"]);
            await group.WriteAsync(fields[1], ["success", "failed_to_download", "failed_to_resize"]);
            await group.WriteAsync(fields[2], [null!, "timed out", null!]);
        });
        using var data = (WebDatasetReader)DatasetFactory.Open(folder);
        Assert.Equal(8, data.Count);
        var said = ShardSidecars.Read(data.Shards)!;
        Assert.Equal((2, 11, 4), (said.Shards, said.Rows, said.Successes));
        Assert.Equal([("HTTP Error 404: Not Found", 2L), ("failed_to_resize", 2L), ("timed out", 3L)], said.Failed.Select(f => (f.Key, f.Value)).OrderBy(f => f.Key, StringComparer.Ordinal));
        Assert.Null(ShardSidecars.Read([data.Shards[3]]));
    }

    [Theory]
    [InlineData("""{"status_dict": {"success": -1}}""")]
    [InlineData("""{"status_dict": {"success": 1, "success": 2}}""")]
    [InlineData("""{"status_dict": {"success": 9223372036854775807, "timed out": 9223372036854775807}}""")]
    [InlineData("""{"status_dict": {"\ud800": 1}}""")]
    [InlineData("""{"status_dict": []}""")]
    [InlineData("null")]
    public void A_damaged_sidecar_counts_as_none(string stats)
    {
        using var folder = new TempFolder();
        folder.Shard("00000.tar", TestShards.Samples(2));
        folder.File("00000_stats.json", stats);
        using var data = (WebDatasetReader)DatasetFactory.Open(folder);
        Assert.Equal(2, data.Count);
        Assert.Null(ShardSidecars.Read(data.Shards));
    }

    [Fact]
    public void Several_files_shuffle_by_seed_and_epoch()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 4; i++)
        {
            Img2Dataset(folder, $"{i:D5}.parquet");
        }
        using var data = DatasetFactory.Open(folder.Path + "/{00000..00003}.parquet");
        List<string> Order(ulong seed, int epoch) => [.. data.Read(new(true, seed, epoch)).Select(s => s.Source + s.Key)];
        Assert.Equal(24, Order(1, 0).Distinct().Count());
        Assert.Equal(Order(1, 0), Order(1, 0));
        Assert.NotEqual(Order(1, 0), Order(1, 1));
        Assert.NotEqual(Order(1, 0), Order(2, 0));
    }

    [Fact]
    public void Damaged_files_are_reported_and_passed_over()
    {
        using var folder = new TempFolder();
        var whole = File.ReadAllBytes(Img2Dataset(folder, "00000.parquet"));
        folder.File("00001.parquet", whole[..^20]);
        // The footer stays and the pages before it are overwritten: the file opens, its second row group does not read.
        var damaged = whole.ToArray();
        damaged.AsSpan(whole.Length / 3, whole.Length / 4).Fill(0xFF);
        folder.File("00002.parquet", damaged);
        Img2Dataset(folder, "00003.parquet");
        using var data = DatasetFactory.Open(folder);
        var s = data.Read(ReadOrder.Sequential).ToList();
        Assert.Equal(6, s.Count(x => x.Source.EndsWith("00003.parquet", StringComparison.Ordinal)));
        Assert.Equal(SampleFault.Unreadable, s.Single(x => x.Source.EndsWith("00001.parquet", StringComparison.Ordinal)).Fault);
        Assert.Contains(s, x => x.Source.EndsWith("00002.parquet", StringComparison.Ordinal) && x.Fault == SampleFault.BrokenShard);
    }

    [Fact]
    public void Mutated_files_never_end_the_reading()
    {
        using var folder = new TempFolder();
        var whole = File.ReadAllBytes(Img2Dataset(folder, "00000.parquet"));
        var random = new Random(1);
        for (var round = 0; round < 60; round++)
        {
            var mutated = whole.ToArray();
            for (var i = 0; i < 1 + round % 5; i++)
            {
                mutated[round % 2 == 0 ? random.Next(mutated.Length) : mutated.Length - 1 - random.Next(400)] = (byte)random.Next(256);
            }
            folder.File("00001.parquet", mutated);
            using var data = DatasetFactory.Open(folder);
            Assert.True(data.Read(ReadOrder.Sequential).Count(s => s.Source.EndsWith("00000.parquet", StringComparison.Ordinal)) == 6, $"round {round}");
        }
    }

    /// <summary>Golden/parquet_files.mjs wrote them; DuckDB's have decimals, times, lists, structs and maps beside.</summary>
    [Theory]
    [InlineData("duckdb-v1.parquet")]
    [InlineData("duckdb-v2.parquet")]
    [InlineData("rust.parquet")]
    [InlineData("hyparquet.parquet")]
    public void Files_of_other_writers_are_read(string name)
    {
        using var data = DatasetFactory.Open(Path.Combine(AppContext.BaseDirectory, "Golden", name));
        using var stream = new SampleStream(data, new() { Shuffle = false });
        var samples = stream.ReadAll().Select(s => { using (s) { return (s.Key, s.Caption, s.Label, s.Image.Width); } });
        Assert.Equal([("0", "a dog", 0, 1), ("1", "two cats, asleep", 1, 1), ("2", "ein K\u00E4fer", (int?)2, 1)], samples);
    }

    /// <summary>Of a damaged footer the package took up to 2 GiB, or more than an array may have, or it never returned.</summary>
    [Fact]
    public async Task A_damaged_footer_is_refused()
    {
        using var folder = new TempFolder();
        var whole = File.ReadAllBytes(Img2Dataset(folder, "whole.parquet"));
        var footer = BitConverter.ToInt32(whole, whole.Length - 8);
        string Refusal(byte[] bytes)
        {
            var before = GC.GetTotalAllocatedBytes();
            var message = Assert.Throws<DataException>(() => DatasetFactory.Open(folder.File("x.parquet", [.. "PAR1"u8, .. bytes, .. BitConverter.GetBytes(bytes.Length), .. "PAR1"u8])).Dispose()).Message;
            Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 64L << 20);
            return message;
        }
        Assert.Contains("too deep", Refusal([.. Enumerable.Repeat((byte)0xCC, 500_000)]));
        Assert.Contains("a value of 2147483647 bytes", Refusal([0x68, 0xFF, 0xFF, 0xFF, 0xFF, 7, 0]));
        Assert.Contains("a list of 2147483647 elements", Refusal([0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 7, 0]));
        Assert.Contains("a field of type 8 where the format has a number", Refusal([0x18, 1, 0, 0]));
        Assert.Contains("a value of 1 bytes, 0 before its end", Refusal([0x15, 2, 0x26]));
        var random = new Random(2);
        for (var round = 0; round < 2000; round++)
        {
            var mutated = whole[(whole.Length - 8 - footer)..^8];
            for (var i = 0; i < 1 + round % 3; i++)
            {
                mutated[random.Next(footer)] = round % 2 == 0 ? (byte)random.Next(256) : (byte)(0xFF >> random.Next(9));
            }
            var path = folder.File("y.parquet", [.. whole[..^(8 + footer)], .. mutated, .. whole[^8..]]);
            await Task.Run(() => Read(path)).WaitAsync(TimeSpan.FromMinutes(1));
        }

        static void Read(string path)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var data = DatasetFactory.Open(path);
                Assert.InRange(data.Read(ReadOrder.Sequential).Count(), 0, data.Count + 1);
            }
            catch (DataException)
            {
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L << 20);
        }
    }

    [Fact]
    public void Files_that_cannot_serve_are_refused_with_a_remedy()
    {
        using var folder = new TempFolder();
        string Refusal(params string[] columns) => Assert.Throws<DataException>(() => DatasetFactory.Open(Write(
            folder, "x.parquet", new ParquetSchema(columns.Select(c => new DataField<string>(c))), null, async (group, fields, g) =>
            {
                foreach (var field in fields)
                {
                    await group.WriteAsync(field, ["x"]);
                }
            }))).Message;
        Assert.Contains("xclr pack --from-urls", Refusal("url", "caption"));
        Assert.Contains("found id, words", Refusal("id", "words"));
    }
}
