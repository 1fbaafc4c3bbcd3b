using System.Runtime.InteropServices;

namespace XClr.Train.Evaluation;

/// <summary>
/// Rows of numbers that may be more than one array holds (ImageNet's 1.28 million rows of 2,048 are 2.6 thousand million numbers, above an array's limit of 2^31): they lie in pieces of
/// whole rows. Growing copies nothing. Memory: 4 bytes a number, the last piece in full.
/// </summary>
public sealed class RowMatrix
{
    private const int PieceNumbers = 1 << 22;
    private readonly List<float[]> pieces = [];
    private readonly int rowsPerPiece;

    /// <param name="width">Numbers per row, 1 or more.</param>
    public RowMatrix(int width)
        : this(width, Math.Max(1, PieceNumbers / Math.Max(1, width)))
    {
    }

    internal RowMatrix(int width, int rowsPerPiece)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        (Width, this.rowsPerPiece) = (width, rowsPerPiece);
    }

    /// <summary>Numbers per row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Count { get; private set; }

    /// <summary>A row.</summary>
    public ReadOnlySpan<float> this[int row] => row >= 0 && row < Count
        ? pieces[row / rowsPerPiece].AsSpan(row % rowsPerPiece * Width, Width)
        : throw new ArgumentOutOfRangeException(nameof(row), row, $"There are {Count} rows.");

    /// <summary>Rows given row by row.</summary>
    /// <exception cref="ArgumentException">The numbers are no whole number of rows.</exception>
    public static RowMatrix Of(ReadOnlySpan<float> numbers, int width)
    {
        var matrix = new RowMatrix(width);
        matrix.Add(numbers);
        return matrix;
    }

    /// <summary>Appends rows, given row by row.</summary>
    /// <exception cref="ArgumentException">The numbers are no whole number of rows.</exception>
    public void Add(ReadOnlySpan<float> numbers)
    {
        if (numbers.Length % Width != 0)
        {
            throw new ArgumentException($"{numbers.Length} numbers are no whole number of rows of {Width}.", nameof(numbers));
        }
        for (; numbers.Length > 0; numbers = numbers[Width..])
        {
            if (Count == (long)pieces.Count * rowsPerPiece)
            {
                pieces.Add(new float[(long)rowsPerPiece * Width]);
            }
            numbers[..Width].CopyTo(pieces[^1].AsSpan(Count % rowsPerPiece * Width));
            Count++;
        }
    }

    /// <summary>A copy of some rows, in the order given.</summary>
    public RowMatrix Choose(IEnumerable<int> rows)
    {
        var copy = new RowMatrix(Width);
        foreach (var row in rows)
        {
            copy.Add(this[row]);
        }
        return copy;
    }

    /// <summary>A copy of the first rows, at most <paramref name="rows"/>, in one array.</summary>
    public float[] First(int rows)
    {
        var first = new float[Math.Min(rows, Count) * Width];
        for (var i = 0; i < first.Length / Width; i++)
        {
            this[i].CopyTo(first.AsSpan(i * Width));
        }
        return first;
    }

    /// <summary>Puts out all rows as float32, little-endian.</summary>
    public void Write(Stream stream)
    {
        for (var i = 0; i < Count; i += rowsPerPiece)
        {
            stream.Write(MemoryMarshal.AsBytes(pieces[i / rowsPerPiece].AsSpan(0, Math.Min(rowsPerPiece, Count - i) * Width)));
        }
    }

    /// <summary>Bytes of a matrix of so many rows.</summary>
    public static long BytesFor(long rows, int width) => 4 * rows * width;
}
