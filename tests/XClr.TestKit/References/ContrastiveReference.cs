namespace XClr.TestKit.References;

/// <summary>
/// The soft-target contrastive loss in double precision, by its definition: both softmaxes as full 2N x 2N matrices. Similarity(a, b): target logit of two
/// different samples before division by tauS, negative infinity for none; the own other view has <see cref="OwnSimilarity"/>.
/// </summary>
public sealed class ContrastiveReference
{
    private const double OwnSimilarity = 1;
    private readonly double[] z;
    private readonly int samples;
    private readonly int rows;
    private readonly int dims;
    private readonly double tau;
    private readonly double[,] logits;
    private readonly double[,] target;
    private readonly double[] lse;

    public ContrastiveReference(double[] z, int samples, int dims, double tau, Func<int, int, double> similarity, double tauS)
    {
        (this.z, this.samples, rows, this.dims, this.tau) = (z, samples, 2 * samples, dims, tau);
        (logits, target, lse) = (new double[rows, rows], new double[rows, rows], new double[rows]);
        for (var a = 0; a < samples; a++)
        {
            for (var b = 0; b < samples; b++)
            {
                var s = (a == b ? OwnSimilarity : similarity(a, b)) / tauS;
                (target[a, b], target[a, samples + b], target[samples + a, b], target[samples + a, samples + b]) = (s, s, s, s);
            }
        }
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rows; j++)
            {
                logits[i, j] = i == j ? double.NegativeInfinity : Dot(i, j) / tau;
            }
            target[i, i] = double.NegativeInfinity;
            Softmax(target, i);
            lse[i] = LogSumExp(logits, i);
        }
    }

    /// <summary>Mean over rows of the cross-entropy: lse over j != i of the logits, minus the mean logit under the target.</summary>
    public double Loss() => Enumerable.Range(0, rows).Average(i => lse[i] - Others(i).Sum(j => target[i, j] * logits[i, j]));

    /// <summary>Loss, mean target entropy, mean share of the target on the own other view, mean over dimensions of z's standard deviation.</summary>
    public double[] Stats()
    {
        var entropy = Enumerable.Range(0, rows).Average(i => -Others(i).Where(j => target[i, j] > 0).Sum(j => target[i, j] * Math.Log(target[i, j])));
        var own = Enumerable.Range(0, rows).Average(i => target[i, (i + samples) % rows]);
        return [Loss(), entropy, own, Enumerable.Range(0, dims).Average(Deviation)];
    }

    /// <summary>dL/dz, both the rows' and the columns' part.</summary>
    public double[] Gradient()
    {
        var dz = new double[z.Length];
        for (var i = 0; i < rows; i++)
        {
            foreach (var j in Others(i))
            {
                var coefficient = (Math.Exp(logits[i, j] - lse[i]) - target[i, j] + Math.Exp(logits[j, i] - lse[j]) - target[j, i]) / (rows * tau);
                for (var d = 0; d < dims; d++)
                {
                    dz[(i * dims) + d] += coefficient * z[(j * dims) + d];
                }
            }
        }
        return dz;
    }

    private IEnumerable<int> Others(int i) => Enumerable.Range(0, rows).Where(j => j != i);

    private double Dot(int i, int j)
    {
        double dot = 0;
        for (var d = 0; d < dims; d++)
        {
            dot += z[(i * dims) + d] * z[(j * dims) + d];
        }
        return dot;
    }

    private double LogSumExp(double[,] values, int i)
    {
        var top = Others(i).Max(j => values[i, j]);
        return top + Math.Log(Others(i).Sum(j => Math.Exp(values[i, j] - top)));
    }

    private void Softmax(double[,] values, int i)
    {
        var sum = LogSumExp(values, i);
        for (var j = 0; j < rows; j++)
        {
            values[i, j] = Math.Exp(values[i, j] - sum);
        }
    }

    private double Deviation(int d)
    {
        var values = Enumerable.Range(0, rows).Select(i => z[(i * dims) + d]).ToArray();
        var mean = values.Average();
        return Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (rows - 1));
    }
}
