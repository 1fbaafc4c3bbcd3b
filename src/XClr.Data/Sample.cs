namespace XClr.Data;

/// <summary>A decoded sample. The receiver owns it: disposing of it gives the pixels' buffer back.</summary>
public sealed class Sample : IDisposable
{
    /// <summary>Name within its data set.</summary>
    public required string Key { get; init; }

    /// <summary>The shard, file or table that it comes from.</summary>
    public required string Source { get; init; }

    /// <summary>The pixels, RGB8, [H, W, 3].</summary>
    public required DecodedImage Image { get; init; }

    /// <summary>The caption, clean and on one line; null where there is none.</summary>
    public string? Caption { get; init; }

    /// <summary>All captions, <see cref="Caption"/> among them.</summary>
    public IReadOnlyList<string> Captions { get; init; } = [];

    /// <summary>Class index from 0; null where there is none.</summary>
    public int? Label { get; init; }

    /// <summary>The epoch, from 0.</summary>
    public int Epoch { get; init; }

    /// <summary>Position in the epoch's raw order, skipped samples counted too.</summary>
    public long Index { get; init; }

    /// <summary>What each view gets, boxes in pixels of <see cref="Image"/>; empty where no augmentation was asked for.</summary>
    public IReadOnlyList<AugmentParams> Views { get; init; } = [];

    /// <inheritdoc/>
    public void Dispose() => Image.Dispose();
}
