using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>A picture of what the network sees: per sample a row of its augmented views, made by the same kernels as in training.</summary>
public static class ViewSheet
{
    /// <summary>Writes a PNG of <paramref name="samples"/> rows with <paramref name="views"/> views each.</summary>
    public static void Write(string path, GpuDevice device, IImageDataset dataset, AugmentSettings settings, AugmentSpec spec, ulong seed, int samples = 8, int views = 8)
    {
        using var ring = new SourceRing(device.Caps, samples, views, spec);
        var options = new SampleStreamOptions { Seed = seed, Augment = settings, Views = views, OutputSize = spec.Size, Decode = new DecodeOptions { MaxBytes = ring.ImageBytes } };
        using var stream = new SampleStream(dataset, options);
        var drawn = stream.ReadAll().Take(samples).ToList();
        if (drawn.Count < samples)
        {
            throw new DataException($"'{dataset.Name}' has only {drawn.Count} good samples; the picture shows {samples}.");
        }
        var images = Tensor.Persistent("views", new Shape(samples * views, spec.Size, spec.Size, ModelSpec.Stored(ResNetBlueprint.ImageChannels)), MemoryCategory.Outputs);
        try
        {
            var packed = new PackedBatch().Views(drawn, views, spec.Size);
            ring.Upload(device, packed, half: 0, halfFree: default);
            using var plan = Plan.Build(device, device.Record(gpu => AugmentOp.Forward(gpu, ring.Bytes, ring.Table, images, spec)));
            plan.Run();
            var rgb = spec.ToRgb8(device.Transfer.Download(images, (int)images.Shape.Count));
            PngFile.Write(path, Tile(rgb, samples, views, spec.Size), views * spec.Size, samples * spec.Size);
        }
        finally
        {
            images.View.Buffer.Dispose();
            drawn.ForEach(s => s.Dispose());
        }
    }

    // Views come in table order: view 1 of all samples first.
    private static byte[] Tile(byte[] rgb, int samples, int views, int size)
    {
        var sheet = new byte[rgb.Length];
        for (var i = 0; i < samples * views; i++)
        {
            var (view, sample) = (i / samples, i % samples);
            for (var y = 0; y < size; y++)
            {
                rgb.AsSpan((i * size + y) * size * 3, size * 3).CopyTo(sheet.AsSpan((((sample * size) + y) * views + view) * size * 3));
            }
        }
        return sheet;
    }
}
