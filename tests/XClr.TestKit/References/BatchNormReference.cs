namespace XClr.TestKit.References;

/// <summary>Batch normalisation over the rows of [M,C] in double precision, straight from the definition (two passes over the rows).</summary>
public static class BatchNormReference
{
    private const double Eps = 1e-5, Momentum = 0.1;

    /// <summary>mean, biased variance per channel.</summary>
    public static (double[] Mean, double[] Variance) Statistics(double[] x, int c)
    {
        var (m, mean, variance) = (x.Length / c, new double[c], new double[c]);
        for (var i = 0; i < x.Length; i++)
        {
            mean[i % c] += x[i] / m;
        }
        for (var i = 0; i < x.Length; i++)
        {
            variance[i % c] += (x[i] - mean[i % c]) * (x[i] - mean[i % c]) / m;
        }
        return (mean, variance);
    }

    /// <summary>y, mean, inv_std, running_mean, running_var of the training forward.</summary>
    public static Dictionary<string, double[]> Forward(IReadOnlyDictionary<string, double[]> t, bool relu, bool residual, bool affine)
    {
        var c = t["running_mean"].Length;
        var m = t["x"].Length / c;
        var (mean, variance) = Statistics(t["x"], c);
        return new()
        {
            ["y"] = Normalize(t, mean, variance, relu, residual, affine),
            ["mean"] = mean,
            ["inv_std"] = [.. variance.Select(v => 1 / Math.Sqrt(v + Eps))],
            ["running_mean"] = [.. mean.Select((v, i) => (1 - Momentum) * t["running_mean"][i] + Momentum * v)],
            ["running_var"] = [.. variance.Select((v, i) => (1 - Momentum) * t["running_var"][i] + Momentum * v * m / (m - 1))],
        };
    }

    /// <summary>y from the running statistics.</summary>
    public static Dictionary<string, double[]> Infer(IReadOnlyDictionary<string, double[]> t, bool relu, bool residual, bool affine) =>
        new() { ["y"] = Normalize(t, t["running_mean"], t["running_var"], relu, residual, affine) };

    /// <summary>Gradients of L = sum(dy y): dx, dgamma, dbeta, dresidual.</summary>
    public static Dictionary<string, double[]> Backward(IReadOnlyDictionary<string, double[]> t, bool relu, bool residual, bool affine)
    {
        var (x, c) = (t["x"], t["running_mean"].Length);
        var m = x.Length / c;
        var (mean, variance) = Statistics(x, c);
        var y = Normalize(t, mean, variance, relu, residual, affine);
        var g = t["dy"].Select((v, i) => relu && y[i] <= 0 ? 0 : v).ToArray();
        double InvStd(int i) => 1 / Math.Sqrt(variance[i % c] + Eps);
        double Xhat(int i) => (x[i] - mean[i % c]) * InvStd(i);
        double[] sum = new double[c], weighted = new double[c];
        for (var i = 0; i < x.Length; i++)
        {
            sum[i % c] += g[i];
            weighted[i % c] += g[i] * Xhat(i);
        }
        return new()
        {
            ["dx"] = [.. x.Select((_, i) => (affine ? t["gamma"][i % c] : 1) * InvStd(i) * (g[i] - sum[i % c] / m - Xhat(i) * weighted[i % c] / m))],
            ["dgamma"] = weighted,
            ["dbeta"] = sum,
            ["dresidual"] = g,
        };
    }

    private static double[] Normalize(IReadOnlyDictionary<string, double[]> t, double[] mean, double[] variance, bool relu, bool residual, bool affine)
    {
        var (x, c) = (t["x"], mean.Length);
        var y = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var xhat = (x[i] - mean[i % c]) / Math.Sqrt(variance[i % c] + Eps);
            y[i] = (affine ? t["gamma"][i % c] * xhat + t["beta"][i % c] : xhat) + (residual ? t["residual"][i] : 0);
            y[i] = relu ? Math.Max(y[i], 0) : y[i];
        }
        return y;
    }
}
