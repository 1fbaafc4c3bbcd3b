using System.Numerics;

namespace XClr.Nn.Ops;

/// <summary>How a box is resampled; both are antialiased (the filter widens where the image shrinks).</summary>
public enum ResizeFilter
{
    Bilinear,
    Bicubic,
}

/// <summary>What all views of a batch share.</summary>
/// <param name="Size">Side S of the views, in pixels; at most <see cref="MaxSize"/>.</param>
/// <param name="Filter">How boxes are resampled.</param>
/// <param name="Mean">Mean per channel (red, green, blue) that is subtracted, of values from 0 to 1.</param>
/// <param name="Std">Standard deviation per channel that is divided by.</param>
/// <param name="Blur">False: no view is ever blurred; saves two passes and their scratch memory.</param>
public sealed record AugmentSpec(int Size, ResizeFilter Filter, Vector3 Mean, Vector3 Std, bool Blur = true)
{
    public const int MaxSize = 4096;

    /// <summary>Means of ImageNet's training images.</summary>
    public static Vector3 ImageNetMean { get; } = new(0.485f, 0.456f, 0.406f);

    /// <summary>Standard deviations of ImageNet's training images.</summary>
    public static Vector3 ImageNetStd { get; } = new(0.229f, 0.224f, 0.225f);

    /// <summary>Radius of the blur in pixels: its side, 2 radius + 1, is about a tenth of the image's. 0 = no blur (images below 20 pixels).</summary>
    public int BlurRadius => Blur ? Size / 10 / 2 : 0;

    /// <summary>Returns this spec if it makes sense.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message names it.</exception>
    public AugmentSpec Validated()
    {
        if (Size is < 1 or > MaxSize)
        {
            throw new ArgumentException($"The image size is {Size}; it must lie in [1, {MaxSize}].");
        }
        if (!(Std.X > 0 && Std.Y > 0 && Std.Z > 0))
        {
            throw new ArgumentException($"The standard deviations for normalising are {Std}; each must be above 0.");
        }
        return this;
    }

    /// <summary>
    /// Undoes the normalisation of views as <see cref="AugmentOp"/> makes them, for looking at: <paramref name="pixels"/> is [n,S,S,4] row by
    /// row, the result [n,S,S,3], 8 bits each, clipped and rounded.
    /// </summary>
    public byte[] ToRgb8(ReadOnlySpan<float> pixels)
    {
        if (pixels.Length % (4 * Size * Size) != 0)
        {
            throw new ArgumentException($"{pixels.Length} floats are no whole number of views of {Size} x {Size} x 4.");
        }
        var rgb = new byte[pixels.Length / 4 * 3];
        for (var p = 0; p < pixels.Length / 4; p++)
        {
            var value = (new Vector3(pixels.Slice(4 * p, 3)) * Std + Mean) * 255;
            for (var c = 0; c < 3; c++)
            {
                rgb[3 * p + c] = (byte)Math.Clamp(MathF.Round(value[c]), 0, 255);
            }
        }
        return rgb;
    }
}
