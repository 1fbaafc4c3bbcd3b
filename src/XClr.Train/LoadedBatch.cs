using XClr.Data;

namespace XClr.Train;

/// <summary>One training batch, packed for upload. Disposing of it lets the loader fill it again.</summary>
public sealed class LoadedBatch : IDisposable
{
    private readonly BatchLoader loader;
    private int lent;

    internal LoadedBatch(BatchLoader loader, int size, TargetKind target, int textWidth)
    {
        this.loader = loader;
        Labels = target == TargetKind.Labels ? new uint[size] : null;
        Text = target == TargetKind.Text ? new float[size * textWidth] : null;
    }

    /// <summary>The packed sources and the table of their views.</summary>
    public PackedBatch Images { get; } = new();

    /// <summary>Class indices [N]; null where the loss needs none.</summary>
    public uint[]? Labels { get; }

    /// <summary>Caption embeddings [N, width]; null where the loss needs none.</summary>
    public float[]? Text { get; }

    /// <summary>Where a resumed run would go on after this batch.</summary>
    public StreamPosition Position { get; internal set; }

    /// <summary>Samples skipped so far.</summary>
    public long Skipped { get; internal set; }

    /// <inheritdoc cref="SampleStream.LostShards"/>
    public IReadOnlyList<string> LostShards { get; internal set; } = [];

    /// <summary>Images so far that were made smaller to fit their slot (<see cref="SourceRing.ImageBytes"/>).</summary>
    public long Reduced { get; internal set; }

    /// <inheritdoc cref="SampleStream.DamagedCaptions"/>
    public long DamagedCaptions { get; internal set; }

    /// <summary>Share of this batch's samples whose caption another one of them has, 0 to 1; null where the loss needs no captions.</summary>
    public double? RepeatedCaptions { get; internal set; }

    /// <summary>Gives it back to the loader. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref lent, 0) == 1)
        {
            loader.Return(this);
        }
    }

    /// <summary>Begins its next use.</summary>
    internal LoadedBatch Lend()
    {
        lent = 1;
        return this;
    }
}
