using System.Buffers;
using System.Text.Json;

namespace XClr.Data;

/// <summary>A sample that was left out.</summary>
/// <param name="Key">Its name within the data set.</param>
/// <param name="Source">The shard, file or table that it comes from.</param>
/// <param name="Cause">Why, as it is counted.</param>
/// <param name="Message">Why, in words.</param>
/// <param name="Epoch">From 0.</param>
/// <param name="Index">Position in the epoch's raw order.</param>
public readonly record struct SkippedSample(string Key, string Source, SampleFault Cause, string Message, int Epoch, long Index);

/// <summary>
/// Appends skipped samples to a file, an object a line: key, source, cause, message, epoch, index. Written through at every
/// line. Where the file cannot be opened or written (a full disk, or a limit of file sizes, of which .NET makes an ArgumentOutOfRangeException) the log stops and says so in <see cref="Failure"/>;
/// the run goes on.
/// </summary>
public sealed class SkipLog : IDisposable
{
    private readonly Lock gate = new();
    private readonly ArrayBufferWriter<byte> line = new();
    private readonly string path;
    private FileStream? file;

    /// <param name="path">The file, such as RUN/skipped.jsonl; appended to where it exists.</param>
    /// <param name="goesOn">Where the samples go on: lines of later ones, which will come again, are removed. Start: all are.</param>
    public SkipLog(string path, StreamPosition goesOn)
    {
        this.path = path;
        try
        {
            DropFrom(goesOn);
            file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail(e);
        }
    }

    /// <summary>Why the log stopped, with the file's name; null while it works.</summary>
    public string? Failure { get; private set; }

    /// <summary>Adds a line. Thread safe.</summary>
    public void Add(SkippedSample sample)
    {
        lock (gate)
        {
            if (file is null)
            {
                return;
            }
            line.ResetWrittenCount();
            using (var json = new Utf8JsonWriter(line))
            {
                json.WriteStartObject();
                json.WriteString("key", sample.Key);
                json.WriteString("source", sample.Source);
                json.WriteString("cause", sample.Cause.Name());
                json.WriteString("message", sample.Message);
                json.WriteNumber("epoch", sample.Epoch);
                json.WriteNumber("index", sample.Index);
                json.WriteEndObject();
            }
            line.Write("\n"u8);
            Write(line.WrittenSpan);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            file?.Dispose();
            file = null;
        }
    }

    private void DropFrom(StreamPosition goesOn)
    {
        if (!File.Exists(path))
        {
            return;
        }
        bool Stays(string line) => PlaceOf(line) is { } place && (place.Epoch, place.Index).CompareTo((goesOn.Epoch, goesOn.Index)) < 0;
        if (File.ReadLines(path).All(Stays))
        {
            return;
        }
        // A long run's list may be larger than memory, and is not to be lost where there is no room for it twice.
        WholeFile.Replace(path, file =>
        {
            using var text = new StreamWriter(file, leaveOpen: true);
            foreach (var line in File.ReadLines(path).Where(Stays))
            {
                text.WriteLine(line);
            }
        });
    }

    // Null: a line that a crash cut off.
    private static StreamPosition? PlaceOf(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return new(json.RootElement.GetProperty("epoch").GetInt32(), json.RootElement.GetProperty("index").GetInt64());
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private void Write(ReadOnlySpan<byte> line)
    {
        try
        {
            file!.Write(line);
        }
        catch (Exception e) when (e is IOException or ArgumentOutOfRangeException)
        {
            Fail(e);
        }
    }

    private void Fail(Exception e)
    {
        Failure = $"The list of skipped samples '{path}' is not written any further: {e.Message}";
        file?.Dispose();
        file = null;
    }
}
