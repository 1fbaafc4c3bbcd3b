using XClr.Bench.Cases;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

public class TopKOpTests
{
    // Nothing is computed, only compared and copied: rows and values are the reference's to the bit.
    [SkippableTheory, EachDevice]
    public void Matches_reference(string device)
    {
        foreach (var c in TopKCases.All)
        {
            Check(device, c, v => v);
        }
    }

    // Halves from -1 to 1 tie by the hundred: the earlier rows stay, whatever slab they came in.
    [SkippableTheory, EachDevice]
    public void Of_equal_similarities_the_earlier_rows_stay(string device)
    {
        Check(device, new TopKCase(130, 127, 68, 20), v => MathF.Round(2 * Math.Clamp(v, -1, 1)) / 2);
        Check(device, new TopKCase(90, 90, 12, 33), _ => 1);
        // Fewer ones than are kept: each puts out the latest of the zeros.
        Check(device, new TopKCase(130, 127, 68, 20), v => v > 1.7f ? 1 : 0);
    }

    [SkippableTheory, EachDevice]
    public void No_number_is_no_neighbour(string device)
    {
        var c = new TopKCase(40, 40, 8, 5);
        var inputs = OpRunner.Inputs(c.ToOpCase());
        inputs["first"] = [.. inputs["first"].Select((v, i) => i / c.Queries % 3 == 0 ? float.NaN : v)];
        foreach (var (row, _) in Sorted(OpRunner.Run(TestDevices.Get(device), c.ToOpCase(), inputs), c).SelectMany(q => q))
        {
            Assert.True(row >= c.Rows || row % 3 != 0, $"row {row} holds NaN");
        }
    }

    private static void Check(string device, TopKCase c, Func<float, float> value)
    {
        var op = c.ToOpCase();
        var inputs = OpRunner.Inputs(op);
        foreach (var name in new[] { "first", "second" })
        {
            inputs[name] = [.. inputs[name].Select(value)];
        }
        var got = Sorted(OpRunner.Run(TestDevices.Get(device), op, inputs), c);
        var bank = inputs["first"].Concat(inputs["second"].Take(c.Last * c.Queries)).Select(v => (double)v).ToArray();
        var want = TopKReference.Best(bank, c.Queries, c.K);
        for (var q = 0; q < c.Queries; q++)
        {
            Assert.Equal(want[q], got[q]);
        }
    }

    private static (int Row, double Value)[][] Sorted(Dictionary<string, float[]> outputs, TopKCase c) =>
        [.. Enumerable.Range(0, c.Queries).Select(q => Enumerable.Range(0, c.K)
            .Select(slot => (Row: BitConverter.SingleToInt32Bits(outputs["indices"][slot * c.Queries + q]), Value: (double)outputs["values"][slot * c.Queries + q]))
            .OrderByDescending(p => p.Value).ThenBy(p => p.Row).ToArray())];
}
