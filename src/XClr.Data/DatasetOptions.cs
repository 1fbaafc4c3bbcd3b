using System.Globalization;

namespace XClr.Data;

/// <summary>What a data set is opened with, beside its path.</summary>
public sealed record DatasetOptions
{
    internal static DatasetOptions Default { get; } = new();

    /// <summary>
    /// Part of a set that has several: `train` or `test` of IDX files (`t10k` and `val` mean test), a subfolder of an image
    /// folder. Null: `train` for IDX files, the folder itself otherwise.
    /// </summary>
    public string? Split { get; init; }

    /// <summary>Class names, see <see cref="ClassList"/>; null: the folders' names, or none.</summary>
    public string? ClassesFile { get; init; }

    /// <summary>Turns labels into captions, such as "a photo of a {class}"; the set's own captions are then not used.</summary>
    public string? CaptionTemplate { get; init; }

    /// <summary>Where shards behind http addresses are kept: $XCLR_CACHE/shards, else $XDG_CACHE_HOME/xclr/shards, else ~/.cache/xclr/shards.</summary>
    public string ShardCache { get; init; } = Path.Combine(
        Environment.GetEnvironmentVariable("XCLR_CACHE") is { Length: > 0 } own ? own
        : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg && Path.IsPathRooted(xdg) ? Path.Combine(xdg, "xclr")
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "xclr"), "shards");

    /// <summary>What they may take together, in bytes: $XCLR_SHARD_CACHE_GB, else 20 GB.</summary>
    public long ShardCacheBytes { get; init; } =
        (long)(double.TryParse(Environment.GetEnvironmentVariable("XCLR_SHARD_CACHE_GB"), CultureInfo.InvariantCulture, out var gigabytes) && gigabytes > 0 ? gigabytes * 1e9 : 20e9);

    internal ClassList? LoadClasses() => ClassesFile is null ? null : ClassList.Load(ClassesFile);
}
