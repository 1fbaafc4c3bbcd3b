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
        for (uint first = 0; first < count; first += (uint)encoder.Rows)
        {
            var n = (int)Math.Min((uint)encoder.Rows, count - first);
            var samples = new List<Sample>();
            try
            {
                for (var i = 0; i < n; i++)
                {
                    samples.Add(new Sample { Key = $"{first + i}", Source = "host", Image = read(first + (uint)i, encoder.ImageBytes) });
                }
                var (featureRows, projectionRows) = (new RowMatrix(encoder.FeatureWidth), encoder.ProjectionWidth == 0 ? null : new RowMatrix(encoder.ProjectionWidth));
                encoder.Encode(samples, featureRows, projectionRows);
                Copy(featureRows, features, first);
                Copy(projectionRows, projections, first);
            }
            finally
            {
                samples.ForEach(s => s.Dispose());
            }
        }
    }

    /// <summary>Records the embedding of images in a host's buffer into the host's commands.</summary>
    public void Record(nint commandBuffer, BufferImages images, BufferRows features, BufferRows? projections)
    {
        static int Side(uint value, string name) => value <= int.MaxValue ? (int)value : throw new UsageException($"xclr_buffer_images.{name} is {value}; allowed: at most {int.MaxValue}.");
        var width = Side(images.Width, "width");
        var pitch = images.RowPitch == 0 ? checked(3 * width) : Side(images.RowPitch, "row_pitch");
        var source = new HostBufferImages(images.Buffer, (long)images.Offset, Side(images.Count, "count"), width, Side(images.Height, "height"), pitch);
        encoder.Record(new HostCommands(Context.Device, commandBuffer), source, (features.Buffer, (long)features.Offset), projections is { } p ? (p.Buffer, (long)p.Offset) : null);
    }

    private static void Copy(RowMatrix? rows, float* to, uint first)
    {
        for (var i = 0; to is not null && i < rows!.Count; i++)
        {
            rows[i].CopyTo(new Span<float>(to + (first + i) * rows.Width, rows.Width));
        }
    }

    public void Dispose()
    {
        encoder.Dispose();
        loaded.Dispose();
    }
}
