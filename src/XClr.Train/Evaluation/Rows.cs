using System.Numerics.Tensors;

namespace XClr.Train.Evaluation;

/// <summary>Helpers on row-major matrices.</summary>
internal static class Rows
{
    /// <summary>Dot product of two rows.</summary>
    public static float Dot(float[] matrix, int i, int j, int width) => TensorPrimitives.Dot<float>(matrix.AsSpan(i * width, width), matrix.AsSpan(j * width, width));

    /// <summary>Mean cosine of all pairs of different rows, which are L2-normalised or zero.</summary>
    public static double MeanOffDiagonalCosine(float[] unit, int width)
    {
        // The sum over all pairs is the squared norm of the rows' sum; the diagonal is the sum of the rows' squared norms.
        var (sum, diagonal, n) = (new double[width], 0.0, unit.Length / width);
        for (var i = 0; i < unit.Length; i++)
        {
            sum[i % width] += unit[i];
            diagonal += (double)unit[i] * unit[i];
        }
        return (sum.Sum(s => s * s) - diagonal) / ((double)n * (n - 1));
    }

    /// <summary>A copy with every row divided by its L2 norm; zero rows stay zero.</summary>
    public static RowMatrix Normalized(RowMatrix rows)
    {
        var unit = new RowMatrix(rows.Width);
        for (var i = 0; i < rows.Count; i++)
        {
            unit.Add(Normalized(rows[i].ToArray(), rows.Width));
        }
        return unit;
    }

    /// <summary>A copy with every row divided by its L2 norm; zero rows stay zero.</summary>
    public static float[] Normalized(float[] matrix, int width)
    {
        var unit = (float[])matrix.Clone();
        for (var at = 0; at < unit.Length; at += width)
        {
            var row = unit.AsSpan(at, width);
            var norm = TensorPrimitives.Norm<float>(row);
            if (norm > 0)
            {
                TensorPrimitives.Divide(row, norm, row);
            }
        }
        return unit;
    }
}
