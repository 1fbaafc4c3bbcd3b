namespace XClr.TestKit;

/// <summary>fp32 values as references take them, in double precision.</summary>
public static class Doubles
{
    public static double[] ToDoubles(this float[] values) => [.. values.Select(v => (double)v)];

    public static Dictionary<string, double[]> ToDoubles(this Dictionary<string, float[]> values) => values.ToDictionary(v => v.Key, v => v.Value.ToDoubles());
}
