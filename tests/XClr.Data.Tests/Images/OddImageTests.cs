using System.Diagnostics;
using Xunit.Abstractions;

namespace XClr.Data.Tests;

/// <summary>Tests that measure the process's memory run while no other test does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class Alone
{
    public const string Name = "alone";
}

/// <summary>
/// Every odd, rare and broken file of image libraries' test corpora (their readme files too) decodes, or is refused by name.
/// </summary>
[Collection(Alone.Name)]
public class OddImageTests(ITestOutputHelper output)
{
    private const int MeasuredPasses = 8;

    private sealed record Outcome(string Path, SampleFault? Fault, int Width, int Height, double[] Means);

    [SkippableFact]
    public void Each_decodes_or_is_refused_by_name_without_leaks()
    {
        var root = Assets.Require("odd-images");
        var watch = Stopwatch.StartNew();
        var first = DecodeAll(root);
        DecodeAll(root);
        var before = MemoryNow();
        var later = Enumerable.Range(0, MeasuredPasses).Select(_ => DecodeAll(root)).ToList();
        var growth = MemoryNow() - before;
        var pixels = first.Sum(o => (long)o.Width * o.Height);

        Assert.True(first.Count >= 450, $"only {first.Count} files found in {root}");
        Assert.All(later, pass => Assert.Equal(first.Select(o => (o.Path, o.Fault)), pass.Select(o => (o.Path, o.Fault))));
        var counts = first.GroupBy(o => o.Fault).ToDictionary(g => g.Key?.Name() ?? "decoded", g => g.Count());
        output.WriteLine($"{first.Count} files: {string.Join(", ", counts.OrderByDescending(c => c.Value).Select(c => $"{c.Value} {c.Key}"))}");
        output.WriteLine($"{MeasuredPasses + 2} passes in {watch.ElapsedMilliseconds} ms; resident memory {growth / 1024.0 / 1024:+0.0;-0.0} MiB over the last {MeasuredPasses}, of {pixels / 1e6:F1} megapixels each");
        foreach (var o in first.Where(o => o.Fault is not null))
        {
            output.WriteLine($"{o.Fault!.Value.Name(),-14}{o.Path}");
        }
        // Seen with jpeg_destroy_decompress left out: +113 MiB. Leaked pixels would show as 8 x 45 MB.
        Assert.InRange(growth, long.MinValue, 32L << 20);
    }

    private static List<Outcome> DecodeAll(string root) => Directory
        .EnumerateFiles(root, "*", SearchOption.AllDirectories)
        .Order(StringComparer.Ordinal)
        .Select(f => DecodeOne(root, f))
        .ToList();

    private static Outcome DecodeOne(string root, string file)
    {
        var path = Path.GetRelativePath(root, file);
        try
        {
            using var image = ImageDecoder.Decode(File.ReadAllBytes(file));
            Assert.InRange(image.Width, 1, 20_000);
            return new(path, null, image.Width, image.Height, Means(image));
        }
        catch (ImageDecodeException e)
        {
            Assert.NotEmpty(e.Detail);
            return new(path, e.Cause, 0, 0, []);
        }
    }

    private static double[] Means(DecodedImage image)
    {
        var sums = new long[3];
        var pixels = image.Pixels;
        for (var i = 0; i < pixels.Length; i += 3)
        {
            sums[0] += pixels[i];
            sums[1] += pixels[i + 1];
            sums[2] += pixels[i + 2];
        }
        return [.. sums.Select(s => s / (double)(image.Width * image.Height))];
    }

    private static long MemoryNow()
    {
        // Aggressive: unused heap goes back, so that what other tests left is not in the figure.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    // PIL reads these although the data are damaged; a training image with a damaged half is no training image.
    private static readonly string[] OnlyPilReads =
    [
        "jpeg-decoder/crashtest/images/dc-predictor-overflow.jpg",
        "jpeg-decoder/crashtest/images/imagetestsuite/1cbb1bb37d62c44f67374cd451643dc4.jpg",
        "jpeg-decoder/crashtest/images/imagetestsuite/5482a54657765056f1a94116a8dbffe7.jpg",
        "jpeg-decoder/crashtest/images/imagetestsuite/7997b6b229f25315d33f5c7085e37500.jpg",
        "jpeg-decoder/crashtest/images/imagetestsuite/8e5e74dbf9b68a322fbb9512db837329.jpg",
        "jpeg-decoder/crashtest/images/imagetestsuite/b55977028a3a574336966b6536640fc9.jpg",
        "jpeg-decoder/crashtest/images/imagetestsuite/f6b4389c3cf0f5997b2e5a4b905aea8d.jpg",
        "jpeg-decoder/crashtest/images/subtract-with-overflow.jpg",
        "jpeg-decoder/reftest/images/partial_progressive.jpg",
        "pngsuite/png/xcsn0g01.png",
    ];

    // Golden/odd-images.tsv: PIL's size and channel means of every image (Golden/generate_odd_images.py).
    [SkippableFact]
    public void Sizes_and_means_agree_with_pil()
    {
        var root = Assets.Require("odd-images");
        var ours = DecodeAll(root).ToDictionary(o => o.Path);
        var onlyPil = new List<string>();
        var compared = 0;
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Golden", "odd-images.tsv")))
        {
            var fields = line.Split('\t');
            var mine = ours[fields[0]];
            if (fields[1] == "refused")
            {
                Assert.True(mine.Fault is not null, $"{fields[0]}: decoded, but PIL refuses it");
            }
            else if (mine.Fault is not null)
            {
                onlyPil.Add(fields[0]);
            }
            else
            {
                compared++;
                Assert.Equal((fields[0], int.Parse(fields[1]), int.Parse(fields[2])), (mine.Path, mine.Width, mine.Height));
                // One level of 255: CMYK arithmetic and the rounding of 16-bit values differ by less.
                Assert.All(Enumerable.Range(0, 3), c => Assert.InRange(mine.Means[c] - double.Parse(fields[3 + c]), -1, 1));
            }
        }
        output.WriteLine($"{compared} images agree with PIL in size and channel means");
        Assert.Equal(316, compared);
        Assert.Equal(OnlyPilReads, onlyPil);
    }

    // The eight files show the same four coloured quarters once upright: red, green / blue, white.
    [SkippableTheory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6), InlineData(7), InlineData(8)]
    public void Exif_orientation_is_applied(int orientation)
    {
        var file = File.ReadAllBytes(Assets.Require($"odd-images/exif-orientation/test_{orientation}.jpg"));
        var info = ImageDecoder.ReadInfo(file);
        using var image = ImageDecoder.Decode(file);
        Assert.Equal((image.Width, image.Height, orientation), (info.Width, info.Height, info.Orientation));
        AssertColour(image, 0.1, 0.1, 255, 0, 0);
        AssertColour(image, 0.9, 0.1, 0, 255, 0);
        AssertColour(image, 0.1, 0.9, 0, 0, 255);
        AssertColour(image, 0.9, 0.9, 255, 255, 255);
    }

    private static void AssertColour(DecodedImage image, double u, double v, params int[] rgb)
    {
        var at = ((int)(v * image.Height) * image.Width + (int)(u * image.Width)) * 3;
        for (var c = 0; c < 3; c++)
        {
            Assert.InRange(image.Pixels[at + c], rgb[c] - 40, rgb[c] + 40);
        }
    }
}
