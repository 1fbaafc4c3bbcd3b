using System.Collections.Immutable;

namespace XClr.Nn.Weights;

/// <summary>One tensor of a file: element type and shape (outermost dimension first, [] is a scalar).</summary>
public record WeightTensor(string Name, SafetensorsDType DType, IReadOnlyList<long> Shape)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (n, d) => n * d);

    /// <summary>The shape as [2,3].</summary>
    public string ShapeText => $"[{string.Join(',', Shape)}]";
}

/// <summary>A file of named tensors to read weights from.</summary>
public interface IWeightFile : IDisposable
{
    /// <summary>The path as it was given.</summary>
    string Path { get; }

    IReadOnlyList<WeightTensor> Tensors { get; }

    /// <summary>What the file says beside its tensors; empty where its kind has no such place.</summary>
    IReadOnlyDictionary<string, string> Metadata => ImmutableDictionary<string, string>.Empty;

    /// <summary>True where the file has a tensor of this name.</summary>
    bool Contains(string name);

    /// <summary>The tensor of this name.</summary>
    /// <exception cref="SafetensorsException">There is none.</exception>
    WeightTensor this[string name] { get; }

    /// <summary>Reads floating-point elements as float32, in row-major order.</summary>
    /// <exception cref="SafetensorsException">No such tensor, another element type, or too long for an array.</exception>
    float[] ReadFloat32(string name);
}
