namespace XClr.Data.Packing;

/// <summary>How shards are packed.</summary>
public sealed record PackOptions
{
    /// <summary>Samples of one shard have numbers of four digits.</summary>
    public const int LargestShard = 10_000;

    /// <summary>The folder of the shards; made where it is not there.</summary>
    public required string Folder { get; init; }

    /// <summary>Images are reduced until their short side has this many pixels, never enlarged; 0: as they are.</summary>
    public int ShortSide { get; init; } = 256;

    /// <summary>JPEG quality, 1 to 100.</summary>
    public int Quality { get; init; } = 90;

    /// <summary>Rows of the source per shard, 1 to <see cref="LargestShard"/>; failed rows leave gaps.</summary>
    public int ShardSize { get; init; } = 1000;

    /// <summary>Threads that decode and encode.</summary>
    public int Workers { get; init; } = Math.Max(1, Environment.ProcessorCount);

    /// <summary>Shards in the making at a time, so that one slow row holds nothing up.</summary>
    public int ShardsAtOnce { get; init; } = 2;

    /// <summary>Whether finished shards with rows that failed as in an outage (<see cref="FetchException.Outage"/>) are packed again: what failed is fetched anew, images that are there stay.</summary>
    public bool RetryFailed { get; init; }
}

/// <summary>How packing went. Rows = Good + those of Failed.</summary>
/// <param name="Shards">Shards in the folder.</param>
/// <param name="Resumed">Shards among them that were there before.</param>
/// <param name="Rows">Rows of the source.</param>
/// <param name="Good">Samples in the shards.</param>
/// <param name="Failed">The other rows by cause.</param>
/// <param name="Surplus">Shards behind those, of an earlier, longer source; the first's file.</param>
public sealed record PackResult(int Shards, int Resumed, long Rows, long Good, IReadOnlyDictionary<string, long> Failed, (int Count, string? First) Surplus = default)
{
    /// <summary>Rows that failed as in an outage, which <see cref="PackOptions.RetryFailed"/> tries again.</summary>
    public long Unreached => FetchException.Outage.Sum(cause => Failed.GetValueOrDefault(cause));
}

/// <summary>How far packing is.</summary>
/// <param name="Rows">Rows done, those of earlier runs included.</param>
/// <param name="Fresh">Rows of this run.</param>
/// <param name="Total">Rows of the source; null where it cannot be told cheaply.</param>
/// <param name="Failed">Rows that failed, of this run.</param>
public readonly record struct PackProgress(long Rows, long Fresh, long? Total, long Failed);
