using System.Buffers;
using System.Text.Json;

namespace XClr.Train;

/// <summary>
/// RUN/metrics.jsonl: an object per log interval, and one per evaluation ({"step": n, "eval": {...}}). Each line is written through at once.
/// A full disk, or a limit of file sizes (of which .NET makes an ArgumentOutOfRangeException), costs lines and one warning, never the run. One writer: the holder of the run folder's lock.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    /// <summary>Its name in a run's folder.</summary>
    public const string FileName = "metrics.jsonl";

    private readonly FileStream file;
    private readonly Action<string> warn;
    private readonly ArrayBufferWriter<byte> line = new();
    private readonly HashSet<long> evaluated;
    private bool warned;

    private MetricsLog(FileStream file, Action<string> warn, HashSet<long> evaluated) => (this.file, this.warn, this.evaluated) = (file, warn, evaluated);

    /// <summary>
    /// Opens the log to go on after <paramref name="step"/> steps: lines of later steps (written after the checkpoint that a run resumes from)
    /// and a last line that a crash cut off are removed. Step 0 keeps nothing but an evaluation before training.
    /// </summary>
    /// <exception cref="IOException">The file cannot be opened or rewritten.</exception>
    public static MetricsLog Open(string path, long step, Action<string> warn)
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            return new MetricsLog(file, warn, Keep(file, step));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The lines of a run's log, without damaged ones, such as one that a crash cut off; none where there is no file.</summary>
    public static IReadOnlyList<JsonElement> Read(string path) =>
        File.Exists(path) ? [.. File.ReadLines(path).Select(Whole).OfType<JsonElement>()] : [];

    /// <summary>Appends an interval's figures.</summary>
    public void Write(StepMetrics m) => Append(json =>
    {
        json.WriteNumber("step", m.Step);
        foreach (var (name, value) in m.Figures)
        {
            Number(json, name, value);
        }
    });

    /// <summary>Whether it has an evaluation of this step.</summary>
    public bool HasEvaluation(long step) => evaluated.Contains(step);

    /// <summary>Appends an evaluation's results.</summary>
    public void Write(EvalMetrics m)
    {
        evaluated.Add(m.Step);
        Append(json =>
        {
            json.WriteNumber("step", m.Step);
            json.WriteStartObject("eval");
            foreach (var (name, value) in m.Values)
            {
                Number(json, name, value);
            }
            json.WriteEndObject();
        });
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>JSON has no NaN and no infinity: null stands for them, and for what was not measured.</summary>
    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private void Append(Action<Utf8JsonWriter> fields)
    {
        line.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }
        line.Write("\n"u8);
        var start = file.Position;
        try
        {
            file.Write(line.WrittenSpan);
        }
        catch (Exception e) when (e is IOException or ArgumentOutOfRangeException)
        {
            DropPartOf(start);
            if (!warned)
            {
                warn($"{file.Name}: lines are being lost: {e.Message} The run goes on.");
            }
            warned = true;
        }
    }

    /// <summary>A line that was written in part would spoil the next one.</summary>
    private void DropPartOf(long start)
    {
        try
        {
            file.SetLength(start);
        }
        catch (IOException)
        {
            // The warning about the write says all there is to say; the next opening drops a torn line.
        }
    }

    // An object that can be written again; else null.
    private static JsonElement? Whole(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            using var json = new Utf8JsonWriter(Stream.Null);
            document.RootElement.WriteTo(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape that is half a surrogate pair.
            return null;
        }
    }

    // The steps that have evaluations.
    private static HashSet<long> Keep(FileStream file, long step)
    {
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        var (kept, evaluated) = (new ArrayBufferWriter<byte>(bytes.Length + 1), new HashSet<long>());
        var rest = bytes.AsSpan();
        for (var end = rest.IndexOf((byte)'\n'); end >= 0; end = rest.IndexOf((byte)'\n'))
        {
            if (LineOf(rest[..end]) is var (at, isEvaluation) && at <= step)
            {
                kept.Write(rest[..(end + 1)]);
                if (isEvaluation)
                {
                    evaluated.Add(at);
                }
            }
            rest = rest[(end + 1)..];
        }
        if (kept.WrittenCount < bytes.Length)
        {
            file.Position = 0;
            file.Write(kept.WrittenSpan);
            file.SetLength(kept.WrittenCount);
        }
        return evaluated;
    }

    private static (long Step, bool IsEvaluation)? LineOf(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            using var document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("step", out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var step) ? (step, document.RootElement.TryGetProperty("eval", out _)) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape that is half a surrogate pair.
            return null;
        }
    }
}
