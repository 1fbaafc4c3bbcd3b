using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>Linear layers at small, ragged shapes: all gradients in one case. x: [M,C], w: [C,K].</summary>
public static class LinearCases
{
    /// <summary>One layer with bias (or without), forward and backward.</summary>
    public sealed record Layer(int M, int C, int K, bool Bias = true)
    {
        public string Name => $"linear {M}x{C} k{K}{(Bias ? " bias" : "")}";

        /// <summary>y from x, w and bias; dx, dw, dbias from dy.</summary>
        public OpCase ToOpCase()
        {
            OpTensor[] inputs = [new("x", new Shape(M, C)), new("w", new Shape(C, K)), new("bias", new Shape(K)), new("dy", new Shape(M, K))];
            OpTensor[] outputs = [new("y", new Shape(M, K)), new("dx", new Shape(M, C)), new("dw", new Shape(C, K)), new("dbias", new Shape(K))];
            return new OpCase(Name, inputs, outputs, (gpu, t) =>
            {
                LinearOp.Forward(gpu, t["x"], t["w"], Bias ? t["bias"] : null, t["y"]);
                LinearOp.BackwardData(gpu, t["dy"], t["w"], t["dx"]);
                LinearOp.BackwardWeight(gpu, t["x"], t["dy"], t["dw"]);
                LinearOp.BackwardBias(gpu, t["dy"], t["dbias"]);
            });
        }
    }

    /// <summary>The two before the last have deep sums, of few tiles; the last exceeds one binding at the portable floor (1 MiB).</summary>
    public static IReadOnlyList<Layer> All { get; } = [new(1, 4, 4), new(3, 12, 20), new(127, 64, 132), new(5, 260, 8, Bias: false), new(12, 516, 40), new(8, 24, 520), new(4500, 8, 64)];
}
