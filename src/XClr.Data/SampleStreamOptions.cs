namespace XClr.Data;

/// <summary>A place in a stream: <paramref name="Index"/> raw samples of <paramref name="Epoch"/> were consumed.</summary>
public readonly record struct StreamPosition(int Epoch, long Index)
{
    /// <summary>The beginning.</summary>
    public static StreamPosition Start => default;
}

/// <summary>The time that a worker of a <see cref="SampleStream"/> spent on a sample, from reading to decoded.</summary>
/// <param name="Worker">Number of the worker, from 0.</param>
/// <param name="Begin">A <see cref="System.Diagnostics.Stopwatch"/> timestamp.</param>
/// <param name="End">The same at the end.</param>
public readonly record struct LoadSpan(int Worker, long Begin, long End);

/// <summary>Which of a sample's captions stands for it.</summary>
public enum CaptionUse
{
    /// <summary>The first, always.</summary>
    First,

    /// <summary>One of them, drawn anew each epoch, all equally likely.</summary>
    Draw,

    /// <summary>All: whoever embeds them takes the mean of their embeddings.</summary>
    Mean,
}

/// <summary>How a <see cref="SampleStream"/> reads, decodes and augments.</summary>
public sealed record SampleStreamOptions
{
    /// <summary>Seed of order and augmentation.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether each epoch is shuffled; false: the files' own order, for evaluation.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>See <see cref="ReadOrder"/>.</summary>
    public int ShuffleBuffer { get; init; } = 10_000;

    /// <summary>Where to begin; samples before it are skipped without being read or decoded.</summary>
    public StreamPosition StartAt { get; init; }

    /// <summary>The first epoch that is not read: epochs StartAt.Epoch to EndEpoch - 1 are.</summary>
    public int EndEpoch { get; init; } = 1;

    /// <summary>Number of this stream among those that share the data, from 0; see <see cref="ReadOrder"/>. A position belongs to one rank of one world size.</summary>
    public int Rank { get; init; }

    /// <summary>Number of streams that share the data: each sample of an epoch appears in exactly one of them.</summary>
    public int WorldSize { get; init; } = 1;

    /// <summary>Decoding threads.</summary>
    public int Workers { get; init; } = Math.Max(1, Environment.ProcessorCount);

    /// <summary>Samples that may be read ahead, decoded or not.</summary>
    public int Prefetch { get; init; } = 128;

    /// <summary>Decoded bytes that may wait for the consumer; one image may exceed this when none waits.</summary>
    public long PrefetchBytes { get; init; } = 512L << 20;

    /// <summary>How images are decoded: at full size, or the smallest size needed; with <see cref="Augment"/> the minimum follows from each sample's crops.</summary>
    public DecodeOptions Decode { get; init; } = DecodeOptions.Default;

    /// <summary>Draws <see cref="Views"/> sets of parameters per sample; null: none, and whole images.</summary>
    public AugmentSettings? Augment { get; init; }

    /// <summary>Views per sample.</summary>
    public int Views { get; init; } = 2;

    /// <summary>
    /// Side of a view in pixels. With <see cref="Augment"/>, a JPEG is decoded at the smallest scale at which every view's crop
    /// still has this many pixels a side. 0: always full size.
    /// </summary>
    public int OutputSize { get; init; }

    /// <summary>Which of several captions <see cref="Sample.Caption"/> is; the draw depends on seed, epoch and sample alone.</summary>
    public CaptionUse Captions { get; init; }

    /// <summary>Samples without a caption are skipped (no-caption).</summary>
    public bool RequireCaption { get; init; }

    /// <summary>Samples without a label are skipped (no-label).</summary>
    public bool RequireLabel { get; init; }

    /// <summary>
    /// The share of bad samples, 0 to 1, above which the stream ends with an error (asked from the epoch's 1,000th sample on and
    /// at its end); null: never.
    /// </summary>
    public double? MaxBadFraction { get; init; }

    /// <summary>Is told of each skipped sample, on the consumer's thread; null: they are only counted.</summary>
    public Action<SkippedSample>? OnSkip { get; init; }

    /// <summary>Stops the reading: <see cref="SampleStream.Next"/> then throws, even while it waits.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Called for each sample that a worker has finished, on the worker's thread; null: nobody.</summary>
    public Action<LoadSpan>? Observe { get; init; }

    internal SampleStreamOptions Validated()
    {
        Require(Workers >= 1, nameof(Workers), Workers, "at least 1");
        Require(WorldSize >= 1, nameof(WorldSize), WorldSize, "at least 1");
        Require(Rank >= 0 && Rank < WorldSize, nameof(Rank), Rank, $"0 to {WorldSize - 1}, below {nameof(WorldSize)}");
        Require(Prefetch >= 1, nameof(Prefetch), Prefetch, "at least 1");
        Require(ShuffleBuffer >= 1, nameof(ShuffleBuffer), ShuffleBuffer, "at least 1");
        Require(Views is >= 1 and <= 256, nameof(Views), Views, "1 to 256");
        Require(OutputSize >= 0, nameof(OutputSize), OutputSize, "0 or more");
        Require(StartAt is { Epoch: >= 0, Index: >= 0 }, nameof(StartAt), StartAt, "0 or more");
        Require(MaxBadFraction is null or (>= 0 and <= 1), nameof(MaxBadFraction), MaxBadFraction ?? 0, "0 to 1");
        Augment?.Validated();
        return this;
    }

    private static void Require(bool holds, string name, object value, string expected)
    {
        if (!holds)
        {
            throw new ArgumentException($"SampleStreamOptions.{name} is {value}; expected {expected}.");
        }
    }
}
