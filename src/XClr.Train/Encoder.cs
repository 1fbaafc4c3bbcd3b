using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>Images in a host's VkBuffer: bytes from one row to the next, and one image after another.</summary>
public readonly record struct HostBufferImages(ulong Buffer, long Offset, int Count, int Width, int Height, int RowPitch);

/// <summary>Runs a model on whole images in inference mode: evaluation transform, running statistics, a fixed number of rows per run.</summary>
public sealed class Encoder : IDisposable
{
    private readonly GpuDevice device;
    private readonly Model model;
    private readonly EncoderGraph graph;
    private readonly Plan plan;
    private readonly int size;

    /// <param name="device">Device of the model.</param>
    /// <param name="model">Its values at the time of a run are used.</param>
    /// <param name="spec">Image size and normalisation.</param>
    /// <param name="rows">Images per run.</param>
    public Encoder(GpuDevice device, Model model, AugmentSpec spec, int rows)
    {
        this.device = device;
        this.model = model;
        size = spec.Size;
        Rows = rows;
        graph = new EncoderGraph(device.Caps, model, spec, rows);
        try
        {
            plan = Plan.Build(device, device.Record(graph.Record));
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of device memory that an encoder needs beside its model's.</summary>
    internal static long ExtraBytes(DeviceCaps caps, Model model, AugmentSpec spec, int rows)
    {
        using var graph = new EncoderGraph(caps, model, spec, rows);
        var gpu = new Recorder(caps);
        graph.Record(gpu);
        var layout = PlanLayout.Create(gpu.Dispatches, caps);
        return layout.TransientPeakBytes + layout.Persistent.Where(b => b.Category != MemoryCategory.Parameters).Sum(b => b.Bytes);
    }

    /// <summary>Images per run.</summary>
    public int Rows { get; }

    /// <summary>F.</summary>
    public int FeatureWidth => model.Spec.FeatureWidth;

    /// <summary>True where what the head puts out are a classifier's logits, not projections.</summary>
    public bool Classifies => model.Spec.Head == HeadKind.Classifier;

    /// <summary>P, or a classifier's classes; 0 without a head.</summary>
    public int ProjectionWidth => graph.Projections is null ? 0 : model.Spec.ProjectionWidth;

    /// <summary>Bytes of a decoded image that one run accepts: the decoder's <see cref="DecodeOptions.MaxBytes"/>.</summary>
    public int ImageBytes => graph.Sources.ImageBytes;

    /// <summary>See <see cref="SourceRing.ReducedAdvice"/>.</summary>
    public string ReducedAdvice => graph.Sources.ReducedAdvice;

    /// <summary>Encodes up to <see cref="Rows"/> images, appending their features [n,F] and projections [n,P] (or logits; null without a head).</summary>
    public void Encode(IReadOnlyList<Sample> samples, RowMatrix featureRows, RowMatrix? projectionRows)
    {
        if (samples.Count == 0 || samples.Count > Rows)
        {
            throw new ArgumentException($"An encoder of {Rows} rows was given {samples.Count} images.");
        }
        using (var packed = PackedBatch.Evaluation(samples, Rows, size))
        {
            graph.Sources.Upload(device, packed, half: 0, halfFree: default);
        }
        plan.Run();
        featureRows.Add(Download(graph.Features, samples.Count, FeatureWidth));
        if (graph.Projections is { } projections)
        {
            projectionRows!.Add(Download(projections, samples.Count, ProjectionWidth));
        }
    }

    /// <summary>
    /// Records the embedding of images that lie in a host's VkBuffer one after another, RGB8, into the host's command buffer; features [n,F] (and projections [n,P]) go to its buffers.
    /// This encoder's memory is in use until the host's submit has ended.
    /// </summary>
    /// <exception cref="UsageException">There are more images or bytes than a run takes, or a row is shorter than its pixels.</exception>
    public void Record(HostCommands commands, HostBufferImages images, (ulong Buffer, long Offset) features, (ulong Buffer, long Offset)? projections)
    {
        var (rows, bytes) = (images.Count, (long)images.Count * images.Height * images.RowPitch);
        if (rows < 1 || rows > Rows || images.Width < 1 || images.Height < 1 || images.RowPitch < 3L * images.Width || bytes > graph.Sources.Bytes.Bytes)
        {
            throw new UsageException($"{rows} images of {images.Width} x {images.Height} pixels with {images.RowPitch} bytes a row: an encoder of {Rows} takes 1 to {Rows} images of at least 1 x 1 pixels, 3 bytes each, and at most {graph.Sources.Bytes.Bytes} bytes in all.");
        }
        var table = Enumerable.Range(0, Rows).Select(i => AugmentEntry.Evaluation((uint)((i < rows ? i : 0) * images.Height * images.RowPitch), images.Width, images.Height, 3, size) with { Stride = (uint)images.RowPitch }).ToArray();
        commands.CopyIn(images.Buffer, images.Offset, graph.Sources.Bytes.View.Slice(0, bytes));
        commands.Update<AugmentEntry>(graph.Sources.Table.View, table);
        commands.Run(plan);
        CopyOut(commands, graph.Features, FeatureWidth, rows, features);
        if (projections is { } to)
        {
            CopyOut(commands, graph.Projections ?? throw new UsageException("The checkpoint has no head, so there are no projections to record."), ProjectionWidth, rows, to);
        }
        commands.WaitForAll();
    }

    private static void CopyOut(HostCommands commands, Tensor from, int width, int rows, (ulong Buffer, long Offset) to) =>
        commands.CopyOut(from.View, rows, (long)from.Shape[1] * sizeof(float), (long)width * sizeof(float), to.Buffer, to.Offset);

    private float[] Download(Tensor rows, int count, int width) => StateDict.Unpad(device.Transfer.Download(rows, count * rows.Shape[1]), rows.Shape[1], width);

    public void Dispose()
    {
        plan.Dispose();
        graph.Dispose();
    }
}
