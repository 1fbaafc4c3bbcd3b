namespace XClr.Data;

/// <summary>Antialiased bilinear resizing of RGB8 on the CPU: a triangle filter as wide as the reduction, columns first, then rows.</summary>
internal static class ImageResize
{
    /// <summary>Resizes [height, width, 3] bytes into [outHeight, outWidth, 3].</summary>
    public static void Resize(ReadOnlySpan<byte> rgb, int width, int height, int outWidth, int outHeight, Span<byte> resized)
    {
        var (columns, rows) = (Taps.Of(width, outWidth), Taps.Of(height, outHeight));
        var narrow = new float[height * outWidth * 3];
        for (var y = 0; y < height; y++)
        {
            var line = rgb.Slice(y * width * 3, width * 3);
            for (int x = 0, to = y * outWidth * 3; x < outWidth; x++, to += 3)
            {
                var (first, weights) = columns[x];
                var (red, green, blue) = (0f, 0f, 0f);
                for (int i = 0, from = first * 3; i < weights.Length; i++, from += 3)
                {
                    red += weights[i] * line[from];
                    green += weights[i] * line[from + 1];
                    blue += weights[i] * line[from + 2];
                }
                (narrow[to], narrow[to + 1], narrow[to + 2]) = (red, green, blue);
            }
        }
        var (stride, sum) = (outWidth * 3, new float[outWidth * 3]);
        for (var y = 0; y < outHeight; y++)
        {
            var (first, weights) = rows[y];
            Array.Clear(sum);
            for (var i = 0; i < weights.Length; i++)
            {
                var line = narrow.AsSpan((first + i) * stride, stride);
                for (var x = 0; x < stride; x++)
                {
                    sum[x] += weights[i] * line[x];
                }
            }
            for (var x = 0; x < stride; x++)
            {
                resized[y * stride + x] = (byte)Math.Clamp(sum[x] + 0.5f, 0, 255);
            }
        }
    }

    // For each output position, the first input position and the weights from there on, which add up to 1.
    private readonly record struct Taps(int First, float[] Weights)
    {
        public static Taps[] Of(int length, int outLength)
        {
            var scale = (double)length / outLength;
            var support = Math.Max(scale, 1);
            var taps = new Taps[outLength];
            for (var o = 0; o < outLength; o++)
            {
                var center = (o + 0.5) * scale - 0.5;
                var first = Math.Max(0, (int)Math.Ceiling(center - support));
                var last = Math.Min(length - 1, (int)Math.Floor(center + support));
                var weights = new float[last - first + 1];
                for (var i = 0; i < weights.Length; i++)
                {
                    weights[i] = (float)(1 - Math.Abs(first + i - center) / support);
                }
                var sum = weights.Sum();
                taps[o] = new(first, [.. weights.Select(w => w / sum)]);
            }
            return taps;
        }
    }
}
