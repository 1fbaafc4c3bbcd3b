namespace XClr.Train.Evaluation;

/// <summary>Shift and scale of each feature to mean 0 and standard deviation 1 over training rows; a constant feature is only shifted. Shift, Scale: [F], x' = (x - Shift) Scale.</summary>
public sealed record Standardizer(float[] Shift, float[] Scale)
{
    /// <summary>Leaves rows as they are.</summary>
    public static Standardizer None(int width) => new(new float[width], [.. Enumerable.Repeat(1f, width)]);

    /// <summary>Measured, in double precision, on the rows chosen.</summary>
    public static Standardizer Of(RowMatrix rows, IReadOnlyList<int> chosen)
    {
        var (mean, squares) = (new double[rows.Width], new double[rows.Width]);
        foreach (var i in chosen)
        {
            var row = rows[i];
            for (var c = 0; c < row.Length; c++)
            {
                mean[c] += row[c] / (double)chosen.Count;
            }
        }
        foreach (var i in chosen)
        {
            var row = rows[i];
            for (var c = 0; c < row.Length; c++)
            {
                squares[c] += (row[c] - mean[c]) * (row[c] - mean[c]) / chosen.Count;
            }
        }
        return new Standardizer([.. mean.Select(m => (float)m)], [.. squares.Select(s => s > 0 ? (float)(1 / Math.Sqrt(s)) : 1f)]);
    }

    /// <summary>Writes a row, standardised.</summary>
    public void Apply(ReadOnlySpan<float> row, Span<float> target)
    {
        for (var c = 0; c < row.Length; c++)
        {
            target[c] = (row[c] - Shift[c]) * Scale[c];
        }
    }
}
