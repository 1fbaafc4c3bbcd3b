using System.Runtime.InteropServices;

namespace XClr.Nn.Ops;

/// <summary>
/// One row of the table that <see cref="AugmentOp"/> reads, one per view: where the source image lies in the byte ring, and what is done to it.
/// 25 fields of 4 bytes, as the shaders lay them out. Flags are 0 or 1. The box is resized to ResizeW x ResizeH, and the S x S window at
/// (WindowX, WindowY) of the result is the view; then come flip, jitter, greyscale, blur, solarise, normalise. The view of a default row, all zeros, is left as it is.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct AugmentEntry
{
    /// <summary>Words of 4 bytes per row of the table.</summary>
    public const int Words = 25;

    /// <summary>First byte of the image in the ring; any, not only multiples of 4.</summary>
    public uint SourceOffset { get; init; }

    /// <summary>Width of the source image, in pixels.</summary>
    public uint Width { get; init; }

    /// <summary>Height of the source image, in pixels.</summary>
    public uint Height { get; init; }

    /// <summary>Bytes from one row of the source to the next, at least Width * Channels.</summary>
    public uint Stride { get; init; }

    /// <summary>Bytes per pixel: 3 (red, green, blue) or 1 (grey, taken for all three).</summary>
    public uint Channels { get; init; }

    /// <summary>Left edge of the box, in source pixels. Nothing outside the box contributes.</summary>
    public uint CropX { get; init; }

    /// <summary>Top edge of the box, in source pixels.</summary>
    public uint CropY { get; init; }

    /// <summary>Width of the box, in source pixels, at least 1.</summary>
    public uint CropW { get; init; }

    /// <summary>Height of the box, in source pixels, at least 1.</summary>
    public uint CropH { get; init; }

    /// <summary>Width that the box is resized to, in pixels; S for a random resized crop.</summary>
    public uint ResizeW { get; init; }

    /// <summary>Height that the box is resized to, in pixels; S for a random resized crop.</summary>
    public uint ResizeH { get; init; }

    /// <summary>Left edge of the view in the resized box; WindowX + S is at most ResizeW.</summary>
    public uint WindowX { get; init; }

    /// <summary>Top edge of the view in the resized box; WindowY + S is at most ResizeH.</summary>
    public uint WindowY { get; init; }

    /// <summary>1: mirrored left to right.</summary>
    public uint Flip { get; init; }

    /// <summary>1: the four steps of the colour jitter are applied; 0: none is, whatever the factors say.</summary>
    public uint Jitter { get; init; }

    /// <summary>Brightness factor; exactly 1: no such step.</summary>
    public float Brightness { get; init; }

    /// <summary>Contrast factor, of a blend with the mean grey of the whole view; exactly 1: no such step.</summary>
    public float Contrast { get; init; }

    /// <summary>Saturation factor, of a blend with the pixel's own grey; exactly 1: no such step.</summary>
    public float Saturation { get; init; }

    /// <summary>Hue shift in turns, [-0.5, 0.5]; exactly 0: no such step.</summary>
    public float Hue { get; init; }

    /// <summary>Step s (0 first) applies operation (JitterOrder >> 2s) AND 3: 0 brightness, 1 contrast, 2 saturation, 3 hue; each once.</summary>
    public uint JitterOrder { get; init; }

    /// <summary>1: greyscale.</summary>
    public uint Grey { get; init; }

    /// <summary>1: Gaussian blur with BlurSigma and the spec's radius.</summary>
    public uint Blur { get; init; }

    /// <summary>Standard deviation of the blur, in output pixels.</summary>
    public float BlurSigma { get; init; }

    /// <summary>1: values at or above SolariseThreshold become 1 - value.</summary>
    public uint Solarise { get; init; }

    /// <summary>Threshold of solarising, of values from 0 to 1.</summary>
    public float SolariseThreshold { get; init; }

    /// <summary>A view of the box [x, x + w) x [y, y + h) of an image, resized to S x S, with every augmentation off.</summary>
    /// <param name="offset">First byte of the image in the ring.</param>
    /// <param name="width">Width of the image in pixels.</param>
    /// <param name="height">Height of the image in pixels.</param>
    /// <param name="channels">1 or 3 bytes per pixel; rows are tightly packed (set Stride where they are not).</param>
    /// <param name="box">Left, top, width and height in source pixels.</param>
    /// <param name="size">Side S of the view.</param>
    public static AugmentEntry Box(uint offset, int width, int height, int channels, (int X, int Y, int W, int H) box, int size) => new()
    {
        SourceOffset = offset,
        Width = (uint)width,
        Height = (uint)height,
        Stride = (uint)(width * channels),
        Channels = (uint)channels,
        CropX = (uint)box.X,
        CropY = (uint)box.Y,
        CropW = (uint)box.W,
        CropH = (uint)box.H,
        ResizeW = (uint)size,
        ResizeH = (uint)size,
        Brightness = 1,
        Contrast = 1,
        Saturation = 1,
        JitterOrder = 0b11_10_01_00,
        BlurSigma = 1,
        SolariseThreshold = 1,
    };

    /// <summary>
    /// The evaluation view: the whole image resized so that its short side is floor(S / 0.875) pixels (the long side in proportion, rounded
    /// down), of which the central S x S is taken. Parameters as for <see cref="Box"/>.
    /// </summary>
    public static AugmentEntry Evaluation(uint offset, int width, int height, int channels, int size)
    {
        var target = (int)(size / 0.875);
        var far = (int)((double)((long)target * Math.Max(width, height)) / Math.Min(width, height));
        var (w, h) = width <= height ? (target, far) : (far, target);
        return Box(offset, width, height, channels, (0, 0, width, height), size) with
        {
            ResizeW = (uint)w,
            ResizeH = (uint)h,
            WindowX = (uint)Math.Round((w - size) / 2.0),
            WindowY = (uint)Math.Round((h - size) / 2.0),
        };
    }

    /// <summary>Throws unless a GPU can read this row safely: a default one, or everything inside the image, the image inside the ring, values that make sense.</summary>
    /// <param name="ringBytes">Size of the ring in bytes.</param>
    /// <param name="spec">What the views share.</param>
    /// <exception cref="ArgumentException">The message names the field, its value and what it must be.</exception>
    public void Require(long ringBytes, AugmentSpec spec)
    {
        if (this == default)
        {
            return;
        }
        var size = (uint)spec.Size;
        Require(Channels is 1 or 3, nameof(Channels), Channels, "1 or 3");
        Require(Width > 0 && Height > 0 && Stride >= (ulong)Width * Channels, nameof(Stride), Stride, $"at least width {Width} x channels {Channels}, both positive");
        var end = SourceOffset + (Height - 1) * (long)Stride + Width * (long)Channels;
        Require(end <= ringBytes, nameof(SourceOffset), SourceOffset, $"such that the image's last byte, {end - 1}, lies in the ring of {ringBytes} bytes");
        Require(CropW > 0 && (ulong)CropX + CropW <= Width, nameof(CropW), CropW, $"positive and at most {Width} - {CropX}");
        Require(CropH > 0 && (ulong)CropY + CropH <= Height, nameof(CropH), CropH, $"positive and at most {Height} - {CropY}");
        Require((ulong)WindowX + size <= ResizeW && 2ul * ResizeW * CropW <= int.MaxValue, nameof(ResizeW), ResizeW, $"at least {WindowX} + {size} and at most 2^30 / {CropW}");
        Require((ulong)WindowY + size <= ResizeH && 2ul * ResizeH * CropH <= int.MaxValue, nameof(ResizeH), ResizeH, $"at least {WindowY} + {size} and at most 2^30 / {CropH}");
        Require(Jitter == 0 || (Brightness >= 0 && Contrast >= 0 && Saturation >= 0), nameof(Brightness), Brightness, "at least 0, like contrast and saturation");
        Require(Jitter == 0 || Math.Abs(Hue) <= 0.5f, nameof(Hue), Hue, "in [-0.5, 0.5]");
        Require(Jitter == 0 || IsPermutation(JitterOrder), nameof(JitterOrder), JitterOrder, "the operations 0 to 3, each once, two bits each");
        Require(Blur == 0 || (spec.Blur && BlurSigma > 0), nameof(BlurSigma), BlurSigma, "above 0, and only where the spec says that views are blurred");
    }

    private static bool IsPermutation(uint order) =>
        order < 256 && ((1 << (int)(order & 3)) | (1 << (int)(order >> 2 & 3)) | (1 << (int)(order >> 4 & 3)) | (1 << (int)(order >> 6))) == 15;

    private static void Require<T>(bool holds, string field, T value, string expected)
    {
        if (!holds)
        {
            throw new ArgumentException($"{nameof(AugmentEntry)}.{field} is {value}; it must be {expected}.");
        }
    }
}
