using XClr.Data.Readers;

namespace XClr.Data;

/// <summary>Opens a data set by its path and, where it is not named, finds out its format.</summary>
public static class DatasetFactory
{
    /// <summary>The formats' names, for help texts and errors.</summary>
    public static IReadOnlyList<string> Formats { get; } = ["auto", "webdataset", "imagefolder", "csv", "tsv", "jsonl", "idx", "parquet"];

    /// <summary>
    /// Opens a data set. <paramref name="path"/>: a folder (of shards, of class folders, of IDX files), a .tar, .tar.gz, .parquet,
    /// .csv, .tsv, .jsonl or IDX file, or shards by brace range, pattern and `::`.
    /// </summary>
    /// <exception cref="DataException">Nothing usable is there: the message names the path, what was found and the remedy.</exception>
    public static IImageDataset Open(string path, string format = "auto", DatasetOptions? options = null) =>
        (format == "auto" ? Detect(path) : format) switch
        {
            "webdataset" => new WebDatasetReader(path, options),
            "imagefolder" => new ImageFolderReader(path, options),
            "idx" => new IdxReader(path, options),
            "parquet" => new ParquetShardReader(path, options),
            "csv" => new TableReader(path, "csv", options),
            "tsv" => new TableReader(path, "tsv", options),
            "jsonl" => new TableReader(path, "jsonl", options),
            var other => throw new DataException($"There is no data format '{other}'; use one of: {string.Join(", ", Formats)}."),
        };

    /// <summary>The format of what lies at a path.</summary>
    /// <exception cref="DataException">Nothing known is there.</exception>
    public static string Detect(string path)
    {
        if (Directory.Exists(path))
        {
            return DetectFolder(path);
        }
        if ((!File.Exists(path) && (path.Contains("::", StringComparison.Ordinal) || path.AsSpan().ContainsAny("{*?"))) || ShardList.IsShard(path))
        {
            return ShardList.IsShard(path.TrimEnd(':'), ShardKind.Parquet) ? "parquet" : "webdataset";
        }
        if (path.Contains("://", StringComparison.Ordinal))
        {
            throw new DataException($"'{path}' is a web address of no .tar shard; other data are read from local files: download them first.");
        }
        if (!File.Exists(path))
        {
            throw new DataException($"'{path}' does not exist{Nearest(path)}.");
        }
        return IdxReader.IsImages(path) ? "idx" : TableOf(path) ?? (ShardList.IsShard(path, ShardKind.Parquet) ? "parquet" : throw new DataException($"'{path}' is no known kind of data set; name a folder, a .tar, .tar.gz, .parquet, .csv, .tsv, .jsonl or IDX file, or the format ({string.Join(", ", Formats)})."));
    }

    /// <summary>What a folder holds, in a few words: "3 .jpg, 2 .txt, 1 folder (train)".</summary>
    internal static string Describe(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return "nothing";
        }
        var files = Directory.EnumerateFiles(folder).Take(10_000)
            .GroupBy(f => Path.GetExtension(f) is { Length: > 0 } suffix ? suffix.ToLowerInvariant() : "other")
            .OrderByDescending(g => g.Count()).Take(4).Select(g => $"{g.Count()} {g.Key}");
        var folders = Directory.EnumerateDirectories(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).ToList();
        var named = folders.Count == 0 ? [] : new[] { $"{folders.Count} folder(s) ({string.Join(", ", folders.Take(3))}{(folders.Count > 3 ? ", ..." : "")})" };
        var parts = files.Concat(named).ToList();
        return parts.Count == 0 ? "nothing" : string.Join(", ", parts);
    }

    private static string DetectFolder(string folder)
    {
        // img2dataset lays a .parquet beside each .tar, a list of what it fetched: the shards are the data.
        foreach (var (kind, format) in new[] { (ShardKind.Tar, "webdataset"), (ShardKind.Parquet, "parquet") })
        {
            if (Directory.EnumerateFiles(folder).Any(f => ShardList.IsShard(f, kind)))
            {
                return format;
            }
        }
        if (IdxReader.IsFolder(folder))
        {
            return "idx";
        }
        var classes = Directory.EnumerateDirectories(folder).Where(d => !Path.GetFileName(d).StartsWith('.')).Take(2).ToList();
        if (classes.Count == 0)
        {
            throw new DataException(
                $"'{folder}' holds no data set: found {Describe(folder)}. Expected shards (.tar or .parquet), IDX files, a folder per class, or name a .csv, .tsv or .jsonl table of image paths and captions.");
        }
        // One folder beside a table is rarely the one class of a set.
        return classes.Count > 1 || Directory.EnumerateFiles(folder).Where(f => TableOf(f) is not null).Order(StringComparer.Ordinal).FirstOrDefault() is not { } table
            ? "imagefolder"
            : throw new DataException($"'{folder}' holds a table beside its only folder '{Path.GetFileName(classes[0])}': name the table, '{table}', or, where the folder is a class, the format 'imagefolder' too.");
    }

    private static string? TableOf(string file) => Path.GetExtension(file).ToLowerInvariant() switch { ".csv" => "csv", ".tsv" => "tsv", ".jsonl" or ".ndjson" => "jsonl", _ => null };

    private static string Nearest(string path)
    {
        for (var folder = Path.GetDirectoryName(Path.GetFullPath(path)); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Directory.Exists(folder))
            {
                return $"; '{folder}' holds {Describe(folder)}";
            }
        }
        return "";
    }
}
