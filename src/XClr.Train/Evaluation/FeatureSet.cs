using System.Globalization;
using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>A data set through an encoder: rows in the data's order, with what came beside the images.</summary>
/// <param name="Keys">Names of the samples.</param>
/// <param name="Features">[n,F], before the head.</param>
/// <param name="Projections">[n,P], L2-normalised; null without a projecting head.</param>
/// <param name="Logits">[n,K], the classifier's for K classes; null without one.</param>
/// <param name="Labels">Class indices; null where any sample lacks one.</param>
/// <param name="Captions">A caption each, or null; empty where they were not kept.</param>
/// <param name="AllCaptions">All captions of each; empty where they were not kept.</param>
/// <param name="Skipped">Bad samples, by cause.</param>
public sealed record FeatureSet(IReadOnlyList<string> Keys, RowMatrix Features, RowMatrix? Projections, RowMatrix? Logits, int[]? Labels, IReadOnlyList<string?> Captions, IReadOnlyList<IReadOnlyList<string>> AllCaptions,
    IReadOnlyDictionary<SampleFault, long> Skipped)
{
    private const double Gibi = 1L << 30;

    public int Count => Keys.Count;

    /// <summary>The samples that have a caption.</summary>
    public FeatureSet Captioned()
    {
        int[] rows = [.. Enumerable.Range(0, Captions.Count).Where(i => Captions[i] is not null)];
        T[] Of<T>(IReadOnlyList<T> all) => [.. rows.Select(r => all[r])];
        RowMatrix? Rows(RowMatrix? all) => all?.Choose(rows);
        return rows.Length == Count ? this
            : this with { Keys = Of(Keys), Features = Rows(Features)!, Projections = Rows(Projections), Logits = Rows(Logits), Labels = Labels is null ? null : Of(Labels), Captions = Of(Captions), AllCaptions = Of(AllCaptions) };
    }

    /// <summary>Encodes a data set, or its first <paramref name="limit"/> samples of a seeded shuffle, with the last partial batch. <paramref name="warn"/> is told of reduced images, <paramref name="visit"/> of every sample that is encoded; without <paramref name="texts"/> no captions are kept.</summary>
    public static FeatureSet Extract(Encoder encoder, IImageDataset dataset, int? limit, int workers, Action<string> warn, CancellationToken stop, Action<Sample>? visit = null, bool texts = true)
    {
        var options = new SampleStreamOptions
        {
            Shuffle = limit is not null, Workers = workers, Decode = new DecodeOptions { MaxBytes = encoder.LargestImageBytes }, Stop = stop, Prefetch = 2 * encoder.Rows,
        };
        RequireMemory(dataset.Name, limit ?? dataset.Count, encoder.FeatureWidth + encoder.ProjectionWidth, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        using var stream = new SampleStream(dataset, options);
        var (keys, labels, captions, all) = (new List<string>(), new List<int?>(), new List<string?>(), new List<IReadOnlyList<string>>());
        var (features, heads) = (new RowMatrix(encoder.FeatureWidth), encoder.ProjectionWidth > 0 ? new RowMatrix(encoder.ProjectionWidth) : null);
        encoder.Encode(Usable(stream, encoder, limit ?? int.MaxValue).Select(sample =>
        {
            keys.Add(sample.Key);
            labels.Add(sample.Label);
            if (texts)
            {
                captions.Add(sample.Caption);
                all.Add(sample.Captions);
            }
            visit?.Invoke(sample);
            return sample;
        }), features, heads);
        if (stream.ReducedCount > 0)
        {
            warn($"'{dataset.Name}': {stream.ReducedCount} of {keys.Count} images were reduced to {encoder.LargestImageBytes / 3} pixels, the most that an evaluation takes on this device.");
        }
        foreach (var shard in stream.LostShards)
        {
            warn($"'{dataset.Name}': a shard's samples are missing, {shard}.");
        }
        if (stream.SkippedCount > 0)
        {
            warn($"'{dataset.Name}': {stream.SkippedCount} of {keys.Count + stream.SkippedCount} images could not be used and are left out: {SampleFaults.Describe(stream.Skipped)}; `xclr inspect` names them.");
        }
        return new FeatureSet(keys, features, encoder.Classifies ? null : heads, encoder.Classifies ? heads : null,
            labels.All(l => l is not null) ? [.. labels.Select(l => l!.Value)] : null,
            captions, all, stream.Skipped);
    }

    private static IEnumerable<Sample> Usable(SampleStream stream, Encoder encoder, int limit)
    {
        var taken = 0;
        while (taken < limit && stream.Next() is { } sample)
        {
            if (encoder.Refusal(sample.Image) is { } refusal)
            {
                stream.Reject(sample, SampleFault.Unsupported, refusal);
                sample.Dispose();
                continue;
            }
            taken++;
            yield return sample;
        }
    }

    /// <summary>Refuses, before the first image, what would not fit the machine's memory: 4 bytes per number, features and projections.</summary>
    /// <exception cref="DataException">They would not; the message says how much there is.</exception>
    internal static void RequireMemory(string name, long rows, int numbers, long available)
    {
        var needed = RowMatrix.BytesFor(rows, numbers);
        if (needed > available)
        {
            throw new DataException(string.Create(CultureInfo.InvariantCulture,
                $"'{name}': the features of {rows} images take {needed / Gibi:0.0} GiB ({numbers} numbers of 4 bytes each), and this machine has {available / Gibi:0.0}; use fewer images (eval: --limit), or split the set."));
        }
    }
}
