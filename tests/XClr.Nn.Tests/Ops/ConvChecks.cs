using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

/// <summary>What convolutions of all kinds are compared with, and how closely.</summary>
internal static class ConvChecks
{
    // Sums of up to 13,000 fp32 products rounded one by one: their error grows as sqrt(terms) * 6e-8 relative to the sum's own rms, 7e-6 at most; the worst of
    // some 10,000 elements lies at 4 standard deviations.
    public const double Fp32 = 3e-5;

    public static double[] Partials(DeviceCaps caps, ConvGeometry g, double[] y, DType storage = DType.Float32) =>
        Conv2dReference.Partials(ConvEpilogue.IsImagesFastest(caps, storage) ? Conv2dReference.ImagesFastest(y, g) : y, g.K, ConvEpilogue.RowsPerBlock(caps));

    // A stored value is rounded, of values up to six times the rms, or twice that where each column has a random scale. A gradient of weights is fp32 and not rounded, but on matrices the prologue's
    // result is rounded to the storage again before it is multiplied: each term is off by as much, which adds up no worse.
    public static double StoredTolerance(Conv2dCase c, DType storage, bool onMatrices) =>
        c.Pass == ConvPass.BackwardWeight && !(onMatrices && c.Prologue) ? Fp32 : (c.OnStore ? 12 : 6) * StoredValues.Rounding(storage);

    // What a data gradient that adds at some pixels only must not read is made NaN.
    public static Action<Dictionary<string, float[]>>? Unread(ConvGeometry g, int addEvery) => addEvery < 2 ? null : t => t["dx"] = [.. t["dx"].Select((v, i) => Conv2dCase.IsAddedTo(g, addEvery, i) ? v : float.NaN)];

    public static Dictionary<string, double[]> Reference(Conv2dCase c, DeviceCaps caps, IReadOnlyDictionary<string, double[]> t, DType storage = DType.Float32)
    {
        var g = c.Geometry;
        double[] X() => c.Prologue ? Conv2dReference.Prologue(t["x"], t["scale"], t["shift"], c.Relu) : t["x"];
        double[] Added(double[] result, string name) => c.AddEvery == 0 ? result : [.. result.Select((v, i) => name != "dx" || Conv2dCase.IsAddedTo(g, c.AddEvery, i) ? v + t[name][i] : v)];
        switch (c.Pass)
        {
            case ConvPass.Forward:
                var sums = Conv2dReference.Forward(g, X(), t["w"]);
                var added = Added(c.OnStore ? Conv2dReference.Prologue(sums, t["scale"], t["shift"], relu: false) : sums, "y");
                var outputs = new Dictionary<string, double[]> { ["y"] = c.OnStore && c.Relu ? [.. added.Select(v => Math.Max(v, 0))] : added };
                if (c.Epilogue)
                {
                    outputs["partials"] = Partials(caps, g, outputs["y"], storage);
                }
                return outputs;
            case ConvPass.BackwardData:
                return new() { ["dx"] = Added(Conv2dReference.BackwardData(g, t["dy"], t["w"]), "dx") };
            default:
                return new() { ["dw"] = Conv2dReference.BackwardWeight(g, X(), t["dy"]) };
        }
    }
}
