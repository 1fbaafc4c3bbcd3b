using XClr.Data;
using XClr.Gpu;
using XClr.Train;
using XClr.Train.Evaluation;

namespace XClr.Plugin;

/// <summary>Image number index, in at most maxBytes bytes.</summary>
internal delegate DecodedImage ImageReader(uint index, int maxBytes);

/// <summary>A loaded network with its plan.</summary>
internal sealed unsafe class ImageEncoder : IDisposable
{
    private readonly LoadedModel loaded;
    private readonly Encoder encoder;

    public ImageEncoder(Context context, string checkpoint, uint batch)
    {
        if (batch is 0 or > 65536)
        {
            throw new UsageException($"batch is {batch}; allowed: 1 to 65536.");
        }
        Context = context;
        loaded = LoadedModel.Open(context.Device, checkpoint, new NetworkOptions());
        try
        {
            encoder = new Encoder(context.Device, loaded.Model, loaded.Images, (int)batch);
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    public Context Context { get; }

    public EncoderInfo Info => new()
    {
        Size = (uint)sizeof(EncoderInfo),
        Batch = (uint)encoder.Rows,
        FeatureWidth = (uint)encoder.FeatureWidth,
        ProjectionWidth = (uint)encoder.ProjectionWidth,
        ImageSize = (uint)loaded.Images.Size,
    };

    /// <summary>Embeds count images, each read when its turn comes: features [count,F] and projections [count,P], each where it is not null.</summary>
    public void Embed(uint count, ImageReader read, float* features, float* projections)
    {
        if (projections is not null && encoder.ProjectionWidth == 0)
        {
            throw new UsageException("projections is not NULL, and the checkpoint has no head; pass NULL.");
        }
        var (featureRows, projectionRows) = (new RowMatrix(encoder.FeatureWidth), encoder.ProjectionWidth == 0 ? null : new RowMatrix(encoder.ProjectionWidth));
        encoder.Encode(Images(count, read), featureRows, projectionRows);
        Copy(featureRows, features);
        Copy(projectionRows, projections);
    }

    private IEnumerable<Sample> Images(uint count, ImageReader read)
    {
        for (uint i = 0; i < count; i++)
        {
            var image = read(i, encoder.LargestImageBytes);
            if (encoder.Refusal(image) is { } refusal)
            {
                image.Dispose();
                throw new UsageException($"Image {i}: {refusal}.");
            }
            yield return Sample.Of($"{i}", "host", image);
        }
    }

    /// <summary>Records the embedding of images in a host's buffer into the host's commands.</summary>
    public void Record(nint commandBuffer, BufferImages images, HostRows to)
    {
        var width = Number(images.Width, "xclr_buffer_images.width", int.MaxValue / 3);
        var pitch = images.RowPitch == 0 ? 3 * width : Number(images.RowPitch, "xclr_buffer_images.row_pitch");
        Require(images.Buffer, "xclr_buffer_images.buffer");
        Require(to);
        var source = new HostBufferImages(images.Buffer, (long)images.Offset, Number(images.Count, "xclr_buffer_images.count"), width, Number(images.Height, "xclr_buffer_images.height"), pitch);
        encoder.Record(Commands(commandBuffer), source, to);
    }

    /// <summary>The same of images in a host's VkImages.</summary>
    public void Record(nint commandBuffer, ImageViews images, HostRows to)
    {
        Boundary.Require(images.Views, "xclr_image_views.views");
        Require(HostImageView.FormatFault(images.Format), "xclr_image_views.format");
        Require(HostImageView.LayoutFault(images.Layout), "xclr_image_views.layout");
        var count = Number(images.Count, "xclr_image_views.count");
        if (count > encoder.Rows)
        {
            throw new UsageException($"xclr_image_views.count is {count}; the encoder was loaded with a batch of {encoder.Rows}.");
        }
        var views = new HostImageView[count];
        for (var i = 0; i < count; i++)
        {
            Require(images.Views[i], $"xclr_image_views.views[{i}]");
            views[i] = HostImageView.Of(images.Views[i], images.Layout);
        }
        Require(to);
        encoder.Record(Commands(commandBuffer), new HostViewImages(views, Number(images.Width, "xclr_image_views.width"), Number(images.Height, "xclr_image_views.height")), to);
    }

    private HostCommands Commands(nint commandBuffer) => Context.IsShared
        ? new HostCommands(Context.Device, commandBuffer)
        : throw new UsageException("command_buffer is of a device of the host's, and the context has a device of its own; make the context on the host's device (xclr_context_info.shared).");

    private static int Number(uint value, string name, int most = int.MaxValue) => value <= most ? (int)value : throw new UsageException($"{name} is {value}; allowed: at most {most}.");

    private static void Require(string? fault, string name)
    {
        if (fault is not null)
        {
            throw new UsageException($"{name} {fault}");
        }
    }

    private static void Require(ulong handle, string name) => Require(handle == 0 ? "is VK_NULL_HANDLE." : null, name);

    private static void Require(HostRows rows)
    {
        Require(rows.Features.Buffer, "features.buffer");
        Require(rows.Projections is { Buffer: 0 } ? "is VK_NULL_HANDLE." : null, "projections.buffer");
    }

    private static void Copy(RowMatrix? rows, float* to)
    {
        for (var i = 0; to is not null && i < rows!.Count; i++)
        {
            rows[i].CopyTo(new Span<float>(to + (long)i * rows.Width, rows.Width));
        }
    }

    public void Dispose()
    {
        encoder.Dispose();
        loaded.Dispose();
    }
}
