using System.Text.Json;

namespace XClr.Data.Readers;

/// <summary>
/// What lies beside shards and says how their rows were fetched, by img2dataset or by xclr pack: 00012_stats.json, or else 00012.parquet with a status and an
/// error message for each row.
/// </summary>
/// <param name="Shards">Shards that have one.</param>
/// <param name="Rows">Rows of these shards' sources.</param>
/// <param name="Successes">Rows that became samples.</param>
/// <param name="Failed">The other rows by cause.</param>
public sealed record ShardSidecars(int Shards, long Rows, long Successes, IReadOnlyDictionary<string, long> Failed)
{
    private const string Success = "success";

    /// <summary>Adds up the sidecars of some .tar shards; null where none has one. A damaged sidecar counts as none: the samples do not depend on it.</summary>
    public static ShardSidecars? Read(IReadOnlyList<string> shards)
    {
        var (count, statuses) = (0, new Dictionary<string, long>());
        foreach (var shard in shards)
        {
            if (ShardList.Stem(shard) is { } stem && (TryStats(stem + "_stats.json") ?? TryParquet(stem + ".parquet")) is { } found)
            {
                count++;
                foreach (var (status, rows) in found)
                {
                    statuses[status] = statuses.GetValueOrDefault(status) + rows;
                }
            }
        }
        var successes = statuses.GetValueOrDefault(Success);
        return count == 0 ? null : new(count, statuses.Values.Sum(), successes, statuses.Where(s => s.Key != Success).ToDictionary());
    }

    /// <summary>Rows by status, `success` among them, of a file `_stats.json`.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    internal static Dictionary<string, long> ReadStats(string path) => ParseStats(File.ReadAllBytes(path));

    /// <summary>Rows that became samples, by the bytes of a file `_stats.json`; null where it is damaged.</summary>
    internal static long? TrySuccesses(byte[] stats)
    {
        try
        {
            return ParseStats(stats).TryGetValue(Success, out var count) ? count : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>The same of a file; null where it is not there either.</summary>
    internal static long? TrySuccesses(string path) => TryStats(path) is { } found && found.TryGetValue(Success, out var count) ? count : null;

    private static Dictionary<string, long> ParseStats(byte[] stats)
    {
        try
        {
            using var json = JsonDocument.Parse(stats);
            return json.RootElement.GetProperty("status_dict").EnumerateObject().ToDictionary(s => s.Name, s => RowsOf(s.Value));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    // No shard has more rows than that, and many of them add up.
    private static long RowsOf(JsonElement value) => value.GetInt32() is >= 0 and var rows ? rows : throw new InvalidDataException($"{value} rows");

    private static Dictionary<string, long>? TryStats(string path)
    {
        try
        {
            return File.Exists(path) ? ReadStats(path) : null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static Dictionary<string, long>? TryParquet(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            return ReadParquet(path);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // As in ParquetShardReader: damaged bytes make the package throw nearly anything.
            return null;
        }
    }

    private static Dictionary<string, long>? ReadParquet(string path)
    {
        using var file = new ParquetFile(path);
        var fields = file.Schema.DataFields;
        var (status, error) = (Array.Find(fields, f => f.Name == "status"), Array.Find(fields, f => f.Name == "error_message"));
        if (status is null)
        {
            return null;
        }
        var rows = new Dictionary<string, long>();
        for (var g = 0; g < file.Reader.RowGroupCount; g++)
        {
            using var group = file.Reader.OpenRowGroupReader(g);
            var (statuses, errors) = (ParquetRowGroup.Texts(group, status)!, ParquetRowGroup.Texts(group, error));
            for (var i = 0; i < statuses.Length; i++)
            {
                var outcome = statuses[i] is [Success] ? Success : errors?[i] is [{ Length: > 0 } message] ? message : statuses[i].FirstOrDefault() ?? "unknown";
                rows[outcome] = rows.GetValueOrDefault(outcome) + 1;
            }
        }
        return rows;
    }
}
