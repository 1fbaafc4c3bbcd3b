using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XClr.Data.Tests;

public class AugmentParamsTests
{
    private const int Draws = 20_000;
    private static readonly AugmentSettings Simclr = AugmentSettings.Preset("simclr");

    [Fact]
    public void Layout_is_sixteen_words_in_declared_order()
    {
        Assert.Equal(64, Unsafe.SizeOf<AugmentParams>());
        var p = new AugmentParams
        {
            CropX = 1, CropY = 2, CropW = 3, CropH = 4, Flip = 5, Jitter = 6, Brightness = 7, Contrast = 8,
            Saturation = 9, Hue = 10, JitterOrder = 11, Grey = 12, Blur = 13, BlurSigma = 14, Solarise = 15, SolariseThreshold = 16,
        };
        var words = MemoryMarshal.Cast<AugmentParams, int>([p]);
        for (var i = 0; i < 16; i++)
        {
            var isFloat = i is 6 or 7 or 8 or 9 or 13 or 15;
            Assert.Equal(i + 1, isFloat ? BitConverter.Int32BitsToSingle(words[i]) : words[i]);
        }
    }

    [Fact]
    public void Factors_of_a_jitter_above_one_begin_at_zero()
    {
        var strong = Simclr with { Brightness = 1.5, Contrast = 2, Saturation = 3 };
        var drawn = Enumerable.Range(0, 500).Select(i => AugmentParams.Draw(strong, 3, 0, i, 0, 64, 64)).ToList();
        foreach (var (values, most) in new[] { (drawn.Select(d => d.Brightness), 2.5f), (drawn.Select(d => d.Contrast), 3f), (drawn.Select(d => d.Saturation), 4f) })
        {
            Assert.InRange(values.Min(), 0, 0.03f * most);
            Assert.InRange(values.Max(), 0.97f * most, most);
        }
    }

    [Fact]
    public void Draw_depends_on_its_key_alone()
    {
        var p = AugmentParams.Draw(Simclr, 3, 2, 17, 1, 640, 480);
        Assert.Equal(p, AugmentParams.Draw(Simclr, 3, 2, 17, 1, 640, 480));
        Assert.NotEqual(p, AugmentParams.Draw(Simclr, 4, 2, 17, 1, 640, 480));
        Assert.NotEqual(p, AugmentParams.Draw(Simclr, 3, 3, 17, 1, 640, 480));
        Assert.NotEqual(p, AugmentParams.Draw(Simclr, 3, 2, 18, 1, 640, 480));
        Assert.NotEqual(p, AugmentParams.Draw(Simclr, 3, 2, 17, 0, 640, 480));
        var other = AugmentParams.Draw(Simclr, 3, 2, 17, 1, 31, 999);
        Assert.Equal(p.Hue, other.Hue);
        Assert.Equal(p.JitterOrder, other.JitterOrder);
    }

    [Fact]
    public void Crops_follow_area_and_ratio()
    {
        var (width, height) = (1000, 1000);
        double area = 0, logRatio = 0, logRatioSquared = 0;
        double centreX = 0;
        foreach (var p in DrawMany(Simclr, width, height))
        {
            var fraction = (double)p.CropW * p.CropH / (width * height);
            Assert.InRange(fraction, 0.0795, 1);
            var ratio = Math.Log((double)p.CropW / p.CropH);
            Assert.InRange(ratio, Math.Log(0.745), Math.Log(1.341));
            area += fraction;
            logRatio += ratio;
            logRatioSquared += ratio * ratio;
            centreX += p.CropX + p.CropW / 2.0;
        }
        // A square source rejects wide boxes of large area, so the mean area lies below (0.08 + 1) / 2, as
        // ExpectedMeanArea integrates; the standard error is 0.0018.
        Assert.InRange(area / Draws, ExpectedMeanArea() - 0.009, ExpectedMeanArea() + 0.009);
        // Symmetric in log ratio: standard error 0.166 / sqrt(20,000) = 0.0012.
        Assert.InRange(logRatio / Draws, -0.006, 0.006);
        Assert.InRange(Math.Sqrt(logRatioSquared / Draws), 0.13, 0.1661);
        Assert.InRange(centreX / Draws, 495, 505);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 500)]
    [InlineData(500, 1)]
    [InlineData(3, 2)]
    [InlineData(28, 28)]
    [InlineData(4000, 30)]
    public void Crops_stay_inside_the_image(int width, int height)
    {
        foreach (var p in DrawMany(Simclr, width, height, 2000))
        {
            AssertInside(p, width, height);
            AssertInside(p.Rescaled(width, height, (width + 7) / 8, (height + 7) / 8), (width + 7) / 8, (height + 7) / 8);
        }
    }

    [Fact]
    public void Crop_falls_back_to_the_largest_centred_box_of_an_allowed_ratio()
    {
        // A full-area box of ratio 3/4 to 4/3 cannot fit into 400x100 pixels, so every try fails.
        var p = AugmentParams.Draw(Simclr with { AreaMin = 1 }, 1, 0, 0, 0, 400, 100);
        Assert.Equal((133, 0, 133, 100), (p.CropX, p.CropY, p.CropW, p.CropH));
        p = AugmentParams.Draw(Simclr with { AreaMin = 1 }, 1, 0, 0, 0, 90, 400);
        Assert.Equal((0, 140, 90, 120), (p.CropX, p.CropY, p.CropW, p.CropH));
    }

    [Fact]
    public void Probabilities_are_those_of_the_settings()
    {
        var settings = Simclr with { SolariseP = 0.1, SolariseSecondP = 0.2 };
        AssertShare(0.5, settings, 0, p => p.Flip);
        AssertShare(0.8, settings, 0, p => p.Jitter);
        AssertShare(0.2, settings, 0, p => p.Grey);
        AssertShare(0.5, settings, 0, p => p.Blur);
        AssertShare(0.1, settings, 0, p => p.Solarise);
        AssertShare(0.2, settings, 1, p => p.Solarise);
    }

    [Fact]
    public void Factors_are_uniform_within_their_strength()
    {
        AssertUniform(0.2, 1.8, p => p.Brightness);
        AssertUniform(0.2, 1.8, p => p.Contrast);
        AssertUniform(0.2, 1.8, p => p.Saturation);
        AssertUniform(-0.2, 0.2, p => p.Hue);
        AssertUniform(0.1, 2.0, p => p.BlurSigma);
    }

    [Fact]
    public void Jitter_order_is_a_permutation_each_equally_likely()
    {
        var counts = new Dictionary<uint, int>();
        foreach (var p in DrawMany(Simclr, 100, 100))
        {
            var steps = Enumerable.Range(0, 4).Select(s => p.JitterOrder >> 2 * s & 3).Order();
            Assert.Equal([0u, 1u, 2u, 3u], steps);
            counts[p.JitterOrder] = counts.GetValueOrDefault(p.JitterOrder) + 1;
        }
        Assert.Equal(24, counts.Count);
        // 833 expected each, standard deviation 28: five of them.
        Assert.All(counts.Values, n => Assert.InRange(n, 690, 976));
    }

    [Fact]
    public void Draws_are_independent_across_views()
    {
        var agree = 0;
        for (var i = 0; i < Draws; i++)
        {
            var (a, b) = (AugmentParams.Draw(Simclr, 5, 0, i, 0, 64, 64), AugmentParams.Draw(Simclr, 5, 0, i, 1, 64, 64));
            agree += a.Flip == b.Flip ? 1 : 0;
        }
        Assert.InRange(agree / (double)Draws, 0.482, 0.518);
    }

    [Fact]
    public void None_takes_the_centred_square_unchanged()
    {
        var p = AugmentParams.Draw(AugmentSettings.Preset("none"), 1, 0, 5, 1, 640, 480);
        Assert.Equal((80, 0, 480, 480), (p.CropX, p.CropY, p.CropW, p.CropH));
        Assert.Equal((0u, 0u, 0u, 0u, 0u), (p.Flip, p.Jitter, p.Grey, p.Blur, p.Solarise));
    }

    [Fact]
    public void Bad_settings_are_refused_by_name()
    {
        Assert.Contains("simclr, light, none", Assert.Throws<ArgumentException>(() => AugmentSettings.Preset("strong")).Message);
        Assert.Contains("FlipP is 1.5", Assert.Throws<ArgumentException>(() => (Simclr with { FlipP = 1.5 }).Validated()).Message);
        Assert.Contains("AreaMin", Assert.Throws<ArgumentException>(() => (Simclr with { AreaMin = 2 }).Validated()).Message);
        Assert.Contains("Hue", Assert.Throws<ArgumentException>(() => (Simclr with { Hue = double.NaN }).Validated()).Message);
    }

    private static IEnumerable<AugmentParams> DrawMany(AugmentSettings settings, int width, int height, int count = Draws, int view = 0) =>
        Enumerable.Range(0, count).Select(i => AugmentParams.Draw(settings.Validated(), 11, 0, i, view, width, height));

    private static void AssertInside(AugmentParams p, int width, int height)
    {
        Assert.InRange(p.CropW, 1, width);
        Assert.InRange(p.CropH, 1, height);
        Assert.InRange(p.CropX, 0, width - p.CropW);
        Assert.InRange(p.CropY, 0, height - p.CropH);
    }

    private static void AssertShare(double expected, AugmentSettings settings, int view, Func<AugmentParams, uint> flag)
    {
        var share = DrawMany(settings, 64, 64, view: view).Average(p => (double)flag(p));
        // Five standard errors.
        var margin = 5 * Math.Sqrt(expected * (1 - expected) / Draws);
        Assert.InRange(share, expected - margin, expected + margin);
    }

    private static void AssertUniform(double low, double high, Func<AugmentParams, float> value)
    {
        var values = DrawMany(Simclr, 64, 64).Select(p => (double)value(p)).ToArray();
        Assert.All(values, v => Assert.InRange(v, (float)low, (float)high));
        var range = high - low;
        // Mean and variance of a uniform variable, five standard errors each.
        var margin = 5 * range / Math.Sqrt(12.0 * Draws);
        var mean = values.Average();
        Assert.InRange(mean, (low + high) / 2 - margin, (low + high) / 2 + margin);
        var variance = values.Average(v => (v - mean) * (v - mean));
        Assert.InRange(variance / (range * range / 12), 0.96, 1.04);
        Assert.True(values.Min() < low + 0.01 * range && values.Max() > high - 0.01 * range);
    }

    // The mean of area a under the acceptance rule of a square source: |log ratio| <= -log a.
    private static double ExpectedMeanArea()
    {
        double weighted = 0, total = 0;
        var logMax = Math.Log(4.0 / 3);
        for (var a = 0.08; a < 1; a += 1e-5)
        {
            var accepted = Math.Min(1, -Math.Log(a) / logMax);
            weighted += a * accepted;
            total += accepted;
        }
        return weighted / total;
    }
}
