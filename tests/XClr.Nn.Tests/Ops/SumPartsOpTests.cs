using XClr.Bench;
using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Tests.Ops;

public class SumPartsOpTests
{
    /// <summary>One part, the most that one lane adds, those that several lanes share, and a number that no power of two divides; sums that do not fill the last workgroup. Mid-graph: on top of what is there.</summary>
    [SkippableTheory, EachDevice]
    public void Sums_match_reference(string device)
    {
        foreach (var (parts, n) in new[] { (1, 4), (15, 68), (16, 4), (17, 36), (119, 260), (476, 32) })
        {
            foreach (var accumulate in new[] { false, true })
            {
                var sum = new OpTensor("sum", new Shape(n));
                var op = new OpCase($"sum of {parts} x {n}{(accumulate ? " on top" : "")}", accumulate ? [new("parts", new Shape(parts, n)), sum] : [new("parts", new Shape(parts, n))], [sum],
                    (gpu, t) => SumPartsOp.Forward(gpu, t["parts"], t["sum"], accumulate));
                OpRunner.Check(device, op, t => new Dictionary<string, double[]>
                {
                    ["sum"] = [.. Enumerable.Range(0, n).Select(i => (accumulate ? t["sum"][i] : 0.0) + Enumerable.Range(0, parts).Sum(p => (double)t["parts"][p * n + i]))],
                }, 2e-6);
            }
        }
    }
}
