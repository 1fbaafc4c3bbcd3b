using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>Images one after another in a host's VkBuffer, with the bytes from one row to the next.</summary>
public readonly record struct HostBufferImages(ulong Buffer, long Offset, int Count, int Width, int Height, int RowPitch);

/// <summary>Images in VkImages of a host, one view for each, all of the same size in pixels.</summary>
public readonly record struct HostViewImages(IReadOnlyList<HostImageView> Views, int Width, int Height);

/// <summary>Where a recorded run writes its rows: VkBuffers of a host, with the byte offset of the first row; null = no projections.</summary>
public readonly record struct HostRows((ulong Buffer, long Offset) Features, (ulong Buffer, long Offset)? Projections);

/// <summary>Runs a model on whole images in inference mode: evaluation transform, running statistics, a fixed number of rows per run.</summary>
public sealed class Encoder : IDisposable
{
    // More than any device's images have.
    private const int LargestSide = 65536;
    private readonly GpuDevice device;
    private readonly Model model;
    private readonly EncoderGraph graph;
    // The sources' views, in parts; the network over all of them.
    private readonly Plan views, network;
    private readonly int size;
    private readonly PackedBatch packed = new();
    private HostImageBindings? bindings;

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
            views = Plan.Build(device, device.Record(graph.RecordViews));
            network = Plan.Build(device, device.Record(graph.RecordNetwork));
            // Rows that no image has come to are finite.
            device.Transfer.Clear(graph.Views.View.Buffer);
        }
        catch (GpuException e) when (e is not DeviceLostException)
        {
            Dispose();
            throw new GpuException($"{rows} images of {spec.Size} pixels at a time: {e.Message} A smaller --batch-size needs less.", e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes of device memory that an encoder needs beside its model's.</summary>
    internal static long ExtraBytes(DeviceCaps caps, Model model, AugmentSpec spec, int rows)
    {
        using var graph = new EncoderGraph(caps, model, spec, rows);
        PlanLayout Layout(Action<Recorder> record)
        {
            var gpu = new Recorder(caps);
            record(gpu);
            return PlanLayout.Create(gpu.Dispatches, caps);
        }
        var (views, network) = (Layout(graph.RecordViews), Layout(graph.RecordNetwork));
        return views.TransientPeakBytes + network.TransientPeakBytes + views.Persistent.Union(network.Persistent).Where(b => b.Category != MemoryCategory.Parameters).Sum(b => b.Bytes);
    }

    /// <summary>Images per run.</summary>
    public int Rows { get; }

    /// <summary>F.</summary>
    public int FeatureWidth => model.Spec.FeatureWidth;

    /// <summary>True if the head's output is a classifier's logits, not projections.</summary>
    public bool Classifies => model.Spec.Head == HeadKind.Classifier;

    /// <summary>P, or a classifier's classes; 0 without a head.</summary>
    public int ProjectionWidth => graph.Projections is null ? 0 : model.Spec.ProjectionWidth;

    /// <summary>Room for each image of <see cref="HostViewImages"/>, in bytes.</summary>
    public int ImageBytes => graph.Sources.ImageBytes;

    /// <summary>Bytes that a decoded image may have, whatever <see cref="Rows"/> is.</summary>
    public int LargestImageBytes => graph.Sources.LargestImageBytes;

    /// <summary>Null if an image can be encoded, else the reason why not.</summary>
    public string? Refusal(DecodedImage image)
    {
        try
        {
            graph.Sources.Require([AugmentEntry.Evaluation(0, image.Width, image.Height, 3, size)]);
            return null;
        }
        catch (ArgumentException)
        {
            return $"{image.OriginalWidth} x {image.OriginalHeight} pixels are too elongated to be resized";
        }
    }

    /// <summary>
    /// Encodes images, appending their features [n,F] and projections [n,P] (or logits; null without a head). They are copied and resized in as many parts as their bytes ask for, so that none is made smaller for what is beside it; every
    /// run of the network but the last has <see cref="Rows"/> of them.
    /// </summary>
    /// <param name="samples">Of <see cref="LargestImageBytes"/> each at most, and such that <see cref="Refusal"/> is null; read as they are needed, and disposed of.</param>
    /// <param name="featureRows">Takes the features.</param>
    /// <param name="projectionRows">Takes the projections; null where there is no head.</param>
    public void Encode(IEnumerable<Sample> samples, RowMatrix featureRows, RowMatrix? projectionRows)
    {
        var (part, bytes, resized) = (new List<Sample>(Rows), 0L, 0);
        try
        {
            foreach (var sample in samples)
            {
                var own = PackedBatch.Aligned(sample.Image.ByteCount);
                part.Add(sample);
                if (bytes + own > graph.Sources.BatchBytes)
                {
                    Resize(part.Count - 1);
                }
                bytes += own;
                if (resized + part.Count == Rows)
                {
                    Run();
                }
            }
            if (part.Count > 0)
            {
                Run();
            }
        }
        finally
        {
            part.ForEach(s => s.Dispose());
        }

        void Resize(int count)
        {
            var taken = part[..count];
            graph.Sources.Upload(device, packed.Evaluation(taken, resized, Rows, size), half: 0, halfFree: default);
            views.Run();
            resized += count;
            taken.ForEach(s => s.Dispose());
            part.RemoveRange(0, count);
            bytes = 0;
        }

        void Run()
        {
            Resize(part.Count);
            network.Run();
            featureRows.Add(Download(graph.Features, resized, FeatureWidth));
            if (graph.Projections is { } projections)
            {
                projectionRows!.Add(Download(projections, resized, ProjectionWidth));
            }
            resized = 0;
        }
    }

    /// <summary>
    /// Records the embedding of images that lie in a host's VkBuffer one after another, RGB8, into the host's command buffer; features [n,F] (and projections [n,P]) go to its buffers.
    /// This encoder's memory is in use until the host's submit has ended.
    /// </summary>
    /// <exception cref="UsageException">There are more images or bytes than a run takes, or a row is shorter than its pixels.</exception>
    public void Record(HostCommands commands, HostBufferImages images, HostRows to)
    {
        var bytes = (long)images.Count * images.Height * images.RowPitch;
        if (images.Count < 1 || images.Count > Rows || images.Width < 1 || images.Height < 1 || images.RowPitch < 3L * images.Width || bytes > graph.Sources.Bytes.Bytes)
        {
            throw new UsageException($"{images.Count} images of {images.Width} x {images.Height} pixels with {images.RowPitch} bytes a row: an encoder of {Rows} takes 1 to {Rows} images of at least 1 x 1 pixels, 3 bytes each, and at most {graph.Sources.Bytes.Bytes} bytes in all.");
        }
        var table = Table(images.Count, images.Height * images.RowPitch, images.Width, images.Height, images.RowPitch);
        RequireHead(to);
        commands.CopyIn(images.Buffer, images.Offset, graph.Sources.Bytes.View.Slice(0, bytes));
        RecordRun(commands, table, images.Count, to);
    }

    /// <summary>
    /// The same of images in VkImages, whose texels are read without a sampler. Larger images than <see cref="ImageBytes"/> are reduced as the decoder does it, so that the result is that of <see cref="Encode"/> of such images to the bit.
    /// Recording again makes commands invalid that were recorded before.
    /// </summary>
    /// <exception cref="UsageException">There are more images than a run takes, or they have no pixels.</exception>
    public void Record(HostCommands commands, HostViewImages images, HostRows to)
    {
        var (count, width, height) = (images.Views.Count, images.Width, images.Height);
        if (count < 1 || count > Rows || width is < 1 or > LargestSide || height is < 1 or > LargestSide)
        {
            throw new UsageException($"{count} images of {width} x {height} pixels: an encoder of {Rows} takes 1 to {Rows} images of 1 x 1 to {LargestSide} x {LargestSide} pixels.");
        }
        var (factor, reducedWidth, reducedHeight) = ImageDecoder.Reduction(width, height, ImageBytes);
        var table = Table(count, ImageBytes, reducedWidth, reducedHeight, 3 * reducedWidth);
        RequireHead(to);
        bindings ??= ReduceImageOp.Bindings(device, Rows);
        ReduceImageOp.Forward(commands, images.Views, width, height, factor, [.. Enumerable.Range(0, count).Select(i => graph.Sources.Bytes.View.Slice((long)i * ImageBytes, ImageBytes))], bindings);
        RecordRun(commands, table, count, to);
    }

    private AugmentEntry[] Table(int count, int imageBytes, int width, int height, int pitch)
    {
        var table = new AugmentEntry[Rows];
        for (var i = 0; i < count; i++)
        {
            table[i] = AugmentEntry.Evaluation((uint)(i * imageBytes), width, height, 3, size) with { Stride = (uint)pitch };
        }
        try
        {
            graph.Sources.Require(table);
            return table;
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"Images of {width} x {height} pixels cannot be resized for the network: {e.Message}");
        }
    }

    private void RequireHead(HostRows to)
    {
        if (to.Projections is not null && graph.Projections is null)
        {
            throw new UsageException("The checkpoint has no head, so there are no projections to record.");
        }
    }

    private void RecordRun(HostCommands commands, AugmentEntry[] table, int rows, HostRows to)
    {
        commands.Update<AugmentEntry>(graph.Sources.Table.View, table);
        commands.Run(views);
        commands.Run(network);
        CopyOut(commands, graph.Features, FeatureWidth, rows, to.Features);
        if (to.Projections is { } projections)
        {
            CopyOut(commands, graph.Projections!, ProjectionWidth, rows, projections);
        }
        commands.WaitForAll();
    }

    private static void CopyOut(HostCommands commands, Tensor from, int width, int rows, (ulong Buffer, long Offset) to) =>
        commands.CopyOut(from.View, rows, (long)from.Shape[1] * sizeof(float), (long)width * sizeof(float), to.Buffer, to.Offset);

    private float[] Download(Tensor rows, int count, int width) => StateDict.Unpad(device.Transfer.Download(rows, count * rows.Shape[1]), rows.Shape[1], width);

    public void Dispose()
    {
        network?.Dispose();
        views?.Dispose();
        bindings?.Dispose();
        graph.Dispose();
    }
}
