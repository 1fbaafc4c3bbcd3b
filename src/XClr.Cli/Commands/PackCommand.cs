using System.Globalization;
using CommandLine;
using XClr.Data;
using XClr.Data.Packing;
using XClr.Text;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("pack", HelpText = "Pack any data set, or a list of web addresses, into WebDataset shards of reduced JPEGs. The same command goes on where it was stopped.")]
public sealed class PackCommand : DatasetCommand
{
    /// <summary>Captions embedded at a time.</summary>
    private const int Chunk = 512;

    [Value(0, MetaName = "source", HelpText = "A data set of any format [path or shards].")]
    public string? Source { get; set; }

    [Option("from-urls", HelpText = "Instead of a data set: a TSV, CSV, JSONL or Parquet file of addresses and captions, as CC3M's and CC12M's [path].")]
    public string? FromUrls { get; set; }

    [Option("columns", HelpText = "Names of all columns of --from-urls in the file's order, one url and usually one caption; unset: recognised [names, comma-separated].")]
    public string? Columns { get; set; }

    [Option("out", Required = true, HelpText = "The folder of the shards [path].")]
    public string Out { get; set; } = "";

    [Option("short-side", Default = 256, HelpText = "Reduce images to this short side, never enlarge; 0: keep their size [pixels].")]
    public int ShortSide { get; set; }

    [Option("quality", Default = 90, HelpText = "JPEG quality [1 to 100].")]
    public int Quality { get; set; }

    [Option("shard-size", Default = 1000, HelpText = "Rows of the source per shard [1 to 10000].")]
    public int ShardSize { get; set; }

    [Option("workers", HelpText = "Threads that decode and encode; 0: one per core [threads].")]
    public int Workers { get; set; }

    [Option("connections", Default = 32, HelpText = "Requests at a time [requests].")]
    public int Connections { get; set; }

    [Option("timeout", Default = 20.0, HelpText = "Limit of one attempt to fetch an image [seconds].")]
    public double Timeout { get; set; }

    [Option("max-bytes", Default = 50L << 20, HelpText = "Largest file to fetch [bytes].")]
    public long MaxBytes { get; set; }

    [Option("retries", Default = 2, HelpText = "Further attempts after a failure that may be temporary, with growing waits between [attempts].")]
    public int Retries { get; set; }

    [Option("max-redirects", Default = 5, HelpText = "Redirects to follow [redirects].")]
    public int MaxRedirects { get; set; }

    [Option("retry-failed", HelpText = "Also pack again the shards with rows that failed as unreachable or timeout, as in a network outage; images that are there stay.")]
    public bool RetryFailed { get; set; }

    [Option("text-encoder", HelpText = "Also embed the captions, into captions-*.xemb beside the shards, so that training embeds none [name or path].")]
    public string? TextEncoder { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        Check();
        var options = new PackOptions { Folder = Out, ShortSide = ShortSide, Quality = Quality, ShardSize = ShardSize, RetryFailed = RetryFailed };
        if (Workers > 0)
        {
            options = options with { Workers = Workers };
        }
        using var signals = new StopSignals(line => Console.Error.WriteLine(line), "shards that are whole stay; the same command goes on after them");
        var result = FromUrls is null ? PackDataset(options, signals.Token) : PackAddresses(options, signals.Token);
        var embedded = TextEncoder is null || result.Good == 0 ? (int?)null : EmbedCaptions(TextEncoder, result.Good, signals.Token);
        if (Json)
        {
            Output.Json(new { folder = Path.GetFullPath(Out), result.Shards, result.Resumed, result.Rows, result.Good, result.Failed, captionsEmbedded = embedded });
        }
        else
        {
            Print(result, embedded);
        }
        if (result.Unreached > 0)
        {
            Output.Warn($"{result.Unreached} rows failed as {string.Join(" or ", FetchException.Outage)}, as in a network outage: the same command with --retry-failed fetches them again.");
        }
        if (result.Surplus is { Count: > 0 } surplus)
        {
            Output.Warn($"{surplus.Count} more shards, from {surplus.First} on, are of an earlier source that was longer; they would be read with the others: delete them.");
        }
        return result.Good > 0 ? ExitCode.Success : throw new DataException($"none of {result.Rows} rows could be packed: {Failures(result)}.");
    }

    private void Check()
    {
        Require(Source is null != FromUrls is null, "pack needs a data set, or --from-urls with a list of addresses, and not both.");
        if (FromUrls is not null)
        {
            RequireUnused("of a data set; a list of addresses brings its captions.", ("--data-format", DataFormat != "auto"), ("--classes", Classes is not null), ("--caption-template", CaptionTemplate is not null));
        }
        Require(!RetryFailed || FromUrls is not null, "--retry-failed fetches rows of --from-urls again, which is not given.");
        Require(Columns is null || FromUrls is not null, "--columns says what the columns of --from-urls are, which is not given.");
        RequireAtLeast("--short-side", ShortSide, 0);
        Require(Quality is >= 1 and <= 100, $"--quality {Quality}: allowed: 1 to 100.");
        Require(ShardSize is >= 1 and <= PackOptions.LargestShard, $"--shard-size {ShardSize}: allowed: 1 to {PackOptions.LargestShard}.");
        RequireAtLeast("--workers", Workers, 0);
        Require(Connections is >= 1 and <= 4096, $"--connections {Connections}: allowed: 1 to 4096.");
        Require(Timeout is > 0 and <= 3600, string.Create(CultureInfo.InvariantCulture, $"--timeout {Timeout}: allowed: above 0, at most 3600."));
        Require(MaxBytes is >= 1 and <= 1 << 30, $"--max-bytes {MaxBytes}: allowed: 1 to {1 << 30}.");
        Require(Retries is >= 0 and <= 20, $"--retries {Retries}: allowed: 0 to 20.");
        Require(MaxRedirects is >= 0 and <= 50, $"--max-redirects {MaxRedirects}: allowed: 0 to 50.");
    }

    private PackResult PackDataset(PackOptions options, CancellationToken stop)
    {
        using var dataset = OpenDataset(Source!, stop);
        return Pack(new ShardPacker(new DatasetSource(dataset, DatasetOptions(stop)), options), stop);
    }

    private PackResult PackAddresses(PackOptions options, CancellationToken stop)
    {
        using var table = new AddressTable(FromUrls!, Columns?.Split(','), DatasetOptions(stop));
        if (table.Columns is { } columns)
        {
            Console.Error.WriteLine($"{table.Name}: {table.Total} rows, columns {string.Join(", ", columns)}");
        }
        using var fetcher = new ImageFetcher(new FetchOptions
        {
            Connections = Connections, Timeout = TimeSpan.FromSeconds(Timeout), MaxBytes = MaxBytes, Retries = Retries, MaxRedirects = MaxRedirects,
        });
        // As many shards in the making as keep the connections busy while the slowest rows of others are waited for.
        return Pack(new ShardPacker(table, options with { ShardsAtOnce = 2 + 2 * Connections / ShardSize }, fetcher), stop);
    }

    private static PackResult Pack(ShardPacker packer, CancellationToken stop) => packer.RunAsync(new ProgressLine("rows").Report, stop).GetAwaiter().GetResult();

    private int EmbedCaptions(string encoder, long samples, CancellationToken stop)
    {
        using var packed = DatasetFactory.Open(Out, "webdataset");
        using var cache = CaptionCache.Open(encoder, new EmbedderOptions(), new CacheOptions { DataFolders = [Out] });
        var fingerprint = cache.Embedder.Fingerprint;
        using var beside = EmbeddingStore.OpenOrCreate(BesideData.PathIn(Out, fingerprint), cache.Dimension, EmbeddingType.Float32, fingerprint);
        cache.Store.Reserve(samples);
        beside.Reserve(samples);
        var count = 0;
        foreach (var chunk in packed.Read(ReadOrder.Sequential).SelectMany(s => s.Captions).Chunk(Chunk))
        {
            // What is embedded stays: the same command goes on behind it.
            stop.ThrowIfCancellationRequested();
            var rows = new float[chunk.Length * cache.Dimension];
            cache.Embed(chunk, rows);
            beside.Append(chunk, rows);
            count += chunk.Length;
        }
        if (cache.StoreFailure is { } failure)
        {
            Output.Warn(failure);
        }
        return count;
    }

    private void Print(PackResult result, int? embedded)
    {
        Output.WriteFacts(
        [
            ("folder", Out),
            ("shards", $"{result.Shards}{(result.Resumed > 0 ? $", {result.Resumed} of them from earlier runs" : "")}"),
            ("samples", $"{result.Good} of {result.Rows} rows"),
            ("failed", result.Failed.Count == 0 ? "none" : Failures(result)),
            .. embedded is { } count ? [("captions", $"{count} embedded, in captions-*.xemb beside the shards")] : Array.Empty<(string, string)>(),
        ]);
    }

    private static string Failures(PackResult result) =>
        string.Join(", ", result.Failed.OrderByDescending(f => f.Value).Select(f => $"{f.Value} {f.Key}")) + "; a line for each in *_failed.jsonl";
}
