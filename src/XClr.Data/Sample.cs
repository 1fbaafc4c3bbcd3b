namespace XClr.Data;

/// <summary>
/// A decoded sample. The receiver owns it: disposing of it gives everything that it holds back to be used for later samples. What is asked of it after that throws, whatever became of its memory:
/// a sample is a lease, with a number that no other one of the same memory has.
/// </summary>
public readonly struct Sample : IDisposable, IEquatable<Sample>
{
    private readonly SampleSlot? slot;
    private readonly long lease;

    internal Sample(SampleSlot slot) => (this.slot, lease) = (slot, slot.Lease);

    /// <summary>Name within its data set.</summary>
    public string Key => Slot.Raw.Key;

    /// <summary>The shard, file or table that it comes from.</summary>
    public string Source => Slot.Raw.Source;

    /// <summary>The pixels, RGB8, [H, W, 3].</summary>
    public DecodedImage Image => Slot.Image;

    /// <summary>The caption, clean and on one line; null where there is none. Made of <see cref="CaptionText"/> when it is asked for.</summary>
    public string? Caption => Slot is { } slot && slot.Caption == slot.Raw.MainCaption ? slot.Raw.Caption : new(CaptionText);

    /// <summary>The characters of <see cref="Caption"/>; empty where there is none.</summary>
    public ReadOnlySpan<char> CaptionText => Slot is { Raw.CaptionCount: > 0 } slot ? slot.Raw.CaptionText(slot.Caption) : [];

    /// <summary>All captions, the one that <see cref="Caption"/> was drawn from among them.</summary>
    public IReadOnlyList<string> Captions => Slot.Raw.Captions;

    /// <summary>Class index from 0; null where there is none.</summary>
    public int? Label => Slot.Raw.Label;

    /// <summary>The epoch, from 0.</summary>
    public int Epoch => Slot.Epoch;

    /// <summary>Position in the epoch's raw order, skipped samples counted too.</summary>
    public long Index => Slot.Index;

    /// <summary>What each view gets, boxes in pixels of <see cref="Image"/>; empty where no augmentation was asked for. Not to be kept longer than the sample.</summary>
    public IReadOnlyList<AugmentParams> Views => Slot.Views;

    private SampleSlot Slot => this.slot is { } slot && slot.Lease == lease ? slot : throw new ObjectDisposedException(nameof(Sample));

    /// <summary>A sample of an image that no stream delivered; it owns the image.</summary>
    public static Sample Of(string key, string source, DecodedImage image, AugmentParams[]? views = null) =>
        new(new SampleSlot(null, views ?? []) { Raw = new(key, source), Image = image });

    /// <summary>Gives it back. A second call does nothing.</summary>
    public void Dispose() => slot?.End(lease);

    /// <inheritdoc/>
    public bool Equals(Sample other) => slot == other.slot && lease == other.lease;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Sample other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(slot, lease);

    /// <summary>Whether both are the same lease.</summary>
    public static bool operator ==(Sample a, Sample b) => a.Equals(b);

    /// <summary>Whether they are not.</summary>
    public static bool operator !=(Sample a, Sample b) => !a.Equals(b);
}

/// <summary>The memory of one <see cref="Sample"/> after another.</summary>
internal sealed class SampleSlot(ObjectPool<SampleSlot>? pool, AugmentParams[] views)
{
    private long lease;

    /// <summary>Which sample it holds: each has a number of its own.</summary>
    public long Lease => Volatile.Read(ref lease);

    public RawSample Raw { get; set; } = null!;

    public DecodedImage Image { get; set; }

    /// <summary>The number of the caption that was drawn.</summary>
    public int Caption { get; set; }

    public int Epoch { get; set; }

    public long Index { get; set; }

    public AugmentParams[] Views { get; } = views;

    /// <summary>Ends a lease, unless it has ended.</summary>
    public void End(long lease)
    {
        if (Interlocked.CompareExchange(ref this.lease, lease + 1, lease) == lease)
        {
            Image.Dispose();
            Raw.Recycle();
            pool?.Return(this);
        }
    }
}
