using System.Text.Json;
using Xunit;

namespace XClr.TestKit;

/// <summary>Chrome's trace format, as far as this program uses it.</summary>
public static class TraceFormat
{
    /// <summary>Rounding of microseconds to three digits.</summary>
    private const double Rounding = 0.0021;

    /// <summary>Fails unless each event has what its kind needs, each track has a name, and spans of one track either lie within one another or do not meet.</summary>
    public static void Require(JsonElement trace)
    {
        var open = new Dictionary<(int, int), Stack<double>>();
        var (named, used) = (new HashSet<(int, int)>(), new HashSet<(int, int)>());
        foreach (var e in trace.GetProperty("traceEvents").EnumerateArray().OrderBy(e => Time(e)).ThenByDescending(e => e.TryGetProperty("dur", out var d) ? d.GetDouble() : 0))
        {
            var track = (e.GetProperty("pid").GetInt32(), e.GetProperty("tid").GetInt32());
            Assert.NotEmpty(e.GetProperty("name").GetString()!);
            switch (e.GetProperty("ph").GetString())
            {
                case "M":
                    Assert.NotEmpty(e.GetProperty("args").GetProperty("name").GetString()!);
                    named.Add(track);
                    break;
                case "C":
                    Assert.True(double.IsFinite(e.GetProperty("args").GetProperty("value").GetDouble()) && double.IsFinite(Time(e)));
                    break;
                case "X":
                    used.Add(track);
                    RequireNested(open.TryGetValue(track, out var stack) ? stack : open[track] = new(), e);
                    break;
                default:
                    Assert.Fail($"an event of kind {e.GetProperty("ph")}");
                    break;
            }
        }
        Assert.Empty(used.Except(named));
    }

    private static double Time(JsonElement e) => e.TryGetProperty("ts", out var ts) ? ts.GetDouble() : double.NegativeInfinity;

    private static void RequireNested(Stack<double> open, JsonElement span)
    {
        var (start, length) = (Time(span), span.GetProperty("dur").GetDouble());
        Assert.InRange(length, 0, double.MaxValue);
        while (open.TryPeek(out var end) && end <= start + Rounding)
        {
            open.Pop();
        }
        Assert.True(!open.TryPeek(out var outer) || start + length <= outer + Rounding, $"{span} is half inside an earlier span, which ends at {outer}");
        open.Push(start + length);
    }
}

