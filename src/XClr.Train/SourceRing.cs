using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>
/// Source images on the device: a ring of bytes with two halves, so that one batch is copied while the other is in use (or one part alone), and a table
/// with a row per view that says where its source lies and what is done to it.
/// </summary>
public sealed class SourceRing : IDisposable
{
    // A source of four times the view's side keeps every crop of an eighth of the area at full resolution.
    private const int LargestSide = 4;
    private readonly AugmentSpec spec;
    private readonly AugmentEntry[] table;

    /// <param name="caps">Bounds the ring: it is bound as one range. A part is at most an array of the host.</param>
    /// <param name="samples">Images per batch.</param>
    /// <param name="views">Views per image.</param>
    /// <param name="spec">What all views share.</param>
    /// <param name="parts">2, or 1 where no batch is copied while another is in use.</param>
    /// <param name="leastBytes">A part has as many bytes at least, where the device can bind them.</param>
    public SourceRing(DeviceCaps caps, int samples, int views, AugmentSpec spec, int parts = 2, int leastBytes = 0)
    {
        this.spec = spec;
        var most = Math.Min(caps.MaxStorageBufferRange / parts, Array.MaxLength);
        // Each image's place may be bound by itself.
        var alignment = Math.Max(sizeof(uint), caps.MinStorageBufferOffsetAlignment);
        ImageBytes = (int)Math.Min((WantedBytes(spec.Size) + alignment - 1) / alignment * alignment, most / samples / alignment * alignment);
        if (ImageBytes == 0)
        {
            throw new UsageException($"{samples} images at a time: the device binds {most} bytes of them at once, not one pixel of each; lower --batch-size.");
        }
        table = new AugmentEntry[samples * views];
        Samples = samples;
        LargestImageBytes = Math.Max(ImageBytes, (int)Math.Min(leastBytes, most) / sizeof(uint) * sizeof(uint));
        BatchBytes = Math.Max(ImageBytes * samples, LargestImageBytes);
        Bytes = Tensor.Persistent("source_ring", new Shape((int)((long)BatchBytes * parts / sizeof(uint))), MemoryCategory.Inputs, DType.UInt32);
        Table = Tensor.Persistent("augment_table", new Shape(samples * views, AugmentEntry.Words), MemoryCategory.Inputs, DType.UInt32);
    }

    /// <summary>Images per batch.</summary>
    public int Samples { get; }

    /// <summary>Bytes of a batch at most.</summary>
    public int BatchBytes { get; }

    /// <summary>Bytes that one image may take where each has a place of the same size; larger ones are reduced by the decoder (<see cref="DecodeOptions.MaxBytes"/>).</summary>
    public int ImageBytes { get; }

    /// <summary>Bytes that one image may take where a part holds as many as there is room for, whatever the batch is.</summary>
    public int LargestImageBytes { get; }

    /// <summary>What a reduction means and what helps, for a warning.</summary>
    public string ReducedAdvice
    {
        get
        {
            var side = (int)Math.Sqrt(ImageBytes / 3.0);
            var what = $"images of more than {ImageBytes / 3} pixels (such as {side} x {side}) are reduced to that before they are cropped (upright JPEGs where the part that the crops show is larger)";
            return ImageBytes < WantedBytes(spec.Size)
                ? $"{what}: the device binds no more per batch; fewer images at a time (--batch-size) leave each more room"
                : $"{what}: only what crops of less than 1/{LargestSide * LargestSide} of the area show loses detail by it; smaller copies of the images, or JPEGs, decode faster";
        }
    }

    /// <summary>The ring, as UInt32 words.</summary>
    public Tensor Bytes { get; }

    /// <summary>UInt32 [views x samples, AugmentEntry.Words].</summary>
    public Tensor Table { get; }

    /// <summary>
    /// Copies a batch to the device. Its bytes go into a half that nothing has read since <paramref name="halfFree"/>; its table follows all work so far.
    /// </summary>
    public void Upload(GpuDevice device, PackedBatch batch, int half, GpuTicket halfFree)
    {
        device.Transfer.Upload<byte>(Bytes.View.Slice(half * BatchBytes, batch.ByteCount), batch.Bytes, halfFree);
        for (var i = 0; i < table.Length; i++)
        {
            table[i] = batch.Table[i] with { SourceOffset = batch.Table[i].SourceOffset + (uint)(half * BatchBytes) };
        }
        Require(table);
        device.Transfer.Upload<AugmentEntry>(Table, table);
    }

    /// <summary>Throws where a row of a table is not safe to read.</summary>
    /// <inheritdoc cref="AugmentEntry.Require(long, AugmentSpec)" path="/exception"/>
    public void Require(ReadOnlySpan<AugmentEntry> table)
    {
        foreach (var entry in table)
        {
            entry.Require(Bytes.Bytes, spec);
        }
    }

    /// <summary>Bytes that an image takes which is large enough for any crop of views of this side.</summary>
    internal static long WantedBytes(int size) => 3L * LargestSide * LargestSide * size * size;

    public void Dispose()
    {
        Bytes.View.Buffer.Dispose();
        Table.View.Buffer.Dispose();
    }
}

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
