namespace XClr.TestKit;

/// <summary>Values that a seed draws.</summary>
public static class RandomValues
{
    /// <summary>A value of the standard normal distribution.</summary>
    public static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>Values of a normal distribution of this standard deviation about <paramref name="center"/>.</summary>
    public static float[] Normal(Random random, long count, double scale = 1, double center = 0) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)(center + scale * Normal(random)))];

    /// <summary>Values from -0.5 to 0.5, all equally likely.</summary>
    public static float[] Uniform(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];

    /// <summary>Scales each row of [N, width] to a length of 1, in place; returns the rows.</summary>
    public static float[] Normalize(float[] rows, int width)
    {
        for (var at = 0; at < rows.Length; at += width)
        {
            var norm = Math.Sqrt(rows.AsSpan(at, width).ToArray().Sum(v => (double)v * v));
            for (var d = at; d < at + width; d++)
            {
                rows[d] = (float)(rows[d] / norm);
            }
        }
        return rows;
    }
}
