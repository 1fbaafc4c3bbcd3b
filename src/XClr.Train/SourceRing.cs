using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
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

    /// <summary>Records the views that rows of <see cref="Table"/> describe. Result: [rows,S,S,4], normalised, the fourth channel zero.</summary>
    /// <param name="gpu">Records.</param>
    /// <param name="name">The result's.</param>
    /// <param name="rows">The table, or rows of it.</param>
    /// <param name="storage">The result's.</param>
    public Tensor Augment(Recorder gpu, string name, Tensor rows, DType storage = DType.Float32)
    {
        var views = gpu.NewTensor(name, new Shape(rows.Shape[0], spec.Size, spec.Size, ModelSpec.Stored(ResNetBlueprint.ImageChannels)), type: storage);
        Augment(gpu, rows, views);
        return views;
    }

    /// <summary>The same into a tensor that is there, [rows,S,S,4].</summary>
    public void Augment(Recorder gpu, Tensor rows, Tensor views)
    {
        using var phase = gpu.Phase(StepPhase.Augment);
        AugmentOp.Forward(gpu, Bytes, rows, views, spec);
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
