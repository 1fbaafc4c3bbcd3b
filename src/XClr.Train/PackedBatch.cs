using XClr.Data;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>Images of a batch one after another, and the table over them with offsets from the first byte. Whoever packs it uses it again for the next batch: its memory grows to the largest one.</summary>
public sealed class PackedBatch
{
    private AugmentEntry[] table = [];
    private byte[] bytes = [];
    private uint[] offsets = [];

    /// <summary>Row order of the table: view 1 of all samples, then view 2.</summary>
    public ReadOnlySpan<AugmentEntry> Table => table;

    /// <summary>The images.</summary>
    public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, ByteCount);

    /// <summary>Bytes in use: a multiple of 4.</summary>
    public int ByteCount { get; private set; }

    /// <summary>Packs samples with the views that were drawn for them.</summary>
    public PackedBatch Views(IReadOnlyList<Sample> samples, int views, int size)
    {
        Pack(samples, samples.Count * views);
        for (var i = 0; i < samples.Count; i++)
        {
            for (var view = 0; view < views; view++)
            {
                table[view * samples.Count + i] = Entry(samples[i].Views[view], offsets[i], samples[i].Image, size);
            }
        }
        return this;
    }

    /// <summary>Packs samples for evaluation: one central view each, in rows from <paramref name="firstRow"/> on. The views of the other rows are left as they are.</summary>
    public PackedBatch Evaluation(IReadOnlyList<Sample> samples, int firstRow, int rows, int size)
    {
        Pack(samples, rows);
        Array.Clear(table);
        for (var i = 0; i < samples.Count; i++)
        {
            table[firstRow + i] = AugmentEntry.Evaluation(offsets[i], samples[i].Image.Width, samples[i].Image.Height, 3, size);
        }
        return this;
    }

    /// <summary>Noise in place of samples: one image of the views' size per sample, every view the whole of it.</summary>
    public static PackedBatch Noise(int samples, int views, int size)
    {
        var imageBytes = Aligned(3 * size * size);
        var bytes = new byte[imageBytes * samples];
        new Random(0).NextBytes(bytes);
        var rows = Enumerable.Range(0, samples * views).Select(row => AugmentEntry.Box((uint)(row % samples * imageBytes), size, size, 3, (0, 0, size, size), size));
        return new PackedBatch { table = [.. rows], bytes = bytes, ByteCount = imageBytes * samples };
    }

    private void Pack(IReadOnlyList<Sample> samples, int rows)
    {
        table = table.Length == rows ? table : new AugmentEntry[rows];
        offsets = offsets.Length >= samples.Count ? offsets : new uint[samples.Count];
        var total = 0;
        for (var i = 0; i < samples.Count; i++)
        {
            offsets[i] = (uint)total;
            total += Aligned(samples[i].Image.ByteCount);
        }
        ByteCount = total;
        if (bytes.Length < total)
        {
            // A quarter more than this batch takes, so that one that is slightly larger finds room.
            bytes = GC.AllocateUninitializedArray<byte>((int)Math.Min(total + total / 4L, Array.MaxLength));
        }
        for (var i = 0; i < samples.Count; i++)
        {
            samples[i].Image.Pixels.CopyTo(bytes.AsSpan((int)offsets[i]));
        }
    }

    /// <summary>Bytes that an image of so many takes in a batch.</summary>
    internal static int Aligned(int bytes) => (bytes + 3) / 4 * 4;

    private static AugmentEntry Entry(AugmentParams p, uint offset, DecodedImage image, int size) =>
        AugmentEntry.Box(offset, image.Width, image.Height, 3, (p.CropX, p.CropY, p.CropW, p.CropH), size) with
        {
            Flip = p.Flip,
            Jitter = p.Jitter,
            Brightness = p.Brightness,
            Contrast = p.Contrast,
            Saturation = p.Saturation,
            Hue = p.Hue,
            JitterOrder = p.JitterOrder,
            Grey = p.Grey,
            Blur = p.Blur,
            BlurSigma = p.BlurSigma,
            Solarise = p.Solarise,
            SolariseThreshold = p.SolariseThreshold,
        };
}
