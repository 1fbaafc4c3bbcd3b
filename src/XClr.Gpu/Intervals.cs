namespace XClr.Gpu;

/// <summary>Arithmetic of stretches of time.</summary>
public static class Intervals
{
    /// <summary>The time that at least one of them covers.</summary>
    public static double Union(IEnumerable<(double Start, double End)> spans)
    {
        var (covered, end) = (0.0, double.NegativeInfinity);
        foreach (var span in spans.OrderBy(s => s.Start))
        {
            covered += Math.Max(0, span.End - Math.Max(span.Start, end));
            end = Math.Max(end, span.End);
        }
        return covered;
    }

    /// <summary>Time in which nothing runs before each span, by the spans' order in time: the index in <paramref name="spans"/> and the gap.</summary>
    public static IEnumerable<(int Index, double Gap)> Gaps(IReadOnlyList<(double Start, double End)> spans)
    {
        var end = double.NaN;
        foreach (var i in Enumerable.Range(0, spans.Count).OrderBy(i => spans[i].Start))
        {
            if (spans[i].Start > end)
            {
                yield return (i, spans[i].Start - end);
            }
            end = double.IsNaN(end) ? spans[i].End : Math.Max(end, spans[i].End);
        }
    }
}
