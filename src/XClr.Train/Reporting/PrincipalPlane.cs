using System.Numerics.Tensors;
using XClr.Train.Evaluation;

namespace XClr.Train.Reporting;

/// <summary>The first two principal components of rows, by subspace iteration on the centred Gram matrix [n,n] in double precision.</summary>
internal static class PrincipalPlane
{
    private const int Iterations = 100;

    /// <summary>Each row's place, and the share of the variance that the two axes hold (0 where the rows have none).</summary>
    public static ((double X, double Y)[] Places, double Explained) Of(RowMatrix rows)
    {
        var (gram, n) = (CentredGram(rows), rows.Count);
        var total = Enumerable.Range(0, n).Sum(i => gram[i][i]);
        var random = new Random(0);
        var (first, second) = (Start(random, n), Start(random, n));
        var (a, b) = (0.0, 0.0);
        for (var i = 0; i < Iterations && total > 0; i++)
        {
            (first, a) = Next(gram, first, []);
            (second, b) = Next(gram, second, first);
        }
        return total > 0 ? ([.. first.Zip(second, (x, y) => (x * Math.Sqrt(a), y * Math.Sqrt(b)))], (a + b) / total) : (new (double, double)[n], 0);
    }

    private static double[] Start(Random random, int n) => [.. Enumerable.Range(0, n).Select(_ => random.NextDouble() - 0.5)];

    private static (double[] Vector, double Value) Next(double[][] gram, double[] vector, double[] orthogonalTo)
    {
        double[] next = [.. gram.Select(row => TensorPrimitives.Dot<double>(row, vector))];
        if (orthogonalTo.Length > 0)
        {
            TensorPrimitives.MultiplyAdd<double>(orthogonalTo, -TensorPrimitives.Dot<double>(orthogonalTo, next), next, next);
        }
        var norm = TensorPrimitives.Norm<double>(next);
        if (norm > 0)
        {
            TensorPrimitives.Divide(next, norm, next);
        }
        return (next, norm);
    }

    private static double[][] CentredGram(RowMatrix rows)
    {
        var n = rows.Count;
        double[][] gram = [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Select(j => (double)TensorPrimitives.Dot(rows[i], rows[j])).ToArray())];
        double[] means = [.. gram.Select(row => row.Average())];
        var mean = means.Average();
        return [.. gram.Select((row, i) => row.Select((v, j) => v - means[i] - means[j] + mean).ToArray())];
    }
}
