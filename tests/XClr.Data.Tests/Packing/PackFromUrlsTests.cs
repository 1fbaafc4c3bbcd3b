using Parquet.Schema;
using XClr.Data.Packing;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Lists of addresses, packed from a server that does not always answer.</summary>
public sealed class PackFromUrlsTests
{
    private static PackResult Pack(string table, string folder, FetchOptions? fetch = null, IReadOnlyList<string>? columns = null, int shardSize = 100, CancellationToken stop = default, Action<PackProgress>? report = null, bool retryFailed = false)
    {
        using var addresses = new AddressTable(table, columns);
        using var fetcher = new ImageFetcher(fetch ?? ImageFetcherTests.Quick);
        return new ShardPacker(addresses, new() { Folder = folder, ShardSize = shardSize, Workers = 2, RetryFailed = retryFailed }, fetcher).RunAsync(report, stop).GetAwaiter().GetResult();
    }

    [Fact]
    public void A_table_is_packed_with_a_line_for_each_failed_row()
    {
        using var folder = new TempFolder();
        using var server = new HostileServer();
        string[] paths = ["/good/10.jpg", "/404", "/html", "/html-as-jpeg", "/short-length", "/truncated", "/loop/a", "/good/90.jpg"];
        var rows = paths.Select((p, i) => $"caption {i}\t{server.Root}{p}").Append("ftp here\tftp://127.0.0.1/x.jpg").Append("no address").Append($"a column\t{server.Root}/good/20.jpg\ttoo many");
        var result = Pack(folder.File("cc3m.tsv", string.Join('\n', rows) + "\n"), folder + "/out");
        Assert.Equal((11, 2), (result.Rows, result.Good));
        var lines = JsonLines.Read(folder + "/out/00000_failed.jsonl");
        Assert.Equal(
            ["http-status", "content-type", "not-an-image", "truncated", "cut-short", "redirects", "bad-address", "bad-row", "bad-row"],
            lines.Select(l => l.GetProperty("cause").GetString()));
        Assert.Equal([1, 2, 3, 4, 5, 6, 8, 9, 10], lines.Select(l => l.GetProperty("row").GetInt32()));
        Assert.Equal(server.Root + "/404", lines[0].GetProperty("url").GetString());
        Assert.Equal(result.Failed.Values.Sum(), lines.Count);
        using var packed = DatasetFactory.Open(folder + "/out");
        Assert.Equal(["caption 0", "caption 7"], packed.Read(ReadOrder.Sequential).Select(s => s.Caption));
    }

    [Fact]
    public void A_cut_off_run_goes_on_and_asks_for_nothing_twice_that_is_there()
    {
        using var folder = new TempFolder();
        using var server = new HostileServer();
        var table = folder.File("cc12m.tsv", string.Concat(Enumerable.Range(0, 60).Select(i => $"{server.Root}/slow/{i}.jpg\tcaption {i}\n")));
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pack(table, folder + "/out", shardSize: 10, stop: stop.Token, report: p =>
        {
            if (p.Fresh == 35)
            {
                stop.Cancel();
            }
        }));
        var whole = Directory.GetFiles(folder + "/out", "*.tar").Select(f => int.Parse(Path.GetFileNameWithoutExtension(f))).ToList();
        Assert.NotEmpty(whole);
        Assert.InRange(server.MostOpen, 2, ImageFetcherTests.Quick.Connections);
        var before = server.Requests.ToDictionary();
        var result = Pack(table, folder + "/out", shardSize: 10);
        Assert.Equal((6, whole.Count, 60), (result.Shards, result.Resumed, result.Good));
        Assert.All(whole.SelectMany(s => Enumerable.Range(10 * s, 10)), i => Assert.Equal(before[$"/slow/{i}.jpg"], server.Requests[$"/slow/{i}.jpg"]));
        using var packed = DatasetFactory.Open(folder + "/out");
        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"caption {i}"), packed.Read(ReadOrder.Sequential).Select(s => s.Caption));
    }

    [Fact]
    public void Rows_that_failed_in_an_outage_are_fetched_again_where_that_is_asked_for()
    {
        using var folder = new TempFolder();
        using var server = new HostileServer { Dark = true };
        string[] paths = ["/good/10.jpg", "/dark", "/404", "/good/20.jpg", "/good/30.jpg", "/html", "/good/40.jpg", "/garbage"];
        var table = folder.File("t.tsv", string.Concat(paths.Select((p, i) => $"caption {i}\t{server.Root}{p}\n")));
        List<(string, string)> Tars() => [.. Directory.GetFiles(folder + "/out", "*.tar").Order().Select(f => (f, Convert.ToHexString(File.ReadAllBytes(f))))];
        List<string?> Captions()
        {
            using var packed = DatasetFactory.Open(folder + "/out");
            return [.. packed.Read(ReadOrder.Sequential).Select(s => s.Caption)];
        }

        var result = Pack(table, folder + "/out", shardSize: 3);
        Assert.Equal((4, 2, 3), (result.Good, result.Unreached, result.Shards));
        var (first, asked) = (Tars(), server.Requests.Values.Sum());
        Assert.Equal(3, Pack(table, folder + "/out", shardSize: 3).Resumed);
        Assert.Equal(asked, server.Requests.Values.Sum());

        // Cut off, it leaves what was there.
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Pack(table, folder + "/out", shardSize: 3, stop: stop.Token, report: _ => stop.Cancel(), retryFailed: true));
        Assert.Equal(first, Tars());

        server.Dark = false;
        var last = new PackProgress();
        result = Pack(table, folder + "/out", shardSize: 3, retryFailed: true, report: p => last = p);
        Assert.Equal((5, 1, 1), (result.Good, result.Unreached, result.Resumed));
        Assert.Equal(["caption 0", "caption 1", "caption 3", "caption 4", "caption 6"], Captions());
        // Images that were there are not fetched again.
        Assert.All(server.Requests.Where(r => r.Key.StartsWith("/good/", StringComparison.Ordinal)), r => Assert.Equal(1, r.Value));
        Assert.Equal(8, last.Rows);
        Assert.Equal(["/404"], JsonLines.Read(folder + "/out/00000_failed.jsonl").Select(l => new Uri(l.GetProperty("url").GetString()!).AbsolutePath));

        // The outage lasts: nothing is lost.
        server.Dispose();
        Assert.Equal((5, 1), (Pack(table, folder + "/out", shardSize: 3, retryFailed: true).Good, Pack(table, folder + "/out", shardSize: 3, retryFailed: true).Unreached));
        Assert.Equal(5, Captions().Count);
    }

    [Fact]
    public void A_list_with_other_rows_is_packed_again_where_they_differ()
    {
        using var folder = new TempFolder();
        using var server = new HostileServer();
        string Table(params int[] rows) => folder.File("t.tsv", string.Concat(rows.Select(i => $"caption {i}\t{server.Root}/good/{i}.jpg\n")));
        Assert.Equal(6, Pack(Table(1, 2, 3, 4, 5, 6), folder + "/out", shardSize: 2).Good);
        var result = Pack(Table(1, 2, 3, 4, 7, 6), folder + "/out", shardSize: 2);
        Assert.Equal((2, 6), (result.Resumed, result.Good));
        // Only the new one was fetched.
        Assert.All(server.Requests, r => Assert.Equal(1, r.Value));
        using var packed = DatasetFactory.Open(folder + "/out");
        Assert.Contains("columns was caption,url and is url,caption", Assert.Throws<DataException>(() => Pack(folder + "/t.tsv", folder + "/out", columns: ["url", "caption"], shardSize: 2)).Message);
        Assert.Equal(3, Pack(folder + "/t.tsv", folder + "/out", columns: ["caption", "url"], shardSize: 2).Resumed);
        Assert.Equal([1, 2, 3, 4, 7, 6], packed.Read(ReadOrder.Sequential).Select(s => int.Parse(s.Caption![8..])));
    }

    /// <summary>What the error for a Parquet file of addresses advises.</summary>
    [Fact]
    public void Parquet_is_packed_its_columns_by_their_names()
    {
        using var folder = new TempFolder();
        using var server = new HostileServer();
        var schema = new ParquetSchema(new DataField<Guid>("id"), new DataField<string>("URL"), new DataField<string>("TEXT"), new DataField<double?>("similarity"));
        var path = ParquetReaderTests.Write(folder, "laion.parquet", schema, null, async (group, fields, g) =>
        {
            await group.WriteAsync<Guid>(fields[0], new Guid[3]);
            await group.WriteAsync(fields[1], [$"{server.Root}/good/{10 * g}.jpg", null!, $"{server.Root}/404"]);
            await group.WriteAsync(fields[2], [$"a\ndog {g}", "x", null!]);
            await group.WriteAsync<double>(fields[3], new double?[3]);
        });
        Assert.Contains($"xclr pack --from-urls '{path}'", Assert.Throws<DataException>(() => DatasetFactory.Open(path)).Message);
        var result = Pack(path, folder + "/out");
        Assert.Equal((6, 2), (result.Rows, result.Good));
        Assert.Equal([("bad-row", 2), ("http-status", 2)], result.Failed.Select(f => (f.Key, (int)f.Value)).Order());
        using var packed = DatasetFactory.Open(folder + "/out");
        Assert.Equal(["a dog 0", "a dog 1"], packed.Read(ReadOrder.Sequential).Select(s => s.Caption));

        using var named = new AddressTable(path, ["a", "caption", "url", "b"]);
        Assert.Equal("a dog 0", named.Read().First().Address?.Replace('\n', ' '));
        string Error(params string[] columns) => Assert.Throws<DataException>(() => new AddressTable(path, columns)).Message;
        Assert.Contains("has 4 columns, not the 2 of url, caption: id, URL, TEXT, similarity. --columns names all columns", Error("url", "caption"));
        Assert.Contains("named url", Error("a", "b", "c", "d"));
        Assert.Contains("column id holds no text", Error("url", "a", "b", "c"));
        var damaged = File.ReadAllBytes(path);
        damaged.AsSpan(4, damaged.Length / 3).Fill(0xFF);
        using var broken = new AddressTable(folder.File("broken.parquet", damaged));
        Assert.Contains("row group 0 cannot be read", Assert.Throws<DataException>(() => broken.Read().Count()).Message);
        Assert.Contains("the file cannot be read", Assert.Throws<DataException>(() => new AddressTable(folder.File("cut.parquet", damaged[..^9]))).Message);
    }
}
