namespace XClr.TestKit.References;

/// <summary>Element-wise ops and column sums in double precision.</summary>
public static class PointwiseReference
{
    public static Dictionary<string, double[]> Relu(IReadOnlyDictionary<string, double[]> t) => new() { ["y"] = [.. t["x"].Select(v => v > 0 ? v : 0)] };

    public static Dictionary<string, double[]> ReluGradient(IReadOnlyDictionary<string, double[]> t) => new() { ["dx"] = [.. t["dy"].Zip(t["y"], (d, y) => y > 0 ? d : 0)] };

    public static double[] Add(IReadOnlyDictionary<string, double[]> t) => [.. t["a"].Zip(t["b"], (a, b) => a + b)];
}
