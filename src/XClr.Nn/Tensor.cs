using XClr.Gpu;

namespace XClr.Nn;

/// <summary>Storage type of a tensor's elements. Arithmetic and accumulation are fp32 whatever the storage.</summary>
public enum DType
{
    Float32,
    Float16,

    /// <summary>The upper half of an fp32: its range, eight bits of precision.</summary>
    BFloat16,
    UInt32,
    UInt8,
}

/// <summary>
/// A shape over a range of a buffer, dense, row-major; images are [N,H,W,C] with C padded to a multiple of 4, convolution weights are stored [R,S,C,K].
/// Converts to the range that a kernel binds.
/// </summary>
public sealed record Tensor(string Name, BufferView View, Shape Shape, DType Type = DType.Float32)
{
    /// <summary>Bytes of one element of a type.</summary>
    public static int SizeOf(DType type) => type switch { DType.Float32 or DType.UInt32 => 4, DType.Float16 or DType.BFloat16 => 2, _ => 1 };

    public long Bytes => Shape.Count * SizeOf(Type);

    /// <summary>Elements per index of the first dimension.</summary>
    public long RowCount => Shape.Count / Shape[0];

    /// <summary>Bytes per index of the first dimension.</summary>
    public long RowBytes => RowCount * SizeOf(Type);

    /// <summary>Rows start .. start + count of the first dimension, sharing the memory. The byte offset must suit the device where it is bound.</summary>
    public Tensor Rows(int start, int count)
    {
        var dims = Shape.Dims.ToArray();
        dims[0] = count;
        return this with { View = View.Slice(start * RowBytes, count * RowBytes), Shape = new Shape(dims) };
    }

    /// <summary>The same elements under another shape of the same count.</summary>
    public Tensor Reshape(params int[] dims)
    {
        var shape = new Shape(dims);
        return shape.Count == Shape.Count ? this with { Shape = shape } : throw new ShapeException($"'{Name}': {Shape} cannot be seen as {shape}.");
    }

    /// <summary>A persistent tensor with a buffer of its own.</summary>
    public static Tensor Persistent(string name, Shape shape, MemoryCategory category, DType type = DType.Float32)
    {
        var bytes = shape.Count * SizeOf(type);
        return new Tensor(name, new GpuBuffer(name, RoundUp(bytes, 4), category).Slice(0, RoundUp(bytes, 4)), shape, type);
    }

    public static implicit operator BufferView(Tensor tensor) => tensor.View with { Texel = tensor.Type switch { DType.Float16 => TexelType.Half, DType.BFloat16 => TexelType.BFloat16, _ => TexelType.Single } };

    internal static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;
}

/// <summary>What ops need from a recorder besides dispatching.</summary>
public static class RecorderExtensions
{
    /// <summary>A tensor that lives from its first write to its last read inside the plan being recorded.</summary>
    public static Tensor NewTensor(this Recorder gpu, string name, Shape shape, MemoryCategory category = MemoryCategory.Activations, DType type = DType.Float32)
    {
        var bytes = Tensor.RoundUp(shape.Count * Tensor.SizeOf(type), 4);
        return new Tensor(name, gpu.Transient(name, bytes, category).View, shape, type);
    }

    /// <summary>
    /// Splits rows (first dimension) into runs such that each of the tensors, which all have that many rows, binds at most maxStorageBufferRange
    /// bytes per run and starts every run at a legal offset. One run if everything fits.
    /// </summary>
    /// <exception cref="ShapeException">Even the smallest aligned run of rows is larger than a binding may be.</exception>
    public static IEnumerable<(int Start, int Count)> RowRuns(this Recorder gpu, params Tensor[] tensors)
    {
        var rows = tensors[0].Shape[0];
        long perRun = rows, step = 1;
        foreach (var tensor in tensors)
        {
            Shape.Require([rows, .. tensor.Shape.Dims[1..]], tensor);
            perRun = Math.Min(perRun, gpu.Caps.MaxStorageBufferRange / tensor.RowBytes);
            step = Lcm(step, gpu.Caps.MinStorageBufferOffsetAlignment / Gcd(tensor.RowBytes, gpu.Caps.MinStorageBufferOffsetAlignment));
        }
        if (perRun < rows)
        {
            perRun -= perRun % step;
            if (perRun <= 0)
            {
                var widest = tensors.MaxBy(t => t.RowBytes)!;
                throw new ShapeException($"'{widest.Name}' {widest.Shape} needs {step * widest.RowBytes} bytes per run of rows, above the device's maxStorageBufferRange of {gpu.Caps.MaxStorageBufferRange}.");
            }
        }
        for (long start = 0; start < rows; start += perRun)
        {
            yield return ((int)start, (int)Math.Min(perRun, rows - start));
        }
    }

    private static long Gcd(long a, long b) => b == 0 ? a : Gcd(b, a % b);

    private static long Lcm(long a, long b) => a / Gcd(a, b) * b;
}
