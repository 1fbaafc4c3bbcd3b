using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace XClr.Data.Packing;

/// <summary>A row's outcome: the image, or the cause and message of its failure.</summary>
internal sealed record PackedRow(PackItem Item, PackedImage? Image, string? Cause = null, string? Message = null);

/// <summary>
/// One shard in the folder, with the names of img2dataset's: 00012.tar, 00012_stats.json and 00012_failed.jsonl (a line for each failed row). The .tar appears last and
/// whole, by renaming: where it is, the shard is done. A shard that is packed again replaces its .tar first, so that what was lacking is known until it is there.
/// </summary>
internal sealed class PackedShard(string folder, int number)
{
    private const int RowDigits = 4;
    private const string RowsHash = "rows_sha256";

    private static readonly JsonWriterOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string name = Path.Combine(folder, number.ToString("D5", CultureInfo.InvariantCulture));

    private string Stats => name + "_stats.json";

    /// <summary>The archive.</summary>
    public string Tar => name + ".tar";

    /// <summary>Whether an earlier run finished it, from these rows, or, where an older version wrote no hash of them, from as many.</summary>
    public bool IsDone(IReadOnlyList<PackItem> items) => File.Exists(Tar) && (FromStats(HashIn) is { } hash ? hash == Hash(items) : Count([]).Rows == items.Count);

    /// <summary>Whether rows of it, which is done, failed as in an outage.</summary>
    public bool HasUnreached()
    {
        var failed = new Dictionary<string, long>();
        Count(failed);
        return FetchException.Outage.Any(failed.ContainsKey);
    }

    /// <summary>The images that are there already, by row, where they came from the same addresses. Of a damaged .tar, those before the damage.</summary>
    public Dictionary<int, PackedImage> Images(IReadOnlyList<PackItem> items)
    {
        var images = new Dictionary<int, PackedImage>();
        if (!File.Exists(Tar))
        {
            return images;
        }
        try
        {
            using var file = File.OpenRead(Tar);
            using var tar = new TarReader(file);
            byte[] jpeg = [];
            while (tar.GetNextEntry() is { } entry)
            {
                var row = int.Parse(Path.GetFileNameWithoutExtension(entry.Name)[^RowDigits..], CultureInfo.InvariantCulture);
                using var memory = new MemoryStream();
                entry.DataStream?.CopyTo(memory);
                var bytes = memory.ToArray();
                if (entry.Name.EndsWith(".jpg", StringComparison.Ordinal))
                {
                    jpeg = bytes;
                }
                else if (entry.Name.EndsWith(".json", StringComparison.Ordinal) && row < items.Count && Image(jpeg, bytes, items[row].Address) is { } image)
                {
                    images[row] = image;
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            // The others are fetched.
        }
        return images;
    }

    private static PackedImage? Image(byte[] jpeg, byte[] said, string? address)
    {
        using var json = JsonDocument.Parse(said);
        int Number(string name) => json.RootElement.GetProperty(name).GetInt32();
        return address is not null && json.RootElement.GetProperty("url").GetString() == address
            ? new(jpeg, Number("width"), Number("height"), Number("original_width"), Number("original_height"))
            : null;
    }

    /// <summary>Writes everything. <paramref name="firstRow"/>: number of the first row in the source, from 0.</summary>
    public void Write(IReadOnlyList<PackedRow> rows, long firstRow)
    {
        if (File.Exists(Tar))
        {
            WholeFile.Replace(Tar, file => WriteTar(file, rows));
        }
        var failed = rows.Select((row, i) => (Row: row, Number: firstRow + i)).Where(r => r.Row.Image is null).ToList();
        WholeFile.Replace(name + "_failed.jsonl", file =>
        {
            foreach (var (row, line) in failed)
            {
                file.Write(FailureLine(row, line));
            }
        });
        WholeFile.Replace(Stats, file => file.Write(StatsOf(rows)));
        if (!File.Exists(Tar))
        {
            WholeFile.Replace(Tar, file => WriteTar(file, rows));
        }
    }

    private void WriteTar(FileStream file, IReadOnlyList<PackedRow> rows)
    {
        using var tar = new TarWriter(file, TarEntryFormat.Ustar, leaveOpen: true);
        for (var i = 0; i < rows.Count; i++)
        {
            if (rows[i].Image is not null)
            {
                Add(tar, number.ToString("D5", CultureInfo.InvariantCulture) + i.ToString($"D{RowDigits}", CultureInfo.InvariantCulture), rows[i]);
            }
        }
    }

    /// <summary>Adds this finished shard's counts. Returns rows and good ones.</summary>
    /// <exception cref="DataException">The file of counts is gone or damaged.</exception>
    public (long Rows, long Good) Count(Dictionary<string, long> failed)
    {
        var statuses = FromStats(Readers.ShardSidecars.ReadStats);
        foreach (var (cause, rows) in statuses.Where(s => s.Key != "success"))
        {
            failed[cause] = failed.GetValueOrDefault(cause) + rows;
        }
        return (statuses.Values.Sum(), statuses.GetValueOrDefault("success"));
    }

    private T FromStats<T>(Func<string, T> read)
    {
        try
        {
            return read(Stats);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or JsonException or InvalidOperationException)
        {
            throw new DataException($"'{Stats}' cannot be read ({e.Message.TrimEnd('.')}); delete '{Tar}' to have this shard packed again.", e);
        }
    }

    private static string? HashIn(string stats)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(stats));
        return json.RootElement.TryGetProperty(RowsHash, out var hash) ? hash.ToString() : null;
    }

    // Of all that is packed of rows but the pixels: keys alone are row numbers in a list of addresses, and repeat from shard to shard in some sets.
    private static string Hash(IEnumerable<PackItem> items) => Convert.ToHexStringLower(SHA256.HashData(Json(json =>
    {
        json.WriteStartArray("rows");
        foreach (var item in items)
        {
            json.WriteStartObject();
            json.WriteString("source", Path.GetFileName(item.Sample.Source));
            json.WriteString("caption", item.Sample.Caption);
            json.WriteString("label", $"{item.Sample.Label}");
            WriteRow(json, item);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    })));

    private static void Add(TarWriter tar, string key, PackedRow row)
    {
        var sample = row.Item.Sample;
        Add(tar, key + ".jpg", row.Image!.Jpeg);
        if (sample.Caption is { } caption)
        {
            Add(tar, key + ".txt", Encoding.UTF8.GetBytes(caption));
        }
        if (sample.Label is { } label)
        {
            Add(tar, key + ".cls", Encoding.UTF8.GetBytes(label.ToString(CultureInfo.InvariantCulture)));
        }
        Add(tar, key + ".json", Json(json =>
        {
            WriteRow(json, row.Item);
            json.WriteNumber("width", row.Image!.Width);
            json.WriteNumber("height", row.Image.Height);
            json.WriteNumber("original_width", row.Image.OriginalWidth);
            json.WriteNumber("original_height", row.Image.OriginalHeight);
        }));
    }

    // The same bytes whenever it is written.
    private static void Add(TarWriter tar, string name, byte[] bytes) => tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
    {
        ModificationTime = DateTimeOffset.UnixEpoch,
        Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
        DataStream = new MemoryStream(bytes),
    });

    private static void WriteRow(Utf8JsonWriter json, PackItem item)
    {
        WriteKey(json, item);
        json.WriteStartArray("captions");
        foreach (var text in item.Sample.Captions)
        {
            json.WriteStringValue(text);
        }
        json.WriteEndArray();
    }

    private static void WriteKey(Utf8JsonWriter json, PackItem item)
    {
        json.WriteString("key", item.Sample.Key);
        if (item.Address is { } address)
        {
            json.WriteString("url", address);
        }
    }

    private static byte[] FailureLine(PackedRow row, long number) => [.. Json(json =>
    {
        json.WriteNumber("row", number);
        WriteKey(json, row.Item);
        json.WriteString("cause", row.Cause);
        json.WriteString("message", row.Message);
    }), (byte)'\n'];

    private static byte[] StatsOf(IReadOnlyList<PackedRow> rows) => Json(json =>
    {
        json.WriteNumber("count", rows.Count);
        json.WriteNumber("successes", rows.Count(r => r.Image is not null));
        json.WriteStartObject("status_dict");
        foreach (var cause in rows.GroupBy(r => r.Cause ?? "success").OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal))
        {
            json.WriteNumber(cause.Key, cause.Count());
        }
        json.WriteEndObject();
        json.WriteString(RowsHash, Hash(rows.Select(r => r.Item)));
    });

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, Plain))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return memory.ToArray();
    }
}
