using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace XClr.Nn;

/// <summary>
/// A tensor to be written. <paramref name="Shape"/>: outermost dimension first, [] is a scalar. <paramref name="Write"/> puts out
/// exactly the tensor's bytes, little-endian and row-major; it runs while the file is written, so data can be fetched one tensor at a time.
/// </summary>
public sealed record SafetensorsEntry(string Name, SafetensorsDType DType, IReadOnlyList<long> Shape, Action<Stream> Write)
{
    /// <summary>A float32 tensor.</summary>
    /// <exception cref="SafetensorsException">The number of values is not the shape's.</exception>
    public static SafetensorsEntry Float32(string name, IReadOnlyList<long> shape, ReadOnlyMemory<float> values) =>
        Of(name, SafetensorsDType.F32, shape, values);

    /// <summary>A float64 tensor.</summary>
    /// <exception cref="SafetensorsException">The number of values is not the shape's.</exception>
    public static SafetensorsEntry Float64(string name, IReadOnlyList<long> shape, ReadOnlyMemory<double> values) =>
        Of(name, SafetensorsDType.F64, shape, values);

    /// <summary>An int64 tensor.</summary>
    /// <exception cref="SafetensorsException">The number of values is not the shape's.</exception>
    public static SafetensorsEntry Int64(string name, IReadOnlyList<long> shape, ReadOnlyMemory<long> values) =>
        Of(name, SafetensorsDType.I64, shape, values);

    /// <summary>A tensor of bytes (U8).</summary>
    /// <exception cref="SafetensorsException">The number of values is not the shape's.</exception>
    public static SafetensorsEntry Bytes(string name, IReadOnlyList<long> shape, ReadOnlyMemory<byte> values) =>
        Of(name, SafetensorsDType.U8, shape, values);

    /// <summary>Bytes of the tensor.</summary>
    /// <exception cref="SafetensorsException">A dimension is negative, or the product overflows.</exception>
    public long ByteLength
    {
        get
        {
            Int128 bytes = DType.Size();
            foreach (var dimension in Shape)
            {
                if (dimension < 0 || (bytes *= dimension) > long.MaxValue)
                {
                    throw new SafetensorsException($"'{Name}' has the impossible shape [{string.Join(',', Shape)}]");
                }
            }
            return (long)bytes;
        }
    }

    private static SafetensorsEntry Of<T>(string name, SafetensorsDType type, IReadOnlyList<long> shape, ReadOnlyMemory<T> values)
        where T : unmanaged
    {
        var entry = new SafetensorsEntry(name, type, shape, stream => WriteValues(stream, values));
        return entry.ByteLength == (long)values.Length * type.Size()
            ? entry
            : throw new SafetensorsException($"'{name}' of shape [{string.Join(',', shape)}] was given {values.Length} values");
    }

    private static void WriteValues<T>(Stream stream, ReadOnlyMemory<T> values) where T : unmanaged
    {
        const int Chunk = 1 << 20; // values; keeps the byte span of one call below 2 GiB
        for (var first = 0; first < values.Length; first += Chunk)
        {
            stream.Write(MemoryMarshal.AsBytes(values.Span.Slice(first, Math.Min(Chunk, values.Length - first))));
        }
    }
}

/// <summary>Writes safetensors files.</summary>
public static class SafetensorsWriter
{
    /// <summary>Writes a file durably: as path.tmp, synced, renamed, the folder synced. Data begin on a multiple of 8 bytes.</summary>
    /// <exception cref="SafetensorsException">A name is empty, reserved or given twice; a shape or the data written do not fit.</exception>
    /// <exception cref="IOException">The disk is full or not writable; an older file of this name is intact.</exception>
    public static void Write(string path, IEnumerable<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = Order(path, entries);
        DurableFile.Write(path, stream => Write(path, stream, ordered, metadata));
    }

    /// <summary>Writes a file in place and syncs it: for folders that are renamed as a whole. Errors as in the durable form.</summary>
    public static void WriteSynced(string path, IEnumerable<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = Order(path, entries);
        DurableFile.WriteSynced(path, stream => Write(path, stream, ordered, metadata));
    }

    /// <summary>Wide types first, as the format's reference implementation lays them out, so that every tensor is aligned to its type.</summary>
    private static List<SafetensorsEntry> Order(string path, IEnumerable<SafetensorsEntry> entries)
    {
        var ordered = entries.OrderByDescending(e => e.DType.Size()).ToList();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in ordered)
        {
            if (entry.Name is "" or SafetensorsHeader.MetadataName || !names.Add(entry.Name))
            {
                throw new SafetensorsException($"{path}: tensor name '{entry.Name}' is empty, reserved or given twice");
            }
        }
        return ordered;
    }

    private static void Write(string path, Stream stream, List<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata)
    {
        var json = Header(entries, metadata);
        var padded = (json.Length + 7) / 8 * 8;
        if (padded > SafetensorsHeader.MaxBytes)
        {
            throw new SafetensorsException($"{path}: the header would have {padded} bytes, the format's limit is {SafetensorsHeader.MaxBytes}");
        }
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, padded);
        stream.Write(prefix);
        stream.Write(json);
        for (var i = json.Length; i < padded; i++)
        {
            stream.WriteByte((byte)' ');
        }
        foreach (var entry in entries)
        {
            var begin = stream.Position;
            entry.Write(stream);
            if (stream.Position - begin != entry.ByteLength)
            {
                throw new SafetensorsException($"{path}: '{entry.Name}' wrote {stream.Position - begin} bytes, its type and shape need {entry.ByteLength}");
            }
        }
    }

    private static ReadOnlySpan<byte> Header(List<SafetensorsEntry> entries, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        if (metadata is { Count: > 0 })
        {
            json.WriteStartObject(SafetensorsHeader.MetadataName);
            foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                json.WriteString(key, value);
            }
            json.WriteEndObject();
        }
        long begin = 0;
        foreach (var entry in entries)
        {
            json.WriteStartObject(entry.Name);
            json.WriteString("dtype", entry.DType.ToString());
            WriteNumbers(json, "shape", entry.Shape);
            WriteNumbers(json, "data_offsets", [begin, begin + entry.ByteLength]);
            json.WriteEndObject();
            begin = checked(begin + entry.ByteLength);
        }
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
        {
            json.WriteNumberValue(number);
        }
        json.WriteEndArray();
    }
}
