namespace XClr.Data;

/// <summary>Why a sample was skipped. Every skipped sample has exactly one cause; <see cref="SampleFaults.Name"/> is what logs show.</summary>
public enum SampleFault
{
    /// <summary>The image file has no bytes.</summary>
    Empty,

    /// <summary>The image file ends before its picture does.</summary>
    Truncated,

    /// <summary>The image data contradict their format.</summary>
    Corrupt,

    /// <summary>A valid kind of image that is not decoded (12-bit or lossless JPEG, for example).</summary>
    Unsupported,

    /// <summary>Above the limits of pixels, memory or scans.</summary>
    TooLarge,

    /// <summary>No known image format.</summary>
    NotAnImage,

    /// <summary>The file could not be opened or read.</summary>
    Unreadable,

    /// <summary>The sample has no image member.</summary>
    NoImage,

    /// <summary>The sample has no caption, and one is needed.</summary>
    NoCaption,

    /// <summary>The caption has no word that the text encoder knows: it embeds to zero.</summary>
    EmptyCaption,

    /// <summary>The sample has no label, and one is needed.</summary>
    NoLabel,

    /// <summary>The label is no class index, or no class has it.</summary>
    BadLabel,

    /// <summary>The rest of a shard is lost: it ends early or its headers are damaged.</summary>
    BrokenShard,

    /// <summary>A row of a table could not be parsed.</summary>
    BadRow,
}

/// <summary>The causes' names.</summary>
public static class SampleFaults
{
    /// <summary>The cause as logs and tables show it: lower case, hyphenated.</summary>
    public static string Name(this SampleFault fault) => fault switch
    {
        SampleFault.Empty => "empty",
        SampleFault.Truncated => "truncated",
        SampleFault.Corrupt => "corrupt",
        SampleFault.Unsupported => "unsupported",
        SampleFault.TooLarge => "too-large",
        SampleFault.NotAnImage => "not-an-image",
        SampleFault.Unreadable => "unreadable",
        SampleFault.NoImage => "no-image",
        SampleFault.NoCaption => "no-caption",
        SampleFault.EmptyCaption => "empty-caption",
        SampleFault.NoLabel => "no-label",
        SampleFault.BadLabel => "bad-label",
        SampleFault.BrokenShard => "broken-shard",
        SampleFault.BadRow => "bad-row",
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "no such cause"),
    };

    /// <summary>"3 truncated, 1 empty", the most frequent first; "none" where there are none.</summary>
    public static string Describe(IReadOnlyDictionary<SampleFault, long> counts) => counts.Count == 0
        ? "none"
        : string.Join(", ", counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key).Select(c => $"{c.Value} {c.Key.Name()}"));
}
