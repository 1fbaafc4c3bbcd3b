using System.Runtime.InteropServices;

namespace XClr.Data;

/// <summary>
/// What one view of one sample gets: 16 fields of 4 bytes, 64 bytes in all, in this order, little-endian; a GPU reads it as it
/// lies (std430). Flags are 0 or 1. The order of application is crop, flip, jitter, greyscale, blur, solarise.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct AugmentParams
{
    /// <summary>Left edge of the crop, in whole source pixels.</summary>
    public int CropX { get; init; }

    /// <summary>Top edge of the crop, in whole source pixels.</summary>
    public int CropY { get; init; }

    /// <summary>Width of the crop, in whole source pixels, at least 1; CropX + CropW lies within the image.</summary>
    public int CropW { get; init; }

    /// <summary>Height of the crop, in whole source pixels, at least 1; CropY + CropH lies within the image.</summary>
    public int CropH { get; init; }

    /// <summary>1: mirrored left to right.</summary>
    public uint Flip { get; init; }

    /// <summary>1: the four steps of the colour jitter are applied; 0: none is, whatever the factors say.</summary>
    public uint Jitter { get; init; }

    /// <summary>Brightness factor, 1 = unchanged: x * f.</summary>
    public float Brightness { get; init; }

    /// <summary>Contrast factor, 1 = unchanged: a blend with the mean grey of the whole view.</summary>
    public float Contrast { get; init; }

    /// <summary>Saturation factor, 1 = unchanged: a blend with the pixel's own grey.</summary>
    public float Saturation { get; init; }

    /// <summary>Hue shift in turns, [-0.5, 0.5], 0 = unchanged.</summary>
    public float Hue { get; init; }

    /// <summary>
    /// The order of the jitter's steps, two bits each: step s (0 first) applies operation (JitterOrder >> 2s) AND 3, where
    /// 0 = brightness, 1 = contrast, 2 = saturation, 3 = hue.
    /// </summary>
    public uint JitterOrder { get; init; }

    /// <summary>1: greyscale.</summary>
    public uint Grey { get; init; }

    /// <summary>1: Gaussian blur with BlurSigma.</summary>
    public uint Blur { get; init; }

    /// <summary>Standard deviation of the blur, in output pixels.</summary>
    public float BlurSigma { get; init; }

    /// <summary>1: values at or above SolariseThreshold become 1 - value.</summary>
    public uint Solarise { get; init; }

    /// <summary>Threshold of solarising, of values from 0 to 1.</summary>
    public float SolariseThreshold { get; init; }

    /// <summary>
    /// Draws one view's parameters. They depend on the arguments only; <paramref name="width"/> and <paramref name="height"/>
    /// (of the source, in pixels, upright) decide the box alone.
    /// </summary>
    /// <param name="settings">Strengths, see <see cref="AugmentSettings.Validated"/>.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="sampleIndex">The sample's position in the epoch's raw order.</param>
    /// <param name="view">0 for the first view, 1 for the second.</param>
    /// <param name="width">Source width.</param>
    /// <param name="height">Source height.</param>
    public static AugmentParams Draw(
        AugmentSettings settings, ulong seed, int epoch, long sampleIndex, int view, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        var random = new SeededRandom(seed, RandomPurpose.Augment, epoch, sampleIndex, view);
        // The crop comes last: it alone takes a varying number of draws.
        var look = new AugmentParams
        {
            Flip = Flag(random.Chance(settings.FlipP)),
            Jitter = Flag(random.Chance(settings.JitterP)),
            Brightness = Factor(ref random, settings.Brightness),
            Contrast = Factor(ref random, settings.Contrast),
            Saturation = Factor(ref random, settings.Saturation),
            Hue = (float)random.Uniform(-settings.Hue, settings.Hue),
            JitterOrder = Permutation(ref random),
            Grey = Flag(random.Chance(settings.GreyP)),
            Blur = Flag(random.Chance(settings.BlurP)),
            BlurSigma = (float)random.Uniform(settings.BlurSigmaMin, settings.BlurSigmaMax),
            Solarise = Flag(random.Chance(view == 0 ? settings.SolariseP : settings.SolariseSecondP)),
            SolariseThreshold = (float)settings.SolariseThreshold,
        };
        var (x, y, w, h) = settings.RandomCrop ? RandomBox(ref random, settings, width, height) : CentreSquare(width, height);
        return look with { CropX = x, CropY = y, CropW = w, CropH = h };
    }

    /// <summary>
    /// The same view on a source that was decoded smaller: the box is mapped from <paramref name="fromWidth"/> x
    /// <paramref name="fromHeight"/> to <paramref name="toWidth"/> x <paramref name="toHeight"/> and its edges rounded to whole pixels.
    /// </summary>
    public AugmentParams Rescaled(int fromWidth, int fromHeight, int toWidth, int toHeight)
    {
        if (fromWidth == toWidth && fromHeight == toHeight)
        {
            return this;
        }
        var (x, w) = MapEdges(CropX, CropW, fromWidth, toWidth);
        var (y, h) = MapEdges(CropY, CropH, fromHeight, toHeight);
        return this with { CropX = x, CropY = y, CropW = w, CropH = h };
    }

    private static (int Start, int Length) MapEdges(int start, int length, int from, int to)
    {
        var scale = (double)to / from;
        var first = Math.Min((int)Math.Round(start * scale), to - 1);
        var end = Math.Clamp((int)Math.Round((start + length) * scale), first + 1, to);
        return (first, end - first);
    }

    private static uint Flag(bool on) => on ? 1u : 0u;

    private static float Factor(ref SeededRandom random, double strength) =>
        (float)random.Uniform(Math.Max(0, 1 - strength), 1 + strength);

    private static uint Permutation(ref SeededRandom random)
    {
        Span<uint> order = [0, 1, 2, 3];
        random.Shuffle(order);
        return order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6;
    }

    // torchvision's RandomResizedCrop: ten tries, then the largest centred box whose ratio is allowed. Math.Round rounds halves
    // to even, as Python's round does.
    private static (int X, int Y, int W, int H) RandomBox(ref SeededRandom random, AugmentSettings s, int width, int height)
    {
        var area = (double)width * height;
        var (logMin, logMax) = (Math.Log(s.RatioMin), Math.Log(s.RatioMax));
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var target = area * random.Uniform(s.AreaMin, s.AreaMax);
            var ratio = Math.Exp(random.Uniform(logMin, logMax));
            var w = Math.Round(Math.Sqrt(target * ratio));
            var h = Math.Round(Math.Sqrt(target / ratio));
            if (w > 0 && w <= width && h > 0 && h <= height)
            {
                return (random.Below(width - (int)w + 1), random.Below(height - (int)h + 1), (int)w, (int)h);
            }
        }
        var (boxW, boxH) = (width, height);
        var imageRatio = (double)width / height;
        if (imageRatio < s.RatioMin)
        {
            boxH = Math.Max(1, (int)Math.Round(width / s.RatioMin));
        }
        else if (imageRatio > s.RatioMax)
        {
            boxW = Math.Max(1, (int)Math.Round(height * s.RatioMax));
        }
        return ((width - boxW) / 2, (height - boxH) / 2, boxW, boxH);
    }

    private static (int X, int Y, int W, int H) CentreSquare(int width, int height)
    {
        var side = Math.Min(width, height);
        return ((width - side) / 2, (height - side) / 2, side, side);
    }
}
