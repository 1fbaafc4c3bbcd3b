using XClr.Nn.Ops;

namespace XClr.TestKit.References;

/// <summary>
/// The augmentations in double precision, one plain step after the other: what AugmentOp is compared with, and itself compared with goldens.
/// Images are [H,W,3] of values from 0 to 1.
/// </summary>
public static class AugmentReference
{
    private sealed record Image(int H, int W, double[] Values)
    {
        public Image(int h, int w)
            : this(h, w, new double[h * w * 3])
        {
        }

        public Span<double> this[int y, int x] => Values.AsSpan((y * W + x) * 3, 3);
    }

    /// <summary>Views [V,S,S,4] of a table's rows, as AugmentOp.Forward makes them.</summary>
    public static double[] Forward(ReadOnlySpan<byte> ring, ReadOnlySpan<AugmentEntry> table, AugmentSpec spec)
    {
        var perView = spec.Size * spec.Size * 4;
        var y = new double[table.Length * perView];
        for (var view = 0; view < table.Length; view++)
        {
            var values = View(ring, table[view], spec).Values;
            for (var i = 0; i < values.Length; i++)
            {
                y[view * perView + i / 3 * 4 + i % 3] = (values[i] - spec.Mean[i % 3]) / spec.Std[i % 3];
            }
        }
        return y;
    }

    private static Image View(ReadOnlySpan<byte> ring, AugmentEntry e, AugmentSpec spec)
    {
        var image = Window(Resize(Crop(ring, e), (int)e.ResizeH, (int)e.ResizeW, spec.Filter), (int)e.WindowY, (int)e.WindowX, spec.Size);
        if (e.Flip != 0)
        {
            image = Map(image, (y, x) => image[y, image.W - 1 - x].ToArray());
        }
        for (var step = 0; e.Jitter != 0 && step < 4; step++)
        {
            JitterStep(image, e, (e.JitterOrder >> 2 * step) & 3);
        }
        if (e.Grey != 0)
        {
            ForEachPixel(image, rgb => rgb.Fill(Grey(rgb)));
        }
        if (e.Blur != 0)
        {
            image = Blur(image, spec.BlurRadius, e.BlurSigma);
        }
        for (var i = 0; e.Solarise != 0 && i < image.Values.Length; i++)
        {
            image.Values[i] = image.Values[i] >= e.SolariseThreshold ? 1 - image.Values[i] : image.Values[i];
        }
        return image;
    }

    private static Image Crop(ReadOnlySpan<byte> ring, AugmentEntry e)
    {
        var image = new Image((int)e.CropH, (int)e.CropW);
        for (var y = 0; y < image.H; y++)
        {
            for (var x = 0; x < image.W; x++)
            {
                var at = (int)(e.SourceOffset + (e.CropY + y) * e.Stride + (e.CropX + x) * e.Channels);
                for (var c = 0; c < 3; c++)
                {
                    image[y, x][c] = ring[at + (e.Channels == 3 ? c : 0)] / 255.0;
                }
            }
        }
        return image;
    }

    private static Image Resize(Image image, int h, int w, ResizeFilter filter)
    {
        var rows = new Image(image.H, w);
        for (var x = 0; x < w; x++)
        {
            var (first, weights) = Taps(x, image.W, w, filter);
            for (var y = 0; y < image.H; y++)
            {
                for (var k = 0; k < weights.Length; k++)
                {
                    Accumulate(rows[y, x], weights[k], image[y, first + k]);
                }
            }
        }
        var result = new Image(h, w);
        for (var y = 0; y < h; y++)
        {
            var (first, weights) = Taps(y, image.H, h, filter);
            for (var x = 0; x < w; x++)
            {
                for (var k = 0; k < weights.Length; k++)
                {
                    Accumulate(result[y, x], weights[k], rows[first + k, x]);
                }
            }
        }
        return result;
    }

    // Output pixel i of `to` looks at the source pixels within the filter's support around its centre; the filter widens with the scale
    // where the image shrinks; the weights of the pixels that exist are made to sum to 1.
    private static (int First, double[] Weights) Taps(int i, int from, int to, ResizeFilter filter)
    {
        var scale = (double)from / to;
        var widening = Math.Max(scale, 1);
        var support = (filter == ResizeFilter.Bicubic ? 2 : 1) * widening;
        var centre = scale * (i + 0.5);
        var first = Math.Max((int)Math.Floor(centre - support + 0.5), 0);
        var end = Math.Min((int)Math.Floor(centre + support + 0.5), from);
        var weights = Enumerable.Range(first, end - first).Select(j => Weight((j + 0.5 - centre) / widening, filter)).ToArray();
        var total = weights.Sum();
        return (first, [.. weights.Select(v => v / total)]);
    }

    private static double Weight(double x, ResizeFilter filter)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        return filter == ResizeFilter.Bilinear ? Math.Max(1 - x, 0)
            : x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1
            : x < 2 ? a * (((x - 5) * x + 8) * x - 4)
            : 0;
    }

    private static Image Window(Image image, int top, int left, int size)
    {
        var result = new Image(size, size);
        return Map(result, (y, x) => image[top + y, left + x].ToArray());
    }

    private static void JitterStep(Image image, AugmentEntry e, uint step)
    {
        var factor = step switch { 0 => e.Brightness, 1 => e.Contrast, 2 => e.Saturation, _ => 1 + e.Hue };
        if (factor == 1 && e.Hue * (step == 3 ? 1 : 0) == 0)
        {
            return;
        }
        var mean = 0.0;
        ForEachPixel(image, rgb => mean += Grey(rgb) / (image.H * image.W));
        ForEachPixel(image, rgb =>
        {
            if (step == 3)
            {
                TurnHue(rgb, e.Hue);
                return;
            }
            var other = step switch { 0 => 0, 1 => mean, _ => Grey(rgb) };
            for (var c = 0; c < 3; c++)
            {
                rgb[c] = Math.Clamp((double)factor * rgb[c] + (1 - (double)factor) * other, 0, 1);
            }
        });
    }

    private static double Grey(ReadOnlySpan<double> rgb) => 0.2989 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];

    // Through hue, saturation, value and back; value times saturation is the range. As in torchvision the value itself is not clipped, so one
    // channel of a pixel that overshoots 1 keeps the overshoot.
    private static void TurnHue(Span<double> rgb, double turns)
    {
        var (r, g, b) = (rgb[0], rgb[1], rgb[2]);
        var max = Math.Max(r, Math.Max(g, b));
        var range = max - Math.Min(r, Math.Min(g, b));
        var hue = range == 0 ? 0 : max == r ? (g - b) / range : max == g ? 2 + (b - r) / range : 4 + (r - g) / range;
        hue = (hue / 6 + 1 + turns) % 1;
        var sextant = (int)Math.Floor(hue * 6);
        var f = hue * 6 - sextant;
        var p = Math.Clamp(max - range, 0, 1);
        var q = Math.Clamp(max - range * f, 0, 1);
        var t = Math.Clamp(max - range * (1 - f), 0, 1);
        (rgb[0], rgb[1], rgb[2]) = (sextant % 6) switch
        {
            0 => (max, t, p),
            1 => (q, max, p),
            2 => (p, max, t),
            3 => (p, q, max),
            4 => (t, p, max),
            _ => (max, p, q),
        };
    }

    private static Image Blur(Image image, int radius, double sigma)
    {
        var kernel = Enumerable.Range(-radius, 2 * radius + 1).Select(k => Math.Exp(-0.5 * k * k / (sigma * sigma))).ToArray();
        var total = kernel.Sum();
        var rows = Convolve(image, kernel, total, (y, x, k) => (y, Reflect(x + k, image.W)));
        return Convolve(rows, kernel, total, (y, x, k) => (Reflect(y + k, image.H), x));
    }

    private static Image Convolve(Image image, double[] kernel, double total, Func<int, int, int, (int Y, int X)> tap)
    {
        var radius = kernel.Length / 2;
        return Map(image, (y, x) =>
        {
            var sum = new double[3];
            for (var k = -radius; k <= radius; k++)
            {
                var (ty, tx) = tap(y, x, k);
                Accumulate(sum, kernel[k + radius] / total, image[ty, tx]);
            }
            return sum;
        });
    }

    private static int Reflect(int i, int size) => i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;

    private static void Accumulate(Span<double> sum, double weight, ReadOnlySpan<double> rgb)
    {
        for (var c = 0; c < 3; c++)
        {
            sum[c] += weight * rgb[c];
        }
    }

    private static Image Map(Image shape, Func<int, int, double[]> pixel)
    {
        var result = new Image(shape.H, shape.W);
        for (var y = 0; y < shape.H; y++)
        {
            for (var x = 0; x < shape.W; x++)
            {
                pixel(y, x).CopyTo(result[y, x]);
            }
        }
        return result;
    }

    private delegate void PixelAction(Span<double> rgb);

    private static void ForEachPixel(Image image, PixelAction action)
    {
        for (var i = 0; i < image.Values.Length; i += 3)
        {
            action(image.Values.AsSpan(i, 3));
        }
    }
}
