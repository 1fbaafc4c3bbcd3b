using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// The pixels h = stride*p + Y, w = stride*q + X of a data gradient, Rows x Columns of them: taps r = (Y + pad) mod stride, + stride, ... reach them, from row p + (Y + pad - r) / stride of dy (columns alike). Mirrored, that is
/// a convolution of dy with stride 1.
/// </summary>
/// <param name="Y">h mod stride.</param>
/// <param name="X">w mod stride.</param>
/// <param name="Rows">Rows of such pixels.</param>
/// <param name="Columns">Columns of such pixels.</param>
/// <param name="TapsR">Taps along h that reach them; 0 where none does along h or w.</param>
/// <param name="FirstR">The last of those, which comes first in the mirrored order.</param>
/// <param name="TapsS">As TapsR, along w.</param>
/// <param name="FirstS">As FirstR, along w.</param>
internal readonly record struct ResidueClass(int Y, int X, int Rows, int Columns, int TapsR, int FirstR, int TapsS, int FirstS)
{
    /// <summary>All classes of a convolution; with skipEmpty without those that no tap reaches, which need not be written then.</summary>
    public static IEnumerable<ResidueClass> Of(ConvGeometry g, bool skipEmpty)
    {
        for (var y = 0; y < Math.Min(g.Stride, g.H); y++)
        {
            for (var x = 0; x < Math.Min(g.Stride, g.W); x++)
            {
                var (tapsR, firstR) = Taps(g.R, y + g.Pad, g.Stride);
                var (tapsS, firstS) = Taps(g.S, x + g.Pad, g.Stride);
                var isEmpty = tapsR * tapsS == 0;
                if (!isEmpty || !skipEmpty)
                {
                    yield return new(y, x, (int)CeilDiv(g.H - y, g.Stride), (int)CeilDiv(g.W - x, g.Stride), isEmpty ? 0 : tapsR, firstR, isEmpty ? 0 : tapsS, firstS);
                }
            }
        }
    }

    /// <summary>The convolution that computes it for so many images; block: the first of its blocks of rows. R = 0 says that there are no taps: kernels divide by S.</summary>
    public Conv2dKernels.RowParams Params(ConvGeometry g, int images, int block) => new(images, Rows, Columns, g.OH, g.OW, g.K / 4, g.C / 4, 1,
        TapsR == 0 ? 0 : (Y + g.Pad - FirstR) / g.Stride, TapsR == 0 ? 0 : (X + g.Pad - FirstS) / g.Stride, TapsR, Math.Max(1, TapsS), g.H, g.W, g.Stride, Y, X, block);

    /// <summary>Where its taps lie in w.</summary>
    public Conv2dKernels.TapOrder Order(ConvGeometry g) => new(FirstR, FirstS, g.Stride, g.S);

    /// <summary>Blocks of rows, each with its sums for the normalisation below.</summary>
    public long Blocks(int images) => CeilDiv((long)images * Rows * Columns, Conv2dKernels.TileRows);

    /// <summary>Which pixels of the class are added to, where of dx those are whose row and column are multiples of <paramref name="every"/>: all (1) or none (0) where the stride is a multiple of it too.</summary>
    public int AddEvery(ConvGeometry g, int every) => every <= 1 || g.Stride % every != 0 ? every : Y % every == 0 && X % every == 0 ? 1 : 0;

    // Taps r < size with r = offset mod stride: how many, and the last of them.
    private static (int Count, int Last) Taps(int size, int offset, int stride)
    {
        var first = offset % stride;
        var count = first < size ? (size - 1 - first) / stride + 1 : 0;
        return (count, first + (count - 1) * stride);
    }
}
