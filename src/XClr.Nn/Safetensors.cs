using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using XClr.Nn.Weights;

namespace XClr.Nn;

/// <summary>Element types of the safetensors format, named as in its header.</summary>
public enum SafetensorsDType
{
    /// <summary>One byte, 0 or 1.</summary>
    BOOL,
    U8,
    I8,
    U16,
    I16,
    F16,
    BF16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
}

/// <summary>A safetensors file that is malformed, or lacks what was asked of it. The message names file, tensor and value.</summary>
public sealed class SafetensorsException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>One tensor of a file, and its place in the data part, in bytes.</summary>
public sealed record SafetensorsTensor(string Name, SafetensorsDType DType, IReadOnlyList<long> Shape, long Begin, long End) : WeightTensor(Name, DType, Shape);

/// <summary>Sizes of element types.</summary>
public static class SafetensorsDTypes
{
    /// <summary>Bytes per element.</summary>
    public static int Size(this SafetensorsDType type) => type switch
    {
        SafetensorsDType.BOOL or SafetensorsDType.U8 or SafetensorsDType.I8 => 1,
        SafetensorsDType.U16 or SafetensorsDType.I16 or SafetensorsDType.F16 or SafetensorsDType.BF16 => 2,
        SafetensorsDType.U32 or SafetensorsDType.I32 or SafetensorsDType.F32 => 4,
        SafetensorsDType.U64 or SafetensorsDType.I64 or SafetensorsDType.F64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such element type"),
    };
}

/// <summary>
/// A safetensors file opened for reading: the header is read and checked at once, tensors when asked for.
/// Reads are positional, so several threads may read at the same time.
/// </summary>
public sealed class SafetensorsFile : IWeightFile
{
    private const int ChunkBytes = 1 << 20;
    private readonly SafeFileHandle handle;
    private readonly long dataStart;
    private readonly Dictionary<string, SafetensorsTensor> byName;

    private SafetensorsFile(string path, SafeFileHandle handle, SafetensorsHeader header)
    {
        Path = path;
        this.handle = handle;
        dataStart = header.DataStart;
        Tensors = header.Tensors;
        Metadata = header.Metadata;
        byName = header.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
    }

    /// <summary>The path as given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>All tensors, in the order of their data.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    IReadOnlyList<WeightTensor> IWeightFile.Tensors => Tensors;

    /// <summary>The header's `__metadata__`; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header against its length.</summary>
    /// <exception cref="SafetensorsException">The file is missing, cannot be read, or is no valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SafetensorsException($"{path}: cannot be opened: {e.Message}", e);
        }
        try
        {
            return new SafetensorsFile(path, handle, SafetensorsHeader.Read(path, handle));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>True where the file has a tensor of this name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>The tensor of this name.</summary>
    /// <exception cref="SafetensorsException">There is none.</exception>
    public SafetensorsTensor this[string name] => byName.TryGetValue(name, out var tensor)
        ? tensor
        : throw new SafetensorsException($"{Path}: has no tensor '{name}'; it holds {Tensors.Count}: {Excerpt()}");

    WeightTensor IWeightFile.this[string name] => this[name];

    /// <summary>Requires a tensor of this shape.</summary>
    /// <exception cref="SafetensorsException">It is missing, or has another shape.</exception>
    public SafetensorsTensor Require(string name, params ReadOnlySpan<long> shape)
    {
        var tensor = this[name];
        return shape.SequenceEqual(tensor.Shape.ToArray())
            ? tensor
            : throw new SafetensorsException($"{Path}: '{name}' has shape {tensor.ShapeText}, expected [{string.Join(',', shape.ToArray())}]");
    }

    /// <summary>Reads F32, F16, BF16 or F64 as float32 (F64 rounds to nearest), elements in row-major order.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another element type, or too long for an array.</exception>
    public float[] ReadFloat32(string name)
    {
        var result = new float[ArrayLength(this[name])];
        ReadFloat32(name, result);
        return result;
    }

    /// <summary>As <see cref="ReadFloat32(string)"/>, into a span of exactly the tensor's length.</summary>
    public void ReadFloat32(string name, Span<float> destination)
    {
        var tensor = this[name];
        if (tensor.Count != destination.Length)
        {
            throw new SafetensorsException($"{Path}: '{name}' has {tensor.Count} elements, expected {destination.Length}");
        }
        if (tensor.DType == SafetensorsDType.F32)
        {
            ReadExactly(tensor, 0, MemoryMarshal.AsBytes(destination));
            return;
        }
        Convert(tensor, destination, tensor.DType switch
        {
            SafetensorsDType.F64 => static b => (float)BinaryPrimitives.ReadDoubleLittleEndian(b),
            SafetensorsDType.F16 => static b => (float)BinaryPrimitives.ReadHalfLittleEndian(b),
            SafetensorsDType.BF16 => static b => BFloat16.Value(BinaryPrimitives.ReadUInt16LittleEndian(b)),
            _ => throw WrongType(tensor, "a floating-point type (F32, F16, BF16 or F64)"),
        });
    }

    /// <summary>Reads F64, F32, F16 or BF16 as float64, elements in row-major order.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another element type, or too long for an array.</exception>
    public double[] ReadFloat64(string name)
    {
        var tensor = this[name];
        var result = new double[ArrayLength(tensor)];
        Convert(tensor, result.AsSpan(), tensor.DType switch
        {
            SafetensorsDType.F64 => static b => BinaryPrimitives.ReadDoubleLittleEndian(b),
            SafetensorsDType.F32 => static b => BinaryPrimitives.ReadSingleLittleEndian(b),
            SafetensorsDType.F16 => static b => (double)BinaryPrimitives.ReadHalfLittleEndian(b),
            SafetensorsDType.BF16 => static b => BFloat16.Value(BinaryPrimitives.ReadUInt16LittleEndian(b)),
            _ => throw WrongType(tensor, "a floating-point type (F64, F32, F16 or BF16)"),
        });
        return result;
    }

    /// <summary>Reads any integer type or BOOL as int64, elements in row-major order.</summary>
    /// <exception cref="SafetensorsException">No such tensor, a floating-point type, a U64 above int64, or too long for an array.</exception>
    public long[] ReadInt64(string name)
    {
        var tensor = this[name];
        var result = new long[ArrayLength(tensor)];
        Convert(tensor, result.AsSpan(), tensor.DType switch
        {
            SafetensorsDType.I64 => static b => BinaryPrimitives.ReadInt64LittleEndian(b),
            SafetensorsDType.I32 => static b => BinaryPrimitives.ReadInt32LittleEndian(b),
            SafetensorsDType.U32 => static b => BinaryPrimitives.ReadUInt32LittleEndian(b),
            SafetensorsDType.I16 => static b => BinaryPrimitives.ReadInt16LittleEndian(b),
            SafetensorsDType.U16 => static b => BinaryPrimitives.ReadUInt16LittleEndian(b),
            SafetensorsDType.I8 => static b => (sbyte)b[0],
            SafetensorsDType.U8 or SafetensorsDType.BOOL => static b => b[0],
            SafetensorsDType.U64 => b => BinaryPrimitives.ReadUInt64LittleEndian(b) is var u && u <= long.MaxValue
                ? (long)u
                : throw new SafetensorsException($"{Path}: '{name}' holds {u}, above the largest int64"),
            _ => throw WrongType(tensor, "an integer type"),
        });
        return result;
    }

    /// <summary>Reads the bytes as they lie in the file (little-endian).</summary>
    /// <exception cref="SafetensorsException">No such tensor, or too long for an array.</exception>
    public byte[] ReadBytes(string name)
    {
        var tensor = this[name];
        var length = tensor.End - tensor.Begin;
        var result = new byte[length <= Array.MaxLength ? length : throw TooLong(tensor)];
        ReadExactly(tensor, 0, result);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();

    private delegate T Element<T>(ReadOnlySpan<byte> bytes);

    private void Convert<T>(SafetensorsTensor tensor, Span<T> destination, Element<T> read)
    {
        var size = tensor.DType.Size();
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (var first = 0; first < destination.Length; first += ChunkBytes / size)
            {
                var count = Math.Min(destination.Length - first, ChunkBytes / size);
                var bytes = buffer.AsSpan(0, count * size);
                ReadExactly(tensor, (long)first * size, bytes);
                for (var i = 0; i < count; i++)
                {
                    destination[first + i] = read(bytes[(i * size)..]);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void ReadExactly(SafetensorsTensor tensor, long offset, Span<byte> destination) =>
        SafetensorsHeader.ReadExactly(Path, handle, dataStart + tensor.Begin + offset, destination, $"'{tensor.Name}'");

    private int ArrayLength(SafetensorsTensor tensor) => tensor.Count <= Array.MaxLength ? (int)tensor.Count : throw TooLong(tensor);

    private SafetensorsException TooLong(SafetensorsTensor tensor) =>
        new($"{Path}: '{tensor.Name}' {tensor.ShapeText} is too long for one array ({Array.MaxLength} elements)");

    private SafetensorsException WrongType(SafetensorsTensor tensor, string expected) =>
        new($"{Path}: '{tensor.Name}' is {tensor.DType}, expected {expected}");

    private string Excerpt() => string.Join(", ", Tensors.Take(8).Select(t => t.Name)) + (Tensors.Count > 8 ? ", ..." : "");
}
