using System.Diagnostics;
using System.IO.Pipes;
using System.Text.Json;
using Parquet.Schema;
using XClr.Data.Packing;
using XClr.Data.Readers;
using Xunit;

namespace XClr.Data.Tests;

/// <summary>Lists of addresses, fetched from a server that stalls, loops, truncates, lies and answers with anything.</summary>
public class PackFromUrlsTests
{
    private static readonly FetchOptions Quick = new() { Timeout = TimeSpan.FromSeconds(5), Retries = 1, BackOff = TimeSpan.FromMilliseconds(10), MaxBytes = 1 << 20, Connections = 8 };

    private static PackResult Pack(string table, string folder, FetchOptions? fetch = null, IReadOnlyList<string>? columns = null, int shardSize = 100, CancellationToken stop = default, Action<PackProgress>? report = null, bool retryFailed = false)
    {
        using var addresses = new AddressTable(table, columns);
        using var fetcher = new ImageFetcher(fetch ?? Quick);
        return new ShardPacker(addresses, new() { Folder = folder, ShardSize = shardSize, Workers = 2, RetryFailed = retryFailed }, fetcher).RunAsync(report, stop).GetAwaiter().GetResult();
    }

    private static string Fetch(HostileServer server, string path, FetchOptions? options = null)
    {
        using var fetcher = new ImageFetcher(options ?? Quick);
        try
        {
            return $"{fetcher.FetchAsync(server.Root + path, new(1), default).GetAwaiter().GetResult().Length} bytes";
        }
        catch (FetchException e)
        {
            return $"{e.Cause}: {e.Message}";
        }
    }

    [Theory]
    [InlineData("/loop/a", "redirects: a loop", 1)]
    [InlineData("/hops/6", "redirects: more than 5", 1)]
    [InlineData("/odd-address/0", "redirects: status 302 to '//['", 1)]
    [InlineData("/odd-address/1", "redirects: status 302 to", 1)]
    [InlineData("/odd-address/2", "redirects: status 302 to '//:99999/'", 1)]
    [InlineData("/odd-address/3", "redirects: status 302 ", 1)]
    [InlineData("/file", "bad-address: 'file:///etc/passwd'", 1)]
    [InlineData("/truncated", "cut-short: ", 2)]
    [InlineData("/404", "http-status: status 404", 1)]
    [InlineData("/flaky/9", "http-status: status 503", 2)]
    [InlineData("/html", "content-type: text/html", 1)]
    [InlineData("/large", "too-large: 1099511627776 bytes announced", 1)]
    [InlineData("/endless", "too-large: more than 1048576 bytes", 1)]
    [InlineData("/garbage", "unreachable: ", 2)]
    [InlineData("/hops/5", " bytes", 1)]
    [InlineData("/flaky/1", " bytes", 2)]
    [InlineData("/octets", " bytes", 1)]
    public void Every_answer_has_its_cause(string path, string expected, int requests)
    {
        using var server = new HostileServer();
        Assert.Contains(expected, Fetch(server, path));
        Assert.Equal(requests, server.Requests[path]);
    }

    [Theory]
    [InlineData("/stall-head")]
    [InlineData("/stall-body")]
    public void A_stall_ends_after_the_time_limit(string path)
    {
        using var server = new HostileServer();
        // What is compiled for the first request would take some of the time.
        Assert.Contains(" bytes", Fetch(server, "/good/1.jpg"));
        Assert.Contains("timeout: not there after 1 s", Fetch(server, path, Quick with { Timeout = TimeSpan.FromSeconds(1) }));
        Assert.Equal(2, server.Requests[path]);
    }

    [Fact]
    public void A_server_that_asks_to_be_left_alone_is()
    {
        using var server = new HostileServer { RetryAfter = "1" };
        Assert.Contains(" bytes", Fetch(server, "/flaky/1"));
        Assert.InRange(Stopwatch.GetElapsedTime(server.Log.First().Timestamp, server.Log.Last().Timestamp).TotalSeconds, 0.99, 30);
    }

    [Fact]
    public void Retry_after_is_seconds_or_a_date_and_heeded_to_a_minute()
    {
        static TimeSpan? Asked(string? written)
        {
            using var response = new HttpResponseMessage();
            response.Headers.TryAddWithoutValidation("Retry-After", written);
            return RetryWait.Asked(response);
        }

        Assert.Null(Asked(null));
        Assert.Null(Asked("soon"));
        Assert.Equal(TimeSpan.FromSeconds(7), Asked("7"));
        Assert.InRange(Asked(DateTimeOffset.UtcNow.AddSeconds(30).ToString("R"))!.Value.TotalSeconds, 20, 30);
        var (second, minute) = (TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.Equal([second, second, 7 * second, minute, 2 * minute], new[] { RetryWait.Of(second, null), RetryWait.Of(second, -second), RetryWait.Of(second, 7 * second), RetryWait.Of(second, 2 * minute), RetryWait.Of(2 * minute, 3 * minute) });
    }

    [Fact]
    public void Nothing_listening_is_unreachable()
    {
        var server = new HostileServer();
        server.Dispose();
        Assert.Contains("unreachable: ", Fetch(server, "/good/1.jpg"));
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
        var lines = File.ReadLines(folder + "/out/00000_failed.jsonl").Select(l => JsonDocument.Parse(l).RootElement).ToList();
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
        Assert.InRange(server.MostOpen, 2, Quick.Connections);
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
        Assert.Equal(["/404"], File.ReadLines(folder + "/out/00000_failed.jsonl").Select(l => new Uri(JsonDocument.Parse(l).RootElement.GetProperty("url").GetString()!).AbsolutePath));

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

    [Theory]
    [InlineData("cc3m.tsv", "a dog\thttps://x.org/1.jpg\nb\thttp://x.org/2.jpg\n", "caption,url")]
    [InlineData("cc3m.tsv", "a dog\thttps://x.org/1.jpg\nhttp://y.org\thttp://x.org/2.jpg\n", "caption,url")]
    [InlineData("cc12m.tsv", "https://x.org/1.jpg\ta dog\nhttps://x.org/2.jpg\tsee http://y.org\n", "url,caption")]
    [InlineData("named.csv", "id,text,image_url\n1,\"a, dog\",https://x.org/1.jpg\n2,b,https://x.org/2.jpg\n", "id,text,image_url")]
    [InlineData("rows.jsonl", "{\"url\": \"https://x.org/1.jpg\", \"caption\": \"a dog\"}\n{\"url\": \"https://x.org/2.jpg\", \"score\": NaN}\n", null)]
    public void Columns_are_recognised(string name, string text, string? columns)
    {
        using var folder = new TempFolder();
        using var table = new AddressTable(folder.File(name, text));
        Assert.Equal(columns?.Split(','), table.Columns);
        Assert.Equal(["https://x.org/1.jpg", name == "cc3m.tsv" ? "http://x.org/2.jpg" : "https://x.org/2.jpg"], table.Read().Select(i => i.Address));
        Assert.Contains("dog", table.Read().First().Sample.Caption);
        Assert.Equal(2, table.Total);
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

    [Fact]
    public void Columns_may_be_named_and_are_asked_for_where_they_cannot_be_told()
    {
        using var folder = new TempFolder();
        var path = folder.File("t.tsv", "1\thttps://x.org/1.jpg\thttps://x.org/page\ta dog\n");
        Assert.Contains("--columns url,caption", Assert.Throws<DataException>(() => new AddressTable(path)).Message);
        using var table = new AddressTable(path, ["id", "url", "page", "caption"]);
        Assert.Equal(("https://x.org/1.jpg", "a dog"), (table.Read().Single().Address, table.Read().Single().Sample.Caption));
        string Error(string file, params string[] columns) => Assert.Throws<DataException>(() => new AddressTable(file, columns)).Message;
        // Before any row is packed: the file, what was asked for, and what there is.
        Assert.Contains($"'{path}': none of the columns a, b, c, d is named url", Error(path, "a", "b", "c", "d"));
        Assert.Contains("it has 1\thttps://x.org/1.jpg\thttps://x.org/page\ta dog. --columns names all columns in the file's order", Error(path, "a", "b", "c", "d"));
        Assert.Contains($"'{path}' has 4 columns, not the 2 of url, caption: 1\thttps://x.org/1.jpg\thttps://x.org/page\ta dog", Error(path, "url", "caption"));
        var objects = folder.File("t.jsonl", "{\"url\": \"https://x.org/1.jpg\"}\n");
        Assert.Contains($"--columns link,caption: the rows of '{objects}' are JSON objects", Error(objects, "link", "caption"));
        var others = folder.File("u.jsonl", "{\"address\": \"https://x.org/1.jpg\"}\n[]\n");
        Assert.Contains($"'{others}': none of its first 2 rows is a JSON object with a url or image_url or link; the first is {{\"address\"", Assert.Throws<DataException>(() => new AddressTable(others)).Message);
        // One row in a hundred may be of another length.
        using var odd = new AddressTable(folder.File("odd.tsv", "broken\na dog\thttps://x.org/1.jpg\n"), ["caption", "url"]);
        Assert.Equal([null, "https://x.org/1.jpg"], odd.Read().Select(r => r.Address));
        Assert.Contains("no rows", Assert.Throws<DataException>(() => new AddressTable(folder.File("e.tsv", ""))).Message);
        Assert.Contains("does not exist", Assert.Throws<DataException>(() => new AddressTable(folder + "/none.tsv")).Message);
    }

    /// <summary>As the shell's `<(head -1000 cc3m.tsv)` is one.</summary>
    [Fact]
    public void A_pipe_is_refused_with_its_name_and_the_remedy()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        var path = $"/dev/fd/{pipe.GetClientHandleAsString()}";
        pipe.Write("a dog\thttps://x.org/1.jpg\n"u8);
        string Error(Func<IDisposable> open) => Assert.Throws<DataException>(open).Message;
        Assert.Contains($"'{path}' is a pipe", Error(() => new AddressTable(path)));
        Assert.Contains("write it to a file first", Error(() => new TableReader(path, "tsv")));
    }
}
