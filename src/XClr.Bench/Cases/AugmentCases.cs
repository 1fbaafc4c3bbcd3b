using System.Runtime.InteropServices;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>A batch of views to make: the byte ring, a table row per view and what the views share.</summary>
public sealed record AugmentCase(string Name, AugmentSpec Spec, byte[] Ring, AugmentEntry[] Table)
{
    /// <summary>The case in the form that tests and benchmarks run: inputs "ring" and "table", output "y".</summary>
    public OpCase ToOpCase()
    {
        var words = new uint[(Ring.Length + 3) / 4];
        Ring.AsSpan().CopyTo(MemoryMarshal.AsBytes(words.AsSpan()));
        var rows = MemoryMarshal.Cast<AugmentEntry, uint>(Table).ToArray();
        return new OpCase(
            Name,
            [
                new OpTensor("ring", new Shape(words.Length), Type: DType.UInt32, Values: () => words),
                new OpTensor("table", new Shape(Table.Length, AugmentEntry.Words), Type: DType.UInt32, Values: () => rows),
            ],
            [new OpTensor("y", new Shape(Table.Length, Spec.Size, Spec.Size, 4))],
            (gpu, t) => AugmentOp.Forward(gpu, t["ring"], t["table"], t["y"], Spec));
    }
}

/// <summary>Augmentation at ragged sizes for tests, and at the sizes of real training for benchmarks.</summary>
public static class AugmentCases
{
    /// <summary>Small cases: every step, both filters, sources from 1 to 130 pixels, odd byte offsets, padded rows, grey sources.</summary>
    public static IEnumerable<AugmentCase> Views =>
    [
        Random("augment_fwd 7v 1px bicubic", 1, ResizeFilter.Bicubic, views: 7, largest: 9, seed: 1),
        Random("augment_fwd 9v 3px bilinear", 3, ResizeFilter.Bilinear, views: 9, largest: 13, seed: 2),
        Random("augment_fwd 13v 20px bicubic", 20, ResizeFilter.Bicubic, views: 13, largest: 130, seed: 3),
        Random("augment_fwd 16v 32px bilinear", 32, ResizeFilter.Bilinear, views: 16, largest: 60, seed: 4),
        Random("augment_fwd 24v 61px bicubic", 61, ResizeFilter.Bicubic, views: 24, largest: 100, seed: 5),
        Evaluation("augment_fwd 5v 32px bicubic evaluation", 32, ResizeFilter.Bicubic, [(28, 28, 1), (41, 97, 3), (97, 41, 3), (1, 3, 3), (37, 36, 3)]),
        Evaluation("augment_fwd 3v 13px bilinear evaluation", 13, ResizeFilter.Bilinear, [(15, 15, 3), (200, 63, 3), (7, 5, 1)]),
    ];

    /// <summary>Views with everything drawn at random: box, factors, order, flags; each step is on in about half of the views.</summary>
    public static AugmentCase Random(string name, int size, ResizeFilter filter, int views, int largest, int seed)
    {
        var random = new Random(seed);
        var ring = new Ring(random);
        var spec = new AugmentSpec(size, filter, AugmentSpec.ImageNetMean, AugmentSpec.ImageNetStd);
        var table = new AugmentEntry[views];
        for (var i = 0; i < views; i++)
        {
            table[i] = Draw(random, ring.Image(random.Next(1, largest + 1), random.Next(1, largest + 1), random.Next(4) == 0 ? 1 : 3, random.Next(3), size));
        }
        return new AugmentCase(name, spec, ring.Bytes, table);
    }

    private static AugmentCase Evaluation(string name, int size, ResizeFilter filter, (int W, int H, int C)[] images)
    {
        var ring = new Ring(new Random(11));
        var spec = new AugmentSpec(size, filter, AugmentSpec.ImageNetMean, AugmentSpec.ImageNetStd, Blur: false);
        var table = images.Select(i =>
        {
            var whole = ring.Image(i.W, i.H, i.C, padding: 0, size);
            return AugmentEntry.Evaluation(whole.SourceOffset, i.W, i.H, i.C, size);
        }).ToArray();
        return new AugmentCase(name, spec, ring.Bytes, table);
    }

    // Any box at all, down to one pixel.
    private static AugmentEntry Draw(Random random, AugmentEntry whole)
    {
        var (w, h) = (random.Next(1, (int)whole.Width + 1), random.Next(1, (int)whole.Height + 1));
        uint[] order = [0, 1, 2, 3];
        random.Shuffle(order);
        return whole with
        {
            CropX = (uint)random.Next((int)whole.Width - w + 1),
            CropY = (uint)random.Next((int)whole.Height - h + 1),
            CropW = (uint)w,
            CropH = (uint)h,
            Flip = (uint)random.Next(2),
            Jitter = random.NextDouble() < 0.8 ? 1u : 0u,
            Brightness = Factor(random),
            Contrast = Factor(random),
            Saturation = Factor(random),
            Hue = (float)(0.4 * random.NextDouble() - 0.2),
            JitterOrder = order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6,
            Grey = random.NextDouble() < 0.2 ? 1u : 0u,
            Blur = (uint)random.Next(2),
            BlurSigma = (float)(0.1 + 1.9 * random.NextDouble()),
            Solarise = random.NextDouble() < 0.3 ? 1u : 0u,
            SolariseThreshold = 0.5f,
        };
    }

    private static float Factor(Random random) => (float)(0.2 + 1.6 * random.NextDouble());

    /// <summary>Bytes of images one behind the other, at offsets of every remainder modulo 4.</summary>
    private sealed class Ring(Random random)
    {
        private readonly List<byte> bytes = [];

        public byte[] Bytes => [.. bytes];

        // Every other image is noise, the others are gradients: flat areas and full contrast both occur.
        public AugmentEntry Image(int w, int h, int channels, int padding, int size)
        {
            bytes.AddRange(new byte[random.Next(4)]);
            var entry = AugmentEntry.Box((uint)bytes.Count, w, h, channels, (0, 0, w, h), size) with { Stride = (uint)(w * channels + padding) };
            var image = new byte[entry.Stride * h];
            random.NextBytes(image);
            if (random.Next(2) == 0)
            {
                var (dx, dy, dc) = (random.Next(8), random.Next(8), random.Next(100));
                for (var i = 0; i < image.Length; i++)
                {
                    var (y, x, c) = (i / (int)entry.Stride, i % (int)entry.Stride / channels, i % (int)entry.Stride % channels);
                    image[i] = (byte)Math.Clamp(dx * x + dy * y + dc * c - 40, 0, 255);
                }
            }
            bytes.AddRange(image);
            return entry;
        }
    }
}
