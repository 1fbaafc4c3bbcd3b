using System.Globalization;

namespace XClr.Data.Readers;

/// <summary>
/// How many samples shards hold that were counted in earlier runs, in a file of the cache folder: a shard behind an address by its hash, a local one by its path as long as its size and time are the
/// same. A file that cannot be read or written costs counting again.
/// </summary>
internal sealed class ShardCounts
{
    private const int MostKept = 100_000;
    private const string NoVersion = "-";

    // Local shards that are counted in less time than this, all together, are not worth a file.
    private static readonly TimeSpan WorthKeeping = TimeSpan.FromSeconds(1);

    private readonly string path;
    private readonly Dictionary<string, (string Version, long Count)> known = new(StringComparer.Ordinal), fresh = new(StringComparer.Ordinal);
    private TimeSpan took;
    private bool fetched;

    /// <param name="folder">Where the file lies.</param>
    public ShardCounts(string folder)
    {
        path = Path.Combine(folder, "counts.tsv");
        Load();
    }

    /// <summary>A shard's number of samples; null where it is not known.</summary>
    public long? Find(string shard) => this.known.TryGetValue(Name(shard), out var known) && known.Version == Version(shard) ? known.Count : null;

    /// <summary>Remembers what counting, which took so long, has found.</summary>
    public void Add(string shard, long count, TimeSpan took)
    {
        if (Version(shard) is not { } version || shard.AsSpan().ContainsAny('\n', '\r'))
        {
            return;
        }
        fresh[Name(shard)] = (version, count);
        this.took += took;
        fetched |= version == NoVersion;
    }

    /// <summary>Writes what is new to the file, beside what other processes have written meanwhile.</summary>
    public void Save()
    {
        if (!fetched && took < WorthKeeping)
        {
            return;
        }
        Load();
        foreach (var (name, counted) in fresh)
        {
            // The youngest last: what is beyond the bound goes from the front.
            known.Remove(name);
            known.Add(name, counted);
        }
        var lines = known.Select(k => string.Create(CultureInfo.InvariantCulture, $"{k.Value.Count}\t{k.Value.Version}\t{k.Key}"));
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var temporary = $"{path}.{Environment.ProcessId}.part";
            File.WriteAllLines(temporary, lines.Skip(Math.Max(0, known.Count - MostKept)));
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private void Load()
    {
        try
        {
            foreach (var line in File.Exists(path) ? File.ReadLines(path) : [])
            {
                if (line.Split('\t', 3) is [var count, var version, var name] && long.TryParse(count, CultureInfo.InvariantCulture, out var samples) && samples >= 0)
                {
                    known[name] = (version, samples);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static string Name(string shard) => ShardDownloads.IsAddress(shard) ? ShardDownloads.FileOf(shard) : Path.GetFullPath(shard);

    // Null where there is no such file.
    private static string? Version(string shard)
    {
        if (ShardDownloads.IsAddress(shard))
        {
            return NoVersion;
        }
        var file = new FileInfo(shard);
        return file.Exists ? string.Create(CultureInfo.InvariantCulture, $"{file.Length}-{file.LastWriteTimeUtc.Ticks}") : null;
    }
}
