namespace XClr.TestKit.References;

/// <summary>CLIP's loss in double precision, by its definition: images u [2N,P] (view 1, then view 2), texts t [N,P], logits exp(logitScale) u.t as whole matrices.</summary>
public sealed class ClipReference
{
    private readonly double[] images;
    private readonly double[] texts;
    private readonly int samples;
    private readonly int dims;
    private readonly double scale;

    // Rows of view 1, then of view 2, against texts; log-sum-exp of each row, and of each view's columns.
    private readonly double[,] logits;
    private readonly double[] rowLse;
    private readonly double[] columnLse;

    public ClipReference(double[] images, double[] texts, int samples, int dims, double logitScale)
    {
        (this.images, this.texts, this.samples, this.dims, scale) = (images, texts, samples, dims, Math.Exp(logitScale));
        logits = new double[2 * samples, samples];
        for (var i = 0; i < 2 * samples; i++)
        {
            for (var j = 0; j < samples; j++)
            {
                double dot = 0;
                for (var d = 0; d < dims; d++)
                {
                    dot += images[(i * dims) + d] * texts[(j * dims) + d];
                }
                logits[i, j] = scale * dot;
            }
        }
        rowLse = [.. Enumerable.Range(0, 2 * samples).Select(i => LogSumExp(j => logits[i, j]))];
        columnLse = [.. Enumerable.Range(0, 2 * samples).Select(c => LogSumExp(i => logits[(c / samples * samples) + i, c % samples]))];
    }

    /// <summary>Mean over views, directions and samples of the cross-entropy with the own caption (or image).</summary>
    public double Loss() => Enumerable.Range(0, 2 * samples).Sum(i => rowLse[i] + columnLse[i] - (2 * logits[i, i % samples])) / (4 * samples);

    /// <summary>Gradients with respect to images, texts and logitScale.</summary>
    public (double[] Images, double[] Texts, double LogitScale) Gradient()
    {
        var (du, dt, ds) = (new double[images.Length], new double[texts.Length], 0.0);
        for (var i = 0; i < 2 * samples; i++)
        {
            for (var j = 0; j < samples; j++)
            {
                var column = columnLse[(i / samples * samples) + j];
                var g = (Math.Exp(logits[i, j] - rowLse[i]) + Math.Exp(logits[i, j] - column) - (i % samples == j ? 2 : 0)) / (4 * samples);
                ds += g * logits[i, j];
                for (var d = 0; d < dims; d++)
                {
                    du[(i * dims) + d] += g * scale * texts[(j * dims) + d];
                    dt[(j * dims) + d] += g * scale * images[(i * dims) + d];
                }
            }
        }
        return (du, dt, ds);
    }

    private double LogSumExp(Func<int, double> value)
    {
        var top = Enumerable.Range(0, samples).Max(value);
        return top + Math.Log(Enumerable.Range(0, samples).Sum(j => Math.Exp(value(j) - top)));
    }
}
