namespace XClr.Data;

/// <summary>What happens to pixels on the CPU between file and GPU: turning upright, and reducing what is too large.</summary>
internal static class ImageTransforms
{
    /// <summary>
    /// Writes stored RGB8 pixels [height, width, 3] upright into <paramref name="upright"/>, which is [width, height, 3] for the
    /// EXIF orientations 5 to 8.
    /// </summary>
    public static void TurnUpright(ReadOnlySpan<byte> stored, int width, int height, int orientation, Span<byte> upright)
    {
        // The stored pixel of upright (x, y) is origin + x * stepX + y * stepY.
        var (last, bottom) = (width - 1, (height - 1) * width);
        var (origin, stepX, stepY) = orientation switch
        {
            1 => (0, 1, width),
            2 => (last, -1, width),
            3 => (bottom + last, -1, -width),
            4 => (bottom, 1, -width),
            5 => (0, width, 1),
            6 => (bottom, -width, 1),
            7 => (bottom + last, -width, -1),
            8 => (last, width, -1),
            _ => throw new ArgumentOutOfRangeException(nameof(orientation), orientation, "EXIF orientations are 1 to 8"),
        };
        var (outWidth, outHeight) = orientation >= 5 ? (height, width) : (width, height);
        var to = 0;
        for (var y = 0; y < outHeight; y++)
        {
            for (var x = 0; x < outWidth; x++, to += 3)
            {
                var from = (origin + x * stepX + y * stepY) * 3;
                upright[to] = stored[from];
                upright[to + 1] = stored[from + 1];
                upright[to + 2] = stored[from + 2];
            }
        }
    }

    /// <summary>Writes grey pixels [N] as RGB8 [N, 3].</summary>
    public static void GreyToRgb(ReadOnlySpan<byte> grey, Span<byte> rgb)
    {
        for (int i = 0, to = 0; i < grey.Length; i++, to += 3)
        {
            rgb[to] = rgb[to + 1] = rgb[to + 2] = grey[i];
        }
    }

    /// <summary>The smallest whole factor by which an RGB8 image must be reduced to take at most <paramref name="maxBytes"/>.</summary>
    public static int ReductionFor(int width, int height, long maxBytes)
    {
        var factor = 1;
        while ((long)Reduced(width, factor) * Reduced(height, factor) * 3 > maxBytes && (factor < width || factor < height))
        {
            factor++;
        }
        return factor;
    }

    /// <summary>One side after a reduction by <paramref name="factor"/>.</summary>
    public static int Reduced(int length, int factor) => (length + factor - 1) / factor;

    /// <summary>Averages blocks of factor x factor pixels (smaller ones at the right and bottom edge).</summary>
    public static void Reduce(ReadOnlySpan<byte> rgb, int width, int height, int factor, Span<byte> reduced)
    {
        var (outWidth, outHeight) = (Reduced(width, factor), Reduced(height, factor));
        for (var y = 0; y < outHeight; y++)
        {
            var y1 = Math.Min((y + 1) * factor, height);
            for (var x = 0; x < outWidth; x++)
            {
                var x1 = Math.Min((x + 1) * factor, width);
                var (red, green, blue, count) = (0L, 0L, 0L, (x1 - x * factor) * (y1 - y * factor));
                for (var j = y * factor; j < y1; j++)
                {
                    for (int i = x * factor, at = (j * width + i) * 3; i < x1; i++, at += 3)
                    {
                        red += rgb[at];
                        green += rgb[at + 1];
                        blue += rgb[at + 2];
                    }
                }
                var to = (y * outWidth + x) * 3;
                reduced[to] = (byte)((red + count / 2) / count);
                reduced[to + 1] = (byte)((green + count / 2) / count);
                reduced[to + 2] = (byte)((blue + count / 2) / count);
            }
        }
    }
}
