using System.Numerics.Tensors;

namespace XClr.Train.Evaluation;

/// <summary>Solves A X = B for a symmetric, positive definite A, in double precision, on all cores.</summary>
internal static class Cholesky
{
    /// <summary>a: A's rows, whose lower triangle becomes the factor; b: B's rows, which become X's.</summary>
    /// <exception cref="ArithmeticException">A is not positive definite.</exception>
    public static void Solve(double[][] a, double[][] b)
    {
        Factor(a);
        var columns = b[0].Length;
        var chunk = Math.Max(1, (columns + Environment.ProcessorCount - 1) / Environment.ProcessorCount);
        Parallel.For(0, (columns + chunk - 1) / chunk, c => Substitute(a, b, c * chunk, Math.Min(chunk, columns - (c * chunk))));
    }

    private static void Factor(double[][] a)
    {
        for (var j = 0; j < a.Length; j++)
        {
            var pivot = a[j][j] - TensorPrimitives.SumOfSquares<double>(a[j].AsSpan(0, j));
            if (!(pivot > 0))
            {
                throw new ArithmeticException($"The matrix is not positive definite at row {j} of {a.Length}.");
            }
            var root = Math.Sqrt(pivot);
            a[j][j] = root;
            var column = j;
            Parallel.For(j + 1, a.Length, i => a[i][column] = (a[i][column] - TensorPrimitives.Dot<double>(a[i].AsSpan(0, column), a[column].AsSpan(0, column))) / root);
        }
    }

    private static void Substitute(double[][] l, double[][] b, int first, int count)
    {
        Span<double> Part(int i) => b[i].AsSpan(first, count);
        for (var i = 0; i < l.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                TensorPrimitives.MultiplyAdd<double>(Part(j), -l[i][j], Part(i), Part(i));
            }
            TensorPrimitives.Divide(Part(i), l[i][i], Part(i));
        }
        for (var i = l.Length - 1; i >= 0; i--)
        {
            for (var j = i + 1; j < l.Length; j++)
            {
                TensorPrimitives.MultiplyAdd<double>(Part(j), -l[j][i], Part(i), Part(i));
            }
            TensorPrimitives.Divide(Part(i), l[i][i], Part(i));
        }
    }
}
