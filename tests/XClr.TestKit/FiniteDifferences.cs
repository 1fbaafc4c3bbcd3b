namespace XClr.TestKit;

/// <summary>What a reference's gradient is checked against.</summary>
public static class FiniteDifferences
{
    /// <summary>The slope of f at 0, from both sides of it.</summary>
    public static double Slope(Func<double, double> f, double step) => (f(step) - f(-step)) / (2 * step);

    /// <summary>A copy of the values with one of them moved.</summary>
    public static double[] Moved(double[] values, int at, double by)
    {
        var moved = values.ToArray();
        moved[at] += by;
        return moved;
    }
}
