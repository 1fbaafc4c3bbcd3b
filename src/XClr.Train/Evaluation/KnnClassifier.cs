using System.Numerics.Tensors;

namespace XClr.Train.Evaluation;

/// <summary>
/// Weighted k nearest neighbours by cosine: each of the k most similar bank rows votes for its label with weight exp(similarity / 0.1);
/// ties go to the lower label. Callers pass raw features; beside them it takes a number per row and a copy of one query per thread.
/// </summary>
public static class KnnClassifier
{
    /// <summary>Temperature of the votes.</summary>
    public const double VoteTemperature = 0.1;

    /// <summary>k by the size of the bank: 200 from 100,000 images on, else 20, and never more than there are.</summary>
    public static int NeighboursFor(int bank) => Math.Min(bank, bank >= 100_000 ? 200 : 20);

    /// <summary>Predicted label of every query.</summary>
    /// <param name="bank">Features [n,F].</param>
    /// <param name="bankLabels">Labels [n].</param>
    /// <param name="queries">Features [m,F].</param>
    /// <param name="k">Neighbours that vote; null = <see cref="NeighboursFor"/>.</param>
    public static int[] Predict(RowMatrix bank, int[] bankLabels, RowMatrix queries, int? k = null)
    {
        var neighbours = Math.Min(k ?? NeighboursFor(bankLabels.Length), bankLabels.Length);
        var inverseNorms = new float[bank.Count];
        Parallel.For(0, bank.Count, i => inverseNorms[i] = InverseNorm(bank[i]));
        var classes = bankLabels.Max() + 1;
        var predicted = new int[queries.Count];
        Parallel.For(0, predicted.Length, q => predicted[q] = Vote(bank, inverseNorms, bankLabels, queries[q], classes, neighbours));
        return predicted;
    }

    /// <summary>Share of queries whose predicted label is the true one, 0 to 1.</summary>
    public static double Top1(RowMatrix bank, int[] bankLabels, RowMatrix queries, int[] queryLabels, int? k = null) =>
        Predict(bank, bankLabels, queries, k).Zip(queryLabels).Count(p => p.First == p.Second) / (double)queryLabels.Length;

    // A zero row is similar to nothing: 0.
    private static float InverseNorm(ReadOnlySpan<float> row) => TensorPrimitives.Norm(row) is > 0 and var norm ? 1 / norm : 0;

    private static int Vote(RowMatrix bank, float[] inverseNorms, int[] labels, ReadOnlySpan<float> query, int classes, int k)
    {
        var unit = new float[query.Length];
        TensorPrimitives.Multiply(query, InverseNorm(query), unit);
        // The queue's head is the weakest of the best k; equal similarities keep the earlier row.
        var best = new PriorityQueue<int, (float Similarity, int Later)>();
        for (var i = 0; i < labels.Length; i++)
        {
            var similarity = TensorPrimitives.Dot(unit, bank[i]) * inverseNorms[i];
            if (best.Count < k)
            {
                best.Enqueue(i, (similarity, -i));
            }
            else
            {
                best.EnqueueDequeue(i, (similarity, -i));
            }
        }
        var votes = new double[classes];
        foreach (var (index, (similarity, _)) in best.UnorderedItems)
        {
            votes[labels[index]] += Math.Exp(similarity / VoteTemperature);
        }
        return Array.IndexOf(votes, votes.Max());
    }
}

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
