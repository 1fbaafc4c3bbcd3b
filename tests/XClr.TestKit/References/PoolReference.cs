using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.TestKit.References;

/// <summary>Pooling over [N,H,W,C] in double precision.</summary>
public static class PoolReference
{
    /// <summary>For each element of the pooled image, the flat index in x of its maximum: the first in row-major order.</summary>
    public static int[] Argmax(double[] x, Shape image, PoolWindow window)
    {
        var (_, h, w, c) = image.AsNhwc();
        var (n, p, q, _) = window.Pooled(image).AsNhwc();
        var at = new List<int>();
        foreach (var (b, y, z, k) in from b in Enumerable.Range(0, n) from y in Enumerable.Range(0, p) from z in Enumerable.Range(0, q) from k in Enumerable.Range(0, c) select (b, y, z, k))
        {
            var best = -1;
            for (var r = 0; r < window.R * window.S; r++)
            {
                var (row, column) = (y * window.Stride - window.Pad + r / window.S, z * window.Stride - window.Pad + r % window.S);
                if (row < 0 || row >= h || column < 0 || column >= w)
                {
                    continue;
                }
                var i = ((b * h + row) * w + column) * c + k;
                best = best < 0 || x[i] > x[best] ? i : best;
            }
            at.Add(best);
        }
        return [.. at];
    }

    public static Dictionary<string, double[]> Max(IReadOnlyDictionary<string, double[]> t, Shape image, PoolWindow window) =>
        new() { ["y"] = [.. Argmax(t["x"], image, window).Select(i => t["x"][i])] };

    /// <summary>Backward through the pool, the ReLU and the training batch norm of x before them: dx, and dgamma and dbeta on top of what was there.</summary>
    public static Dictionary<string, double[]> MaxGradient(IReadOnlyDictionary<string, double[]> t, Shape image, PoolWindow window)
    {
        var normalised = BatchNormReference.Forward(t, relu: true, residual: false, affine: true)["y"];
        var dy = new double[image.Count];
        foreach (var (i, d) in Argmax(normalised, image, window).Zip(t["dy"]))
        {
            dy[i] += d;
        }
        var want = BatchNormReference.Backward(new Dictionary<string, double[]>(t) { ["dy"] = dy }, relu: true, residual: false, affine: true);
        double[] Added(string name) => [.. want[name].Zip(t[name], (a, b) => a + b)];
        return new() { ["dx"] = want["dx"], ["dgamma"] = Added("dgamma"), ["dbeta"] = Added("dbeta") };
    }

    public static Dictionary<string, double[]> Average(IReadOnlyDictionary<string, double[]> t, Shape image)
    {
        var (n, h, w, c) = image.AsNhwc();
        var y = new double[n * c];
        for (var i = 0; i < t["x"].Length; i++)
        {
            y[i / (h * w * c) * c + i % c] += t["x"][i] / (h * w);
        }
        return new() { ["y"] = y };
    }

    public static Dictionary<string, double[]> AverageGradient(IReadOnlyDictionary<string, double[]> t, Shape image)
    {
        var (_, h, w, c) = image.AsNhwc();
        return new() { ["dx"] = [.. Enumerable.Range(0, (int)image.Count).Select(i => t["dy"][i / (h * w * c) * c + i % c] / (h * w))] };
    }
}
