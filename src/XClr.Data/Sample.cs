namespace XClr.Data;

/// <summary>A decoded sample. The receiver owns it: disposing of it gives the buffers of its pixels and views back.</summary>
public sealed class Sample : IDisposable
{
    private IReadOnlyList<AugmentParams>? _views = [];

    /// <summary>Name within its data set.</summary>
    public required string Key { get; init; }

    /// <summary>The shard, file or table that it comes from.</summary>
    public required string Source { get; init; }

    /// <summary>The pixels, RGB8, [H, W, 3].</summary>
    public required DecodedImage Image { get; init; }

    /// <summary>The caption, clean and on one line; null where there is none.</summary>
    public string? Caption { get; init; }

    /// <summary>All captions, the one that <see cref="Caption"/> was drawn from among them.</summary>
    public IReadOnlyList<string> Captions => Raw?.Captions ?? (Caption is null ? [] : [Caption]);

    /// <summary>Class index from 0; null where there is none.</summary>
    public int? Label { get; init; }

    /// <summary>The epoch, from 0.</summary>
    public int Epoch { get; init; }

    /// <summary>Position in the epoch's raw order, skipped samples counted too.</summary>
    public long Index { get; init; }

    /// <summary>What each view gets, boxes in pixels of <see cref="Image"/>; empty where no augmentation was asked for.</summary>
    /// <exception cref="ObjectDisposedException">The sample was given back.</exception>
    public IReadOnlyList<AugmentParams> Views
    {
        get => _views ?? throw new ObjectDisposedException(nameof(Sample));
        init => _views = value;
    }

    /// <summary>What it was decoded from; null where it was not read by a stream.</summary>
    internal RawSample? Raw { get; init; }

    /// <summary>Takes the views' array back; null: nobody does.</summary>
    internal ViewPool? ViewPool { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Image.Dispose();
        if (Interlocked.Exchange(ref _views, null) is AugmentParams[] views)
        {
            ViewPool?.Return(views);
        }
    }
}
