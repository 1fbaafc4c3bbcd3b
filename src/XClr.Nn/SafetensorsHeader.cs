using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace XClr.Nn;

/// <summary>The checked header of a safetensors file: 8 bytes of length (little-endian), then JSON, then the data part.</summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The format's own limit on the JSON, in bytes.</summary>
    public const long MaxBytes = 100_000_000;

    /// <summary>The reserved name of the string-to-string map.</summary>
    public const string MetadataName = "__metadata__";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string path;
    private readonly Dictionary<string, string> metadata = new(StringComparer.Ordinal);
    private readonly List<SafetensorsTensor> tensors = [];

    private SafetensorsHeader(string path, long dataStart)
    {
        this.path = path;
        DataStart = dataStart;
    }

    /// <summary>Where the data part begins, in bytes from the start of the file.</summary>
    public long DataStart { get; }

    /// <summary>All tensors, in the order of their data.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors => tensors;

    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <exception cref="SafetensorsException">The header breaks a rule of the format, or the file is cut off.</exception>
    public static SafetensorsHeader Read(string path, SafeFileHandle handle)
    {
        var fileLength = RandomAccess.GetLength(handle);
        if (fileLength < 8)
        {
            throw new SafetensorsException($"{path}: {fileLength} bytes are too few for a safetensors file; is it cut off?");
        }
        Span<byte> prefix = stackalloc byte[8];
        ReadExactly(path, handle, 0, prefix, "the header length");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length is < 2 or > MaxBytes || (long)length > fileLength - 8)
        {
            throw new SafetensorsException($"{path}: header length {length} does not fit (file: {fileLength} bytes, limit: {MaxBytes}); not a safetensors file, or cut off");
        }
        var json = new byte[length];
        ReadExactly(path, handle, 8, json, "the header");
        var header = new SafetensorsHeader(path, 8 + (long)length);
        header.Parse(json);
        header.CheckLayout(fileLength - header.DataStart);
        return header;
    }

    /// <summary>Fills <paramref name="destination"/> from the file at <paramref name="offset"/>.</summary>
    /// <exception cref="SafetensorsException">The disk failed, or the file ended early.</exception>
    public static void ReadExactly(string path, SafeFileHandle handle, long offset, Span<byte> destination, string what)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                var count = RandomAccess.Read(handle, destination, offset);
                if (count == 0)
                {
                    throw new SafetensorsException($"{path}: ends at byte {offset} inside {what}; was it cut off while open?");
                }
                destination = destination[count..];
                offset += count;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException($"{path}: reading {what} failed: {e.Message}", e);
        }
    }

    private void Parse(byte[] json)
    {
        if (json[0] != (byte)'{')
        {
            throw Error($"the header begins with byte 0x{json[0]:x2}, expected '{{'");
        }
        try
        {
            _ = StrictUtf8.GetCharCount(json);
            using var document = JsonDocument.Parse(json);
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (!names.Add(property.Name))
                {
                    throw Error($"'{property.Name}' is listed twice");
                }
                if (property.Name == MetadataName)
                {
                    ParseMetadata(property.Value);
                }
                else
                {
                    tensors.Add(ParseTensor(property.Name, property.Value));
                }
            }
        }
        // InvalidOperationException: an escape such as \ud800 that is no character.
        catch (Exception e) when (e is JsonException or DecoderFallbackException or InvalidOperationException)
        {
            throw new SafetensorsException($"{path}: the header is no valid JSON: {e.Message}", e);
        }
    }

    private void ParseMetadata(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw Error($"{MetadataName} is {value.ValueKind}, expected an object");
        }
        foreach (var property in value.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
            {
                throw Error($"{MetadataName}.{property.Name} is {property.Value.ValueKind}, expected a string");
            }
            if (!metadata.TryAdd(property.Name, property.Value.GetString()!))
            {
                throw Error($"{MetadataName}.{property.Name} is listed twice");
            }
        }
    }

    private SafetensorsTensor ParseTensor(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw Error($"'{name}' is {value.ValueKind}, expected an object with dtype, shape and data_offsets");
        }
        JsonElement? dtype = null, shape = null, offsets = null;
        foreach (var field in value.EnumerateObject())
        {
            ref var slot = ref dtype;
            if (field.NameEquals("shape"))
            {
                slot = ref shape;
            }
            else if (field.NameEquals("data_offsets"))
            {
                slot = ref offsets;
            }
            else if (!field.NameEquals("dtype"))
            {
                throw Error($"'{name}' has an unknown field '{field.Name}'");
            }
            if (slot is not null)
            {
                throw Error($"'{name}' lists '{field.Name}' twice");
            }
            slot = field.Value;
        }
        var type = ParseDType(name, dtype);
        var dimensions = ParseNumbers(name, "shape", shape);
        var range = ParseNumbers(name, "data_offsets", offsets);
        if (range.Length != 2 || range[0] > range[1])
        {
            throw Error($"'{name}' has data_offsets [{string.Join(',', range)}], expected [begin, end]");
        }
        CheckSize(name, type, dimensions, range[1] - range[0]);
        return new SafetensorsTensor(name, type, dimensions, range[0], range[1]);
    }

    private SafetensorsDType ParseDType(string name, JsonElement? value)
    {
        var text = value is { ValueKind: JsonValueKind.String } v ? v.GetString()! : throw Error($"'{name}' has no dtype string");
        foreach (var type in Enum.GetValues<SafetensorsDType>())
        {
            if (type.ToString() == text)
            {
                return type;
            }
        }
        throw Error($"'{name}' has dtype '{text}', known are {string.Join(' ', Enum.GetNames<SafetensorsDType>())}");
    }

    private long[] ParseNumbers(string name, string field, JsonElement? value)
    {
        if (value is not { ValueKind: JsonValueKind.Array } array)
        {
            throw Error($"'{name}' has no {field} array");
        }
        var numbers = new long[array.GetArrayLength()];
        var i = 0;
        foreach (var number in array.EnumerateArray())
        {
            if (number.ValueKind != JsonValueKind.Number || !number.TryGetInt64(out numbers[i]) || numbers[i] < 0)
            {
                throw Error($"'{name}' has {field}[{i}] = {number.GetRawText()}, expected an integer from 0 to 2^63-1");
            }
            i++;
        }
        return numbers;
    }

    private void CheckSize(string name, SafetensorsDType type, long[] shape, long bytes)
    {
        Int128 expected = type.Size();
        foreach (var dimension in shape)
        {
            if ((expected *= dimension) > long.MaxValue)
            {
                throw Error($"'{name}' of shape [{string.Join(',', shape)}] is larger than any file");
            }
        }
        if (expected != bytes)
        {
            throw Error($"'{name}' of type {type} and shape [{string.Join(',', shape)}] needs {expected} bytes, its data_offsets span {bytes}");
        }
    }

    private void CheckLayout(long dataLength)
    {
        tensors.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long end = 0;
        foreach (var tensor in tensors)
        {
            if (tensor.Begin != end)
            {
                throw Error($"'{tensor.Name}' begins at byte {tensor.Begin} of the data, expected {end}: tensors overlap or leave a hole");
            }
            end = tensor.End;
            if (end > dataLength)
            {
                throw Error($"'{tensor.Name}' ends at byte {end} of the data, but the file holds {dataLength}; is it cut off?");
            }
        }
        if (end != dataLength)
        {
            throw Error($"{dataLength - end} bytes follow the last tensor");
        }
    }

    private SafetensorsException Error(string what) => new($"{path}: {what}");
}
