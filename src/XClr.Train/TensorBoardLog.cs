using System.Buffers.Binary;
using System.Numerics;
using XClr.Nn.Export;

namespace XClr.Train;

/// <summary>
/// RUN/events.out.tfevents.*: the figures of metrics.jsonl as TensorBoard reads them, scalars `train/NAME` and `eval/NAME` by step. A file per start: TensorBoard reads the files of a folder in
/// the order of their names; a resumed run's file begins with a session start that hides what an earlier one logged of later steps. A full disk, or a limit of file sizes (of which .NET makes an ArgumentOutOfRangeException), costs events and one warning, never the run.
/// </summary>
public sealed class TensorBoardLog : IDisposable
{
    private const string Version = "brain.Event:2", Prefix = "events.out.tfevents.";
    private const int SessionStart = 1;

    private readonly FileStream file;
    private readonly Action<string> warn;
    private bool failed;

    private TensorBoardLog(FileStream file, Action<string> warn) => (this.file, this.warn) = (file, warn);

    /// <summary>Begins a new file in a run folder, to go on after <paramref name="step"/> steps.</summary>
    /// <exception cref="IOException">The file cannot be made.</exception>
    public static TensorBoardLog Open(string folder, long step, Action<string> warn)
    {
        var file = new FileStream(NewName(folder), FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var log = new TensorBoardLog(file, warn);
        log.Append(Event(step: 0).Text(3, Version));
        if (step > 0)
        {
            log.Append(Event(step + 1).Message(7, new ProtoMessage().Integer(1, SessionStart)));
        }
        return log;
    }

    /// <summary>Appends an interval's figures.</summary>
    public void Write(StepMetrics m) => Append(m.Step, "train", m.Figures);

    /// <summary>Appends an evaluation's results.</summary>
    public void Write(EvalMetrics m) => Append(m.Step, "eval", m.Values.Select(v => (v.Key, (double?)v.Value)));

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    // Names sort by start: a second one within a second gets the next number, and so does one whose clock is behind that of the start before, set back or another machine's.
    private static string NewName(string folder)
    {
        var latest = Directory.EnumerateFiles(folder, Prefix + "*").Max(f => long.TryParse(Path.GetFileName(f)[Prefix.Length..].Split('.')[0], out var seconds) ? seconds : (long?)null);
        return Path.Combine(folder, $"{Prefix}{Math.Max(DateTimeOffset.UtcNow.ToUnixTimeSeconds(), latest + 1 ?? 0)}.{Environment.MachineName}");
    }

    // tensorflow/core/util/event.proto: wall_time 1, step 2, file_version 3, summary 5, session_log 7.
    private static ProtoMessage Event(long step)
    {
        var message = new ProtoMessage().Double(1, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0);
        return step == 0 ? message : message.Integer(2, step);
    }

    // summary.proto: value 1 with tag 1 and simple_value 2. What was not measured is left out; infinities and NaN are shown as such.
    private void Append(long step, string group, IEnumerable<(string Name, double? Value)> figures)
    {
        var summary = new ProtoMessage();
        foreach (var (name, value) in figures)
        {
            if (value is { } number)
            {
                summary.Message(1, new ProtoMessage().Text(1, $"{group}/{name}").Float(2, (float)number));
            }
        }
        Append(Event(step).Message(5, summary));
    }

    private void Append(ProtoMessage message)
    {
        try
        {
            if (!failed)
            {
                file.Write(Record(message.ToArray()));
            }
        }
        catch (Exception e) when (e is IOException or ArgumentOutOfRangeException)
        {
            // A record that was written in part ends what a reader can read of the file, so it ends here too.
            failed = true;
            warn($"{file.Name}: no more events are logged: {e.Message} The run goes on.");
        }
    }

    /// <summary>A TFRecord: the length, its masked CRC, the data, their masked CRC; all little-endian.</summary>
    internal static byte[] Record(ReadOnlySpan<byte> data)
    {
        var record = new byte[sizeof(ulong) + sizeof(uint) + data.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(sizeof(ulong)), MaskedCrc(record.AsSpan(0, sizeof(ulong))));
        data.CopyTo(record.AsSpan(sizeof(ulong) + sizeof(uint)));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(record.Length - sizeof(uint)), MaskedCrc(data));
        return record;
    }

    /// <summary>CRC-32C (Castagnoli).</summary>
    internal static uint Crc(ReadOnlySpan<byte> data)
    {
        var crc = ~0u;
        foreach (var value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }
        return ~crc;
    }

    // The mask keeps a CRC of data that hold CRCs from being trivial.
    private static uint MaskedCrc(ReadOnlySpan<byte> data) => BitOperations.RotateRight(Crc(data), 15) + 0xa282ead8;
}
