namespace XClr.TestKit.References;

/// <summary>z = x / max(|x|, 1e-12) per row of [M,P], in double precision.</summary>
public static class L2NormalizeReference
{
    private const double Eps = 1e-12;

    public static Dictionary<string, double[]> Forward(IReadOnlyDictionary<string, double[]> t, int p)
    {
        double[] norm = [.. t["x"].Chunk(p).Select(r => Math.Sqrt(r.Sum(v => v * v)))];
        return new() { ["z"] = [.. t["x"].Select((v, i) => v / Math.Max(norm[i / p], Eps))], ["norm"] = norm };
    }

    public static Dictionary<string, double[]> Backward(IReadOnlyDictionary<string, double[]> t, int p)
    {
        var forward = Forward(t, p);
        var (z, norm) = (forward["z"], forward["norm"]);
        double[] along = [.. t["dz"].Zip(z, (d, v) => d * v).Chunk(p).Select(r => r.Sum())];
        return new() { ["dx"] = [.. t["dz"].Select((d, i) => norm[i / p] < Eps ? d / Eps : (d - z[i] * along[i / p]) / norm[i / p])] };
    }
}
