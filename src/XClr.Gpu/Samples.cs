namespace XClr.Gpu;

/// <summary>What was measured in K runs, at least one, in the unit that the values have.</summary>
/// <param name="Median">The middle value; of an even number of runs the mean of the two in the middle.</param>
/// <param name="Min">The least.</param>
/// <param name="Max">The largest.</param>
/// <param name="Values">All, in the order of the runs.</param>
public sealed record Samples(double Median, double Min, double Max, IReadOnlyList<double> Values)
{
    public static Samples Of(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToArray();
        return new Samples((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1], values);
    }

    /// <summary>Values given in nanoseconds, as milliseconds.</summary>
    public static Samples OfNs(IEnumerable<double> values) => Of([.. values.Select(v => v * 1e-6)]);
}
