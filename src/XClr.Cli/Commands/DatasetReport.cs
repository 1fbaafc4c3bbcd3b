using System.Globalization;
using XClr.Data;
using XClr.Data.Readers;
using XClr.Train;

namespace XClr.Cli.Commands;

/// <summary>What `inspect` says of a data set, after decoding every sample that it looked at.</summary>
internal sealed record DatasetReport
{
    public required string Name { get; init; }
    public required string Format { get; init; }

    /// <summary>Raw samples in the set, bad ones included.</summary>
    public required long Count { get; init; }

    /// <summary>Samples that were looked at, good and bad.</summary>
    public required long Examined { get; init; }
    public required long Good { get; init; }

    /// <summary>Bad samples by cause.</summary>
    public required IReadOnlyDictionary<string, long> Bad { get; init; }

    /// <summary>All of them.</summary>
    public required IReadOnlyList<BadRow> BadSamples { get; init; }
    public required long WithCaption { get; init; }

    /// <inheritdoc cref="SampleStream.DamagedCaptions"/>
    public required long DamagedCaptions { get; init; }

    /// <summary>Share of the captions that occurred before, 0 to 1.</summary>
    public required double RepeatedCaptions { get; init; }

    /// <summary>Of the pairs of different captions among the first ones, the share that is nearly alike, 0 to 1; null where there are fewer than two.</summary>
    public double? NearDuplicatePairs { get; init; }
    public required long WithLabel { get; init; }

    /// <summary>Distinct labels seen.</summary>
    public required int Labels { get; init; }
    public required int? Classes { get; init; }
    public required Range? Width { get; init; }
    public required Range? Height { get; init; }
    public required IReadOnlyList<Row> FirstSamples { get; init; }

    /// <summary>What img2dataset's or xclr pack's files beside the shards say of rows that became no samples; null where there are none.</summary>
    public ShardSidecars? Sidecars { get; init; }

    /// <summary>Files of captions' embeddings beside the shards.</summary>
    public IReadOnlyList<PackedEmbeddings> Embeddings { get; init; } = [];

    private const int MostCompared = 2000;
    private const float NearlyAlike = 0.95f;

    /// <summary>Least, median and greatest, in pixels.</summary>
    public sealed record Range(int Min, int Median, int Max)
    {
        public static Range? Of(List<int> values)
        {
            values.Sort();
            return values.Count == 0 ? null : new(values[0], values[values.Count / 2], values[^1]);
        }
    }

    /// <summary>Embeddings that were packed with the data: of the encoder that was asked for, with their number, or of another one (stale).</summary>
    public sealed record PackedEmbeddings(string File, long? Captions, bool Stale);

    /// <summary>A sample that cannot be used.</summary>
    public sealed record BadRow(string Key, string Source, string Cause, string Message);

    /// <summary>A sample.</summary>
    public sealed record Row(string Key, int Width, int Height, int? Label, string? Caption);

    /// <summary>Decodes <paramref name="limit"/> samples (0: all) in the set's own order; a line on standard error tells now and then how far it is.</summary>
    /// <exception cref="DataException">The set is empty, or none of its samples is good.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> is set.</exception>
    public static DatasetReport Create(IImageDataset dataset, long limit, int first, string textEncoder, CancellationToken stop)
    {
        var progress = new ProgressLine("samples");
        var (widths, heights, rows) = (new List<int>(), new List<int>(), new List<Row>());
        var bad = new List<BadRow>();
        var (captions, labels) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<int>());
        long withCaption = 0, withLabel = 0;
        using var stream = new SampleStream(dataset, new SampleStreamOptions { Shuffle = false, Stop = stop, OnSkip = s => bad.Add(new(s.Key, s.Source, s.Cause.Name(), s.Message)) });
        while ((limit == 0 || stream.Position is { Epoch: 0 } p && p.Index < limit) && stream.Next() is { } sample)
        {
            using var owned = sample;
            progress.Report(stream.Position.Index, limit == 0 ? null : limit, stream.Position.Index, $"  {stream.SkippedCount} bad");
            widths.Add(sample.Image.OriginalWidth);
            heights.Add(sample.Image.OriginalHeight);
            if (sample.Caption is { } caption && ++withCaption > 0)
            {
                captions.Add(caption);
            }
            if (sample.Label is { } label && ++withLabel > 0)
            {
                labels.Add(label);
            }
            if (rows.Count < first)
            {
                rows.Add(new(sample.Key, sample.Image.OriginalWidth, sample.Image.OriginalHeight, sample.Label, sample.Caption));
            }
        }
        var (near, embeddings) = Compare(dataset, captions, textEncoder);
        return new()
        {
            Name = dataset.Name,
            Format = dataset.Format,
            Sidecars = dataset is WebDatasetReader reader ? ShardSidecars.Read(reader.Shards) : null,
            Count = dataset.Count,
            Examined = stream.Delivered + stream.SkippedCount,
            Good = stream.Delivered,
            Bad = stream.Skipped.ToDictionary(s => s.Key.Name(), s => s.Value),
            BadSamples = bad,
            WithCaption = withCaption,
            DamagedCaptions = stream.DamagedCaptions,
            RepeatedCaptions = withCaption == 0 ? 0 : 1 - captions.Count / (double)withCaption,
            NearDuplicatePairs = near,
            Embeddings = embeddings,
            WithLabel = withLabel,
            Labels = labels.Count,
            Classes = dataset.Classes?.Count,
            Width = Range.Of(widths),
            Height = Range.Of(heights),
            FirstSamples = rows,
        };
    }

    private static (double? Near, IReadOnlyList<PackedEmbeddings> Embeddings) Compare(IImageDataset dataset, HashSet<string> captions, string textEncoder)
    {
        if (captions.Count == 0)
        {
            return (null, []);
        }
        using var source = CaptionSource.Open(textEncoder, "cpu", [dataset]);
        double? near = captions.Count < 2 ? null : source.ShareOfPairsAbove([.. captions.Take(MostCompared)], NearlyAlike);
        var stale = source.Beside.Stale.Select(path => new PackedEmbeddings(path, null, Stale: true));
        return (near, [.. source.Beside.Current.Select(f => new PackedEmbeddings(f.Path, f.Captions, Stale: false)), .. stale]);
    }

    // Causes of failed downloads that are named.
    private const int Causes = 5;

    /// <summary>Prints it to standard output, so many bad samples at most; as JSON all.</summary>
    public void Print(bool json, int mostBad)
    {
        if (json)
        {
            Output.Json(this);
            return;
        }
        static string NotFetched(ShardSidecars s) => $"{s.Rows - s.Successes} of {s.Rows} rows, as files beside {s.Shards} shard(s) say"
            + (s.Failed.Count == 0 ? "" : $": {string.Join(", ", s.Failed.OrderByDescending(f => f.Value).Take(Causes).Select(f => $"{f.Value} {f.Key}"))}")
            + (s.Failed.Count <= Causes ? "" : $", {s.Failed.OrderByDescending(f => f.Value).Skip(Causes).Sum(f => f.Value)} for other reasons");
        static string Text(Range? r) => r is null ? "unknown" : $"{r.Min} to {r.Max}, median {r.Median}";
        Output.WriteFacts(
        [
            ("data set", $"{Name} ({Format})"),
            ("samples", Examined < Count ? $"{Count}, of which {Examined} were looked at" : $"{Count}"),
            ("good", $"{Good}"),
            ("bad", Bad.Count == 0 ? "none" : string.Join(", ", Bad.OrderByDescending(b => b.Value).Select(b => $"{b.Value} {b.Key}"))),
            .. Sidecars is { } s ? [("not fetched", NotFetched(s))] : Array.Empty<(string, string)>(),
            ("width", Text(Width)),
            ("height", Text(Height)),
            ("captions", string.Create(CultureInfo.InvariantCulture, $"{WithCaption}{(WithCaption > 0 ? $", {RepeatedCaptions:P1} of them repeats" : "")}{(NearDuplicatePairs is { } near ? $"; cosine above {NearlyAlike} in {near:P2} of the pairs of different ones" : "")}{(DamagedCaptions > 0 ? $"; {DamagedCaptions} samples have one with U+FFFD, which bytes that are not UTF-8 are read as" : "")}")),
            .. Embeddings.Select(e => ("embeddings", $"{e.File}: {(e.Stale ? "damaged, or of another encoder than --text-encoder" : $"{e.Captions} captions")}")),
            ("labels", $"{WithLabel}{(WithLabel > 0 ? $", {Labels} different" : "")}{(Classes is { } n ? $"; {n} class names" : "")}"),
        ]);
        var table = Output.Table("key", "size", "label", "caption");
        foreach (var row in FirstSamples)
        {
            table.Row(row.Key, $"{row.Width}x{row.Height}", row.Label?.ToString(CultureInfo.InvariantCulture) ?? "", row.Caption ?? "");
        }
        Output.Results.Write(table);
        PrintBad(mostBad);
    }

    private void PrintBad(int most)
    {
        if (BadSamples.Count == 0)
        {
            return;
        }
        if (most > 0)
        {
            var table = Output.Table("bad sample", "of", "cause", "why");
            foreach (var row in BadSamples.Take(most))
            {
                table.Row(row.Key, Path.GetFileName(row.Source), row.Cause, row.Message);
            }
            Output.Results.Write(table);
        }
        if (BadSamples.Count > most)
        {
            Console.Out.WriteLine($"and {BadSamples.Count - most} more bad samples (--first says how many are shown, --json shows all)");
        }
    }
}
