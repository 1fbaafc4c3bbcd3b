namespace XClr.TestKit.References;

/// <summary>
/// The soft-target contrastive loss in double precision, by its definition: both softmaxes as full 2N x 2N matrices. Similarity(a, b): target logit of two
/// different samples before division by tauS, negative infinity for none; the own other view has <see cref="OwnSimilarity"/>.
/// </summary>
public sealed class ContrastiveReference(double[] z, int samples, int dims, double tau, Func<int, int, double> similarity, double tauS)
{
    private const double OwnSimilarity = 1;
    private readonly int rows = 2 * samples;

    /// <summary>Mean over rows of the cross-entropy.</summary>
    public double Loss() => RowLosses().Average();

    /// <summary>Cross-entropy of every row: lse over j != i of the logits, minus the mean logit under the target.</summary>
    public double[] RowLosses() => [.. Enumerable.Range(0, rows).Select(i =>
    {
        var s = Target(i);
        return LogSumExp(i) - Enumerable.Range(0, rows).Where(j => j != i).Sum(j => s[j] * Logit(i, j));
    })];

    /// <summary>Loss, mean target entropy, mean share of the target on the own other view, mean over dimensions of z's standard deviation.</summary>
    public double[] Stats()
    {
        var targets = Enumerable.Range(0, rows).Select(Target).ToArray();
        var entropy = targets.Average(s => -s.Where(p => p > 0).Sum(p => p * Math.Log(p)));
        var own = Enumerable.Range(0, rows).Average(i => targets[i][Partner(i)]);
        return [Loss(), entropy, own, Enumerable.Range(0, dims).Average(Deviation)];
    }

    /// <summary>dL/dz, both the rows' and the columns' part.</summary>
    public double[] Gradient()
    {
        var targets = Enumerable.Range(0, rows).Select(Target).ToArray();
        var lse = Enumerable.Range(0, rows).Select(LogSumExp).ToArray();
        var dz = new double[z.Length];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rows; j++)
            {
                var coefficient = i == j ? 0 : (Math.Exp(Logit(i, j) - lse[i]) - targets[i][j] + Math.Exp(Logit(j, i) - lse[j]) - targets[j][i]) / (rows * tau);
                for (var d = 0; d < dims; d++)
                {
                    dz[(i * dims) + d] += coefficient * z[(j * dims) + d];
                }
            }
        }
        return dz;
    }

    /// <summary>The target distribution of a row over all rows.</summary>
    public double[] Target(int i)
    {
        var logits = Enumerable.Range(0, rows).Select(j => j == i ? double.NegativeInfinity : j == Partner(i) ? OwnSimilarity / tauS : similarity(i % samples, j % samples) / tauS).ToArray();
        var top = logits.Max();
        var sum = logits.Sum(l => Math.Exp(l - top));
        return [.. logits.Select(l => Math.Exp(l - top) / sum)];
    }

    private int Partner(int i) => (i + samples) % rows;

    private double Logit(int i, int j)
    {
        double dot = 0;
        for (var d = 0; d < dims; d++)
        {
            dot += z[(i * dims) + d] * z[(j * dims) + d];
        }
        return dot / tau;
    }

    private double LogSumExp(int i)
    {
        var logits = Enumerable.Range(0, rows).Where(j => j != i).Select(j => Logit(i, j)).ToArray();
        var top = logits.Max();
        return top + Math.Log(logits.Sum(l => Math.Exp(l - top)));
    }

    private double Deviation(int d)
    {
        var values = Enumerable.Range(0, rows).Select(i => z[(i * dims) + d]).ToArray();
        var mean = values.Average();
        return Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (rows - 1));
    }
}
