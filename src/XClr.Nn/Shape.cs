using System.Runtime.CompilerServices;

namespace XClr.Nn;

/// <summary>A tensor's or an op's shape is not what the operation needs; the message names the tensor, the actual and the expected shape.</summary>
public sealed class ShapeException(string message) : Exception(message);

/// <summary>Dimensions of a tensor, outermost first. Immutable; equal when all dimensions are.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    private readonly int[] dims;

    public Shape(params int[] dims)
    {
        if (dims.Any(d => d <= 0))
        {
            throw new ShapeException($"Every dimension must be positive, not [{string.Join(',', dims)}].");
        }
        this.dims = dims;
    }

    public int Rank => dims.Length;

    /// <summary>Product of the dimensions.</summary>
    public long Count => dims.Aggregate(1L, (n, d) => n * d);
    public int this[int axis] => dims[axis];
    public ReadOnlySpan<int> Dims => dims;

    /// <summary>[N,H,W,C] as its four numbers.</summary>
    public (int N, int H, int W, int C) AsNhwc() => Rank == 4 ? (dims[0], dims[1], dims[2], dims[3]) : throw new ShapeException($"Expected [N,H,W,C], not {this}.");

    /// <summary>All but the last dimension folded into rows: [M,C].</summary>
    /// <exception cref="ShapeException">No dimension, or more rows than an int counts.</exception>
    public (int M, int C) As2D()
    {
        if (Rank == 0)
        {
            throw new ShapeException("Expected at least one dimension.");
        }
        var rows = Count / dims[^1];
        return rows <= int.MaxValue ? ((int)rows, dims[^1]) : throw new ShapeException($"{this} has {rows} rows, more than {int.MaxValue}; use a smaller batch or image.");
    }

    /// <summary>Throws unless every tensor has this shape. A dimension of -1 matches anything.</summary>
    public static void Require(ReadOnlySpan<int> expected, Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "", [CallerFilePath] string file = "")
    {
        var same = tensor.Shape.Rank == expected.Length;
        for (var i = 0; same && i < expected.Length; i++)
        {
            same = expected[i] == -1 || expected[i] == tensor.Shape[i];
        }
        if (!same)
        {
            throw new ShapeException($"{Path.GetFileNameWithoutExtension(file)}: {name} ('{tensor.Name}') has shape {tensor.Shape}, expected [{string.Join(',', expected.ToArray())}].");
        }
    }

    public bool Equals(Shape other) => Dims.SequenceEqual(other.Dims);
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);
    public override int GetHashCode() => dims.Aggregate(17, HashCode.Combine);
    public override string ToString() => $"[{string.Join(',', dims)}]";
    public static bool operator ==(Shape a, Shape b) => a.Equals(b);
    public static bool operator !=(Shape a, Shape b) => !a.Equals(b);
}
