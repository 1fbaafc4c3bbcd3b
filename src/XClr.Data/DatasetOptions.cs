using System.Globalization;

namespace XClr.Data;

/// <summary>Options for opening a data set, in addition to its path.</summary>
public sealed record DatasetOptions
{
    private const string CacheVariable = "XCLR_SHARD_CACHE_GB";

    /// <summary>
    /// Part of a set that has several: `train` or `test` of IDX files (`t10k` and `val` mean test), a subfolder of an image
    /// folder. Null: `train` for IDX files, the folder itself otherwise.
    /// </summary>
    public string? Split { get; init; }

    /// <summary>Class names, see <see cref="ClassList"/>; null: the folders' names, or none.</summary>
    public string? ClassesFile { get; init; }

    /// <summary>Turns labels into captions, such as "a photo of a {class}"; samples with a label then lose their own captions.</summary>
    public string? CaptionTemplate { get; init; }

    /// <summary>Where shards behind http addresses are kept: $XCLR_CACHE/shards, else $XDG_CACHE_HOME/xclr/shards, else ~/.cache/xclr/shards, else (an account without a home) xclr-USER/shards in the folder for temporary files.</summary>
    public string ShardCache { get; init; } = Path.Combine(
        Environment.GetEnvironmentVariable("XCLR_CACHE") is { Length: > 0 } own ? own
        : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg && Path.IsPathRooted(xdg) ? Path.Combine(xdg, "xclr")
        : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is var home && Path.IsPathRooted(home) ? Path.Combine(home, ".cache", "xclr")
        : Path.Combine(Path.GetTempPath(), $"xclr-{Environment.UserName}"), "shards");

    /// <summary>Largest total size of these shards, in bytes: $XCLR_SHARD_CACHE_GB, else 20 GB.</summary>
    /// <exception cref="DataException">The variable is no number above 0.</exception>
    public long ShardCacheBytes { get; init; } = CacheBytes(Environment.GetEnvironmentVariable(CacheVariable));

    /// <summary>Cancels opening and counting the set and waiting for a server, with an <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Receives lines about the progress of long opening and counting, and about shards whose first fetch failed, on other threads; null: nobody.</summary>
    public Action<string>? Note { get; init; }

    /// <summary>Interval of the progress lines to <see cref="Note"/>.</summary>
    public TimeSpan NoteEvery { get; init; } = TimeSpan.FromSeconds(5);

    internal ClassList? LoadClasses() => ClassesFile is null ? null : ClassList.Load(ClassesFile);

    internal static long CacheBytes(string? gigabytes) => string.IsNullOrEmpty(gigabytes) ? 20_000_000_000
        : double.TryParse(gigabytes, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number > 0 && number <= long.MaxValue / 1e9 ? (long)(number * 1e9)
        : throw new DataException($"{CacheVariable} is '{gigabytes}'; allowed: a number above 0, in GB, such as 20.");
}
