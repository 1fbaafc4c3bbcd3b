using XClr.Nn.Ops;

namespace XClr.TestKit.References;

/// <summary>Convolutions by their definition, in double precision. Layouts as in <see cref="Conv2dOp"/>.</summary>
public static class Conv2dReference
{
    public static double[] Forward(ConvGeometry g, double[] x, double[] w)
    {
        var y = new double[g.Y.Count];
        Visit(g, (xAt, wAt, yAt) => y[yAt] += x[xAt] * w[wAt]);
        return y;
    }

    public static double[] BackwardData(ConvGeometry g, double[] dy, double[] w)
    {
        var dx = new double[g.X.Count];
        Visit(g, (xAt, wAt, yAt) => dx[xAt] += dy[yAt] * w[wAt]);
        return dx;
    }

    public static double[] BackwardWeight(ConvGeometry g, double[] x, double[] dy)
    {
        var dw = new double[g.Weights.Count];
        Visit(g, (xAt, wAt, yAt) => dw[wAt] += x[xAt] * dy[yAt]);
        return dw;
    }

    /// <summary>x * scale[c] + shift[c], then ReLU if asked for.</summary>
    public static double[] Prologue(double[] x, double[] scale, double[] shift, bool relu) =>
        [.. x.Select((v, i) => v * scale[i % scale.Length] + shift[i % scale.Length]).Select(v => relu ? Math.Max(v, 0) : v)];

    /// <summary>The same rows [M,K] ordered by pixel, then by image: the order in which the kernels for CPU drivers cut blocks.</summary>
    public static double[] ImagesFastest(double[] y, ConvGeometry g) =>
        [.. Enumerable.Range(0, g.OH * g.OW).SelectMany(pixel => Enumerable.Range(0, g.N).SelectMany(n => y.Skip((n * g.OH * g.OW + pixel) * g.K).Take(g.K)))];

    /// <summary>Mean and M2 per block of rows and channel: [blocks,2,K].</summary>
    public static double[] Partials(double[] y, int k, int rowsPerBlock)
    {
        var rows = y.Length / k;
        var partials = new double[(rows + rowsPerBlock - 1) / rowsPerBlock * 2 * k];
        for (var b = 0; b * rowsPerBlock < rows; b++)
        {
            for (var c = 0; c < k; c++)
            {
                var values = Enumerable.Range(b * rowsPerBlock, Math.Min(rowsPerBlock, rows - b * rowsPerBlock)).Select(m => y[m * k + c]).ToArray();
                var mean = values.Average();
                partials[2 * b * k + c] = mean;
                partials[(2 * b + 1) * k + c] = values.Sum(v => (v - mean) * (v - mean));
            }
        }
        return partials;
    }

    // Every product of the convolution, by the flat indices of its x, w and y.
    private static void Visit(ConvGeometry g, Action<int, int, int> product)
    {
        for (var row = 0; row < g.M; row++)
        {
            var (n, p, q) = (row / (g.OH * g.OW), row / g.OW % g.OH, row % g.OW);
            for (var tap = 0; tap < g.R * g.S; tap++)
            {
                var (h, w) = (p * g.Stride - g.Pad + tap / g.S, q * g.Stride - g.Pad + tap % g.S);
                if (h < 0 || h >= g.H || w < 0 || w >= g.W)
                {
                    continue;
                }
                for (var c = 0; c < g.C; c++)
                {
                    for (var k = 0; k < g.K; k++)
                    {
                        product(((n * g.H + h) * g.W + w) * g.C + c, (tap * g.C + c) * g.K + k, row * g.K + k);
                    }
                }
            }
        }
    }
}
