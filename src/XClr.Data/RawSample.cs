using XClr.Data.Readers;

namespace XClr.Data;

/// <summary>
/// A sample as a reader finds it: image not yet read or decoded. A sample with a fault is skipped and counted. Its texts lie in characters of its own, and strings are made of them only
/// where somebody asks. A <see cref="SampleStream"/> that has delivered and got back a sample of a reader of ours lets the reader fill the object again; whoever enumerates a set himself keeps what he gets.
/// </summary>
public sealed class RawSample
{
    // The key, then the captions.
    private readonly TextList texts = new();
    private readonly ObjectPool<RawSample>? pool;
    private string? key, caption;
    private int main;
    private ImageSource? spare;

    /// <param name="key">See <see cref="Key"/>.</param>
    /// <param name="source">See <see cref="Source"/>.</param>
    public RawSample(string key, string source)
        : this(null) => Begin(key, source);

    internal RawSample(ObjectPool<RawSample>? pool) => (this.pool, Source) = (pool, "");

    /// <summary>Name within its data set, such as a tar member's path without extension, or a file's relative path.</summary>
    public string Key => key ??= new(KeyText);

    /// <summary>The characters of <see cref="Key"/>.</summary>
    public ReadOnlySpan<char> KeyText => texts[0];

    /// <summary>The shard, file or table that it comes from.</summary>
    public string Source { get; private set; }

    /// <summary>The image; null where the sample has none.</summary>
    public ImageSource? Image { get; set; }

    /// <summary>The caption that stands for the sample: clean UTF-16, one line; null where there is none.</summary>
    public string? Caption => CaptionCount == 0 ? null : caption ??= new(CaptionText(main));

    /// <summary>All captions, <see cref="Caption"/> among them; empty where there is none. Each call makes them anew.</summary>
    public IReadOnlyList<string> Captions
    {
        get
        {
            var all = new string[CaptionCount];
            for (var i = 0; i < all.Length; i++)
            {
                all[i] = i == main ? Caption! : new(CaptionText(i));
            }
            return all;
        }
    }

    /// <summary>Number of captions.</summary>
    public int CaptionCount => texts.Count - 1;

    /// <summary>Which caption is <see cref="Caption"/>, from 0; where there is none, 0.</summary>
    internal int MainCaption
    {
        get => main;
        set => (main, caption) = (value, null);
    }

    /// <summary>Whether a caption holds U+FFFD.</summary>
    internal bool HasDamagedCaption
    {
        get
        {
            for (var i = 0; i < CaptionCount; i++)
            {
                if (CaptionText(i).Contains('\uFFFD'))
                {
                    return true;
                }
            }
            return false;
        }
    }

    /// <summary>Class index from 0; null where there is none.</summary>
    public int? Label { get; set; }

    /// <summary>Why this sample cannot be used, where that is known before decoding.</summary>
    public SampleFault? Fault { get; private set; }

    /// <summary>The fault in words.</summary>
    public string? FaultDetail { get; private set; }

    /// <summary>The characters of a caption, from 0.</summary>
    public ReadOnlySpan<char> CaptionText(int index) => texts[index + 1];

    /// <summary>Adds a caption, which must be clean (<see cref="Data.CaptionText.Clean(string?)"/>); the first one stands for the sample.</summary>
    public void AddCaption(ReadOnlySpan<char> caption) => texts.Add(caption);

    /// <summary>Takes this caption in place of all others.</summary>
    internal void ReplaceCaptions(ReadOnlySpan<char> caption)
    {
        texts.Keep(1);
        MainCaption = 0;
        AddCaption(caption);
    }

    /// <summary>Marks it as bad; returns it.</summary>
    public RawSample Break(SampleFault fault, string detail)
    {
        (Fault, FaultDetail) = (fault, detail);
        return this;
    }

    /// <summary>The image's place, for the caller to fill; the object is that of the sample before, where the kind is the same.</summary>
    internal T Place<T>()
        where T : ImageSource, new()
    {
        var place = spare as T ?? new T();
        Image = place;
        return place;
    }

    internal static RawSample Broken(string key, string source, SampleFault fault, string detail) => new RawSample(key, source).Break(fault, detail);

    /// <summary>A reader's samples that are used again; each is to <see cref="Begin"/> anew.</summary>
    internal static ObjectPool<RawSample> NewPool() => new(pool => new(pool));

    /// <summary>Forgets everything but the name that it gets.</summary>
    internal RawSample Begin(ReadOnlySpan<char> key, string source)
    {
        (this.key, caption, main, Source, Image, Label, Fault, FaultDetail) = (null, null, 0, source, null, null, null, null);
        texts.Clear();
        texts.Add(key);
        return this;
    }

    /// <summary>Lets the reader use it again: nobody else may hold it.</summary>
    internal void Recycle()
    {
        Image?.Release();
        spare = Image ?? spare;
        pool?.Return(this);
    }
}
