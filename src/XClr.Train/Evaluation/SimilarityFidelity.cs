using System.Numerics.Tensors;

namespace XClr.Train.Evaluation;

/// <summary>
/// How well image-image similarities follow text-text similarities: Spearman's rank correlation (average ranks for ties) of the cosines of all
/// pairs i &lt; j. 1 = the same order, 0 = unrelated. The quantity that X-CLR's loss is about.
/// </summary>
public static class SimilarityFidelity
{
    /// <summary>Samples that count at most: the first ones.</summary>
    public const int MaxSamples = 2000;

    /// <summary>Spearman's correlation of the two matrices' pairwise cosines; NaN where either has no spread.</summary>
    /// <param name="images">Features or projections [n,F], row-major.</param>
    /// <param name="imageWidth">F.</param>
    /// <param name="texts">Text embeddings [n,D].</param>
    /// <param name="textWidth">D.</param>
    public static double Compute(float[] images, int imageWidth, float[] texts, int textWidth)
    {
        var n = Math.Min(MaxSamples, Math.Min(images.Length / imageWidth, texts.Length / textWidth));
        return n < 3 ? double.NaN : Pearson(Ranks(PairCosines(images, imageWidth, n)), Ranks(PairCosines(texts, textWidth, n)));
    }

    private static float[] PairCosines(float[] matrix, int width, int n)
    {
        var unit = Rows.Normalized(matrix[..(n * width)], width);
        var cosines = new float[(long)n * (n - 1) / 2];
        Parallel.For(0, n - 1, i =>
        {
            var at = (long)i * (2 * n - i - 1) / 2;
            for (var j = i + 1; j < n; j++)
            {
                cosines[at++] = TensorPrimitives.Dot<float>(unit.AsSpan(i * width, width), unit.AsSpan(j * width, width));
            }
        });
        return cosines;
    }

    private static double[] Ranks(float[] values)
    {
        var order = Enumerable.Range(0, values.Length).ToArray();
        Array.Sort((float[])values.Clone(), order);
        var ranks = new double[values.Length];
        for (var start = 0; start < order.Length;)
        {
            var end = start + 1;
            while (end < order.Length && values[order[end]] == values[order[start]])
            {
                end++;
            }
            for (var i = start; i < end; i++)
            {
                ranks[order[i]] = (start + end - 1) / 2.0;
            }
            start = end;
        }
        return ranks;
    }

    private static double Pearson(double[] a, double[] b)
    {
        // Ranks of n values have this mean whatever the ties.
        var mean = (a.Length - 1) / 2.0;
        double aa = 0, bb = 0, ab = 0;
        for (var i = 0; i < a.Length; i++)
        {
            var (x, y) = (a[i] - mean, b[i] - mean);
            aa += x * x;
            bb += y * y;
            ab += x * y;
        }
        return ab / Math.Sqrt(aa * bb);
    }
}
