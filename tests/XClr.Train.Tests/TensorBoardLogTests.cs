using System.Buffers.Binary;
using System.Text;

namespace XClr.Train.Tests;

/// <summary>Event files against the format's own vectors, and read back by a reader of it that shares nothing with the writer.</summary>
public sealed class TensorBoardLogTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly List<string> warnings = [];

    public void Dispose() => folder.Dispose();

    private sealed record Scalar(long Step, string Tag, float Value);

    private static StepMetrics Metrics(long step) => new()
    {
        Step = step,
        TotalSteps = 100,
        Epoch = 0.5,
        Loss = 8 - step,
        LearningRate = 0.06,
        GradNorm = double.NaN,
        ImagesPerSecond = 12.5,
        DataWait = 0.25,
        Skipped = 2,
        Reduced = 0,
        DamagedCaptions = 0,
        Eta = TimeSpan.Zero,
    };

    private void Write(long resumedAt, params long[] steps)
    {
        using var log = TensorBoardLog.Open(folder, resumedAt, warnings.Add);
        foreach (var step in steps)
        {
            log.Write(Metrics(step));
        }
        log.Write(new EvalMetrics(steps[^1], new Dictionary<string, double> { ["knn_top1"] = 0.5 }));
    }

    [Fact]
    public void Crcs_are_those_of_the_standards_vectors()
    {
        // RFC 3720, B.4.
        Assert.Equal(0xe3069283u, TensorBoardLog.Crc("123456789"u8));
        Assert.Equal(0x8a9136aau, TensorBoardLog.Crc(new byte[32]));
        Assert.Equal(0x62a8ab43u, TensorBoardLog.Crc(Enumerable.Repeat((byte)0xff, 32).ToArray()));
        Assert.Equal(0x46dd794eu, TensorBoardLog.Crc(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()));
    }

    [Fact]
    public void A_file_begins_as_every_event_file_does()
    {
        Write(0, 1);
        var bytes = File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder)));
        // Length 24 and its masked CRC, then field 1, a double.
        Assert.Equal([0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22, 0x09], bytes[..13]);
        Assert.Equal("\x1a\x0d" + "brain.Event:2", Encoding.ASCII.GetString(bytes, 21, 15));
    }

    [Fact]
    public void Scalars_are_read_back_with_their_steps()
    {
        Write(0, 1, 300);
        var scalars = Read(Directory.GetFiles(folder).Single()).ToList();
        Assert.Equal([new Scalar(1, "train/loss", 7), new Scalar(300, "train/loss", -292)], scalars.Where(s => s.Tag == "train/loss"));
        Assert.Equal(new Scalar(300, "eval/knn_top1", 0.5f), scalars[^1]);
        Assert.True(float.IsNaN(scalars.First(s => s.Tag == "train/grad_norm").Value));
        Assert.DoesNotContain(scalars, s => s.Tag == "train/gpu_ms");
        Assert.Empty(warnings);
    }

    [Fact]
    public void A_resumed_run_has_a_new_file_that_begins_a_session()
    {
        Write(0, 1, 2, 3);
        Write(2, 3, 4);
        var files = Directory.GetFiles(folder).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(2, files.Count);
        Assert.Equal([3, 4], Read(files[1]).Where(s => s.Tag == "train/loss").Select(s => s.Step));
        // Step 3, session_log { status: START }.
        Assert.True(Records(files[1]).ElementAt(1).AsSpan(9).SequenceEqual((byte[])[0x10, 3, 0x3a, 2, 8, 1]));
    }

    /// <summary>TensorBoard reads files in the order of their names, and the last session's must be last.</summary>
    [Fact]
    public void A_start_whose_clock_is_behind_that_of_the_one_before_comes_after_it()
    {
        var (ahead, other) = (DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds(), "no.number");
        File.WriteAllBytes(Path.Combine(folder, $"events.out.tfevents.{ahead}.another.machine"), []);
        File.WriteAllBytes(Path.Combine(folder, $"events.out.tfevents.{other}"), []);
        Write(2, 3);
        Write(3, 4);
        var own = Directory.GetFiles(folder).Select(f => Path.GetFileName(f)).Where(f => f.EndsWith(Environment.MachineName, StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        Assert.Equal([$"events.out.tfevents.{ahead + 1}.{Environment.MachineName}", $"events.out.tfevents.{ahead + 2}.{Environment.MachineName}"], own);
    }

    private static IEnumerable<Scalar> Read(string path)
    {
        foreach (var record in Records(path))
        {
            var fields = Fields(record).ToList();
            var step = fields.Where(f => f.Number == 2).Select(f => (long)f.Value).FirstOrDefault();
            foreach (var value in fields.Where(f => f.Number == 5).SelectMany(f => Fields(f.Bytes)))
            {
                var scalar = Fields(value.Bytes).ToDictionary(f => f.Number);
                yield return new Scalar(step, Encoding.UTF8.GetString(scalar[1].Bytes), BinaryPrimitives.ReadSingleLittleEndian(scalar[2].Bytes));
            }
        }
    }

    private static IEnumerable<byte[]> Records(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        while (reader.BaseStream.Position < reader.BaseStream.Length)
        {
            var length = reader.ReadBytes(8);
            Assert.Equal(Masked(length), reader.ReadUInt32());
            var data = reader.ReadBytes((int)BinaryPrimitives.ReadUInt64LittleEndian(length));
            Assert.Equal(Masked(data), reader.ReadUInt32());
            yield return data;
        }
    }

    // Bit by bit, from the polynomial.
    private static uint Masked(byte[] data)
    {
        var crc = ~0u;
        foreach (var b in data)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++)
            {
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
            }
        }
        crc = ~crc;
        return (crc >> 15 | crc << 17) + 0xa282ead8;
    }

    private static IEnumerable<(int Number, ulong Value, byte[] Bytes)> Fields(byte[] message)
    {
        var at = 0;
        while (at < message.Length)
        {
            var tag = Varint(message, ref at);
            var length = (tag & 7) switch { 0 => 0, 1 => 8, 2 => (int)Varint(message, ref at), 5 => 4, _ => throw new InvalidDataException($"wire type {tag & 7}") };
            var value = (tag & 7) == 0 ? Varint(message, ref at) : 0;
            yield return ((int)(tag >> 3), value, message[at..(at + length)]);
            at += length;
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            value |= (ulong)(message[at] & 127) << shift;
            if (message[at++] < 128)
            {
                return value;
            }
        }
    }
}
