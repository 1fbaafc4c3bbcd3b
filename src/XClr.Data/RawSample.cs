using System.Diagnostics.CodeAnalysis;

namespace XClr.Data;

/// <summary>A sample as a reader finds it: image not yet read or decoded. A sample with a fault is skipped and counted.</summary>
public sealed record RawSample
{
    private readonly IReadOnlyList<string>? _captions;

    /// <summary>Name within its data set, such as a tar member's path without extension, or a file's relative path.</summary>
    public required string Key { get; init; }

    /// <summary>The shard, file or table that it comes from.</summary>
    public required string Source { get; init; }

    /// <summary>The image; null where the sample has none.</summary>
    public ImageSource? Image { get; init; }

    /// <summary>The caption that stands for the sample: clean UTF-16, one line; null where there is none.</summary>
    public string? Caption { get; init; }

    /// <summary>All captions, <see cref="Caption"/> among them; that one alone where no others are set, empty where there is none.</summary>
    [AllowNull]
    public IReadOnlyList<string> Captions
    {
        get => _captions ?? (Caption is null ? [] : [Caption]);
        init => _captions = value;
    }

    /// <summary>Whether there are captions beside <see cref="Caption"/>.</summary>
    internal bool HasMoreCaptions => _captions is { Count: > 1 };

    /// <summary>Class index from 0; null where there is none.</summary>
    public int? Label { get; init; }

    /// <summary>Why this sample cannot be used, where that is known before decoding.</summary>
    public SampleFault? Fault { get; init; }

    /// <summary>The fault in words.</summary>
    public string? FaultDetail { get; init; }

    internal static RawSample Broken(string key, string source, SampleFault fault, string detail) =>
        new() { Key = key, Source = source, Fault = fault, FaultDetail = detail };
}
