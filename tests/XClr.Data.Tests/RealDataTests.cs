using System.Diagnostics;
using Xunit.Abstractions;

namespace XClr.Data.Tests;

/// <summary>Real data sets, read from end to end.</summary>
public class RealDataTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData("coco-captions", 142, 5, null, null)]
    [InlineData("captions-small/rsicd-train-{00000..00001}.tar", 4000, 1, 30, "captions-small/rsicd-classes.txt")]
    [InlineData("captions-small/rsicd-val-00000.tar", 1027, 1, 30, "captions-small/rsicd-classes.txt")]
    [InlineData("captions-small/flickr8k-val-00000.tar", 500, 5, null, null)]
    [InlineData("tiny-imagenet/val-00000.tar", 2500, 1, 100, "tiny-imagenet/classes.txt")]
    public void Every_sample_is_delivered(string path, int count, int captions, int? classes, string? classesFile)
    {
        var options = new DatasetOptions { ClassesFile = classesFile is null ? null : Assets.Require(classesFile) };
        var folder = Assets.Require(path.Split('/')[0]);
        using var data = DatasetFactory.Open(Path.Combine(Path.GetDirectoryName(folder)!, path), options: options);
        Assert.Equal(count, data.Count);
        Assert.Equal(classes, data.Classes?.Count);
        var watch = Stopwatch.StartNew();
        using var stream = new SampleStream(data, new() { RequireCaption = true, RequireLabel = classes is not null, Seed = 3 });
        var (seen, labels) = (new HashSet<(string, string)>(), new HashSet<int>());
        foreach (var sample in stream.ReadAll())
        {
            using (sample)
            {
                Assert.True(seen.Add((sample.Source, sample.Key)));
                Assert.InRange(sample.Captions.Count, captions, 5);
                Assert.InRange(Math.Min(sample.Image.Width, sample.Image.Height), 64, 640);
                if (sample.Label is { } label)
                {
                    labels.Add(label);
                }
            }
        }
        output.WriteLine($"{path}: {seen.Count} samples in {watch.ElapsedMilliseconds} ms");
        Assert.Equal((count, 0), (seen.Count, stream.SkippedCount));
        Assert.Equal(classes ?? 0, labels.Count);
    }

    [SkippableFact]
    public void Fashion_mnist_of_debian_has_its_class_names()
    {
        const string Folder = "/usr/share/datasets/fashion-mnist";
        Skip.IfNot(Directory.Exists(Folder), "dataset-fashion-mnist is not installed");
        using var train = DatasetFactory.Open(Folder, options: new() { CaptionTemplate = "a photo of a {class}" });
        using var test = DatasetFactory.Open(Folder, options: new() { Split = "test" });
        Assert.Equal((60_000, 10_000), (train.Count, test.Count));
        Assert.Equal("sneaker", test.Classes![7]);
        var watch = Stopwatch.StartNew();
        using var stream = new SampleStream(train, new() { Augment = AugmentSettings.Preset("light"), OutputSize = 28 });
        var perClass = new int[10];
        foreach (var sample in stream.ReadAll())
        {
            using (sample)
            {
                perClass[sample.Label!.Value]++;
                Assert.Equal($"a photo of a {train.Classes![sample.Label.Value]}", sample.Caption);
            }
        }
        output.WriteLine($"60,000 samples in {watch.ElapsedMilliseconds} ms");
        Assert.All(perClass, n => Assert.Equal(6000, n));
    }

    // A scaled decode is the full one averaged, within what the inverse DCT's truncation does to edges.
    [SkippableFact]
    public void Scaled_decoding_keeps_the_picture()
    {
        using var data = DatasetFactory.Open(Assets.Require("coco-captions"));
        foreach (var raw in data.Read(ReadOrder.Sequential).Take(30))
        {
            using var read = raw.Image!.Read();
            var bytes = read.Span;
            using var full = ImageDecoder.Decode(bytes);
            foreach (var scale in new[] { 2, 4, 8 })
            {
                var (w, h) = ((full.Width + scale - 1) / scale, (full.Height + scale - 1) / scale);
                using var scaled = ImageDecoder.Decode(bytes, new() { MinWidth = w, MinHeight = h });
                Assert.Equal((w, h), (scaled.Width, scaled.Height));
                var averaged = new byte[w * h * 3];
                ImageTransforms.Reduce(full.Pixels, full.Width, full.Height, scale, averaged);
                var difference = 0L;
                for (var i = 0; i < averaged.Length; i++)
                {
                    difference += Math.Abs(averaged[i] - scaled.Pixels[i]);
                }
                Assert.InRange(difference / (double)averaged.Length, 0, 4);
            }
        }
    }
}
