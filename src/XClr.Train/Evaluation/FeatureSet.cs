using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>A data set through an encoder: rows in the data's order, with what came beside the images.</summary>
/// <param name="Keys">Names of the samples.</param>
/// <param name="Features">[n,F], before the head.</param>
/// <param name="FeatureWidth">F.</param>
/// <param name="Projections">[n,P], L2-normalised; empty without a head.</param>
/// <param name="ProjectionWidth">P; 0 without a head.</param>
/// <param name="Labels">Class indices; null where any sample lacks one.</param>
/// <param name="Captions">Captions; null where any sample lacks one.</param>
/// <param name="Skipped">Bad samples, by cause.</param>
public sealed record FeatureSet(IReadOnlyList<string> Keys, float[] Features, int FeatureWidth, float[] Projections, int ProjectionWidth, int[]? Labels, IReadOnlyList<string>? Captions, IReadOnlyDictionary<SampleFault, long> Skipped)
{
    public int Count => Keys.Count;

    /// <summary>Encodes a data set, or its first <paramref name="limit"/> samples of a seeded shuffle, with the last partial batch. <paramref name="warn"/> is told of reduced images.</summary>
    public static FeatureSet Extract(Encoder encoder, IImageDataset dataset, int? limit, int workers, Action<string> warn, CancellationToken stop)
    {
        var options = new SampleStreamOptions
        {
            Shuffle = limit is not null, Workers = workers, Decode = new DecodeOptions { MaxBytes = encoder.ImageBytes }, Prefetch = 2 * encoder.Rows,
        };
        using var stream = new SampleStream(dataset, options);
        var (keys, features, projections, labels, captions) = (new List<string>(), new List<float>(), new List<float>(), new List<int?>(), new List<string?>());
        foreach (var batch in stream.ReadAll().Take(limit ?? int.MaxValue).Chunk(encoder.Rows))
        {
            stop.ThrowIfCancellationRequested();
            encoder.Encode(batch, features, projections);
            foreach (var sample in batch)
            {
                keys.Add(sample.Key);
                labels.Add(sample.Label);
                captions.Add(sample.Caption);
                sample.Dispose();
            }
        }
        if (stream.ReducedCount > 0)
        {
            warn($"'{dataset.Name}': {stream.ReducedCount} of {keys.Count} images were reduced: {encoder.ReducedAdvice}.");
        }
        return new FeatureSet(keys, [.. features], encoder.FeatureWidth, [.. projections], encoder.ProjectionWidth,
            labels.All(l => l is not null) ? [.. labels.Select(l => l!.Value)] : null, captions.All(c => c is not null) ? [.. captions.Select(c => c!)] : null, stream.Skipped);
    }
}
