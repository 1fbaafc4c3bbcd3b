namespace XClr.Data;

/// <summary>What a worker does with one raw sample: read, draw the views, decode.</summary>
internal sealed class SampleLoader(SampleStreamOptions options)
{
    private const long MaxFileBytes = 1L << 30;
    private readonly ViewPool _views = new(options.Views);

    /// <summary>
    /// Reads and decodes. <paramref name="gate"/> is asked with the decoded size in bytes before the buffer is taken.
    /// </summary>
    /// <exception cref="ImageDecodeException">The sample is bad.</exception>
    public Sample Load(RawSample raw, int epoch, long index, IMemoryGate gate)
    {
        if (raw.Fault is { } fault)
        {
            throw new ImageDecodeException(fault, raw.FaultDetail ?? "");
        }
        if (options.RequireCaption && raw.Caption is null)
        {
            throw new ImageDecodeException(SampleFault.NoCaption, "the sample has no caption");
        }
        if (options.RequireLabel && raw.Label is null)
        {
            throw new ImageDecodeException(SampleFault.NoLabel, "the sample has no label");
        }
        var (image, views) = LoadImage(raw.Image!, epoch, index, gate);
        return new Sample
        {
            Key = raw.Key,
            Source = raw.Source,
            Image = image,
            Caption = options.Captions == CaptionUse.Draw && raw.HasMoreCaptions ? Drawn(raw.Captions, epoch, index) : raw.Caption,
            Raw = raw,
            ViewPool = _views,
            Label = raw.Label,
            Epoch = epoch,
            Index = index,
            Views = views,
        };
    }

    private string Drawn(IReadOnlyList<string> captions, int epoch, long index)
    {
        var random = new SeededRandom(options.Seed, RandomPurpose.Caption, epoch, index);
        return captions[random.Below(captions.Count)];
    }

    private (DecodedImage, AugmentParams[]) LoadImage(ImageSource source, int epoch, long index, IMemoryGate gate)
    {
        var bytes = Array.Empty<byte>();
        try
        {
            var length = source.Length;
            if (length > MaxFileBytes)
            {
                throw new ImageDecodeException(SampleFault.TooLarge, $"a file of {length} bytes");
            }
            bytes = LoaderBuffers.Pool.Rent((int)length);
            var file = bytes.AsSpan(0, (int)length);
            source.Read(file);
            return source.GreyPixels is { } size
                ? Grey(file, size.Width, size.Height, epoch, index, gate)
                : Decode(file, epoch, index, gate);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageDecodeException(SampleFault.Unreadable, e.Message);
        }
        finally
        {
            if (bytes.Length > 0)
            {
                LoaderBuffers.Pool.Return(bytes);
            }
        }
    }

    private (DecodedImage, AugmentParams[]) Grey(ReadOnlySpan<byte> grey, int width, int height, int epoch, long index, IMemoryGate gate)
    {
        gate.Reserve((long)grey.Length * 3);
        var image = DecodedImage.Allocate(width, height);
        var rgb = image.Writable;
        for (int i = 0, to = 0; i < grey.Length; i++, to += 3)
        {
            rgb[to] = rgb[to + 1] = rgb[to + 2] = grey[i];
        }
        image = ImageDecoder.FitInto(image, options.Decode.MaxBytes);
        var views = Draw(epoch, index, width, height);
        Rescale(views, width, height, image.Width, image.Height);
        return (image, views);
    }

    // Of what no view shows, nothing is kept, and where the format allows it, it is not even decoded.
    private (DecodedImage, AugmentParams[]) Decode(ReadOnlySpan<byte> file, int epoch, long index, IMemoryGate gate)
    {
        var info = ImageDecoder.ReadInfo(file);
        var views = Draw(epoch, index, info.Width, info.Height);
        var (minWidth, minHeight) = views.Length == 0
            ? (options.Decode.MinWidth, options.Decode.MinHeight)
            : (MinSide(info.Width, Smallest(views, v => v.CropW)), MinSide(info.Height, Smallest(views, v => v.CropH)));
        ImageDecoder.RequirePixels(info, options.Decode.MaxPixels);
        var scale = ImageDecoder.ScaleFor(info, minWidth, minHeight, options.Decode.MaxBytes);
        var whole = ImageDecoder.Whole(info, scale);
        Rescale(views, info.Width, info.Height, whole.Width, whole.Height);
        var box = views.Length > 0 && ImageDecoder.HasBoxes(info) ? PixelBox.Around(views) : whole;
        gate.Reserve(ImageDecoder.PlanBytes(box, options.Decode.MaxBytes));
        var image = ImageDecoder.Decode(file, info, options.Decode, scale, box);
        for (var v = 0; v < views.Length; v++)
        {
            views[v] = views[v] with { CropX = views[v].CropX - box.X, CropY = views[v].CropY - box.Y };
        }
        Rescale(views, box.Width, box.Height, image.Width, image.Height);
        return (image, views);
    }

    private static void Rescale(AugmentParams[] views, int fromWidth, int fromHeight, int toWidth, int toHeight)
    {
        for (var v = 0; v < views.Length; v++)
        {
            views[v] = views[v].Rescaled(fromWidth, fromHeight, toWidth, toHeight);
        }
    }

    // The parameters are drawn on the file's own size, so that they do not depend on the scale of decoding.
    private AugmentParams[] Draw(int epoch, long index, int width, int height)
    {
        if (options.Augment is not { } settings)
        {
            return [];
        }
        var views = _views.Rent();
        for (var v = 0; v < views.Length; v++)
        {
            views[v] = AugmentParams.Draw(settings, options.Seed, epoch, index, v, width, height);
        }
        return views;
    }

    private static int Smallest(AugmentParams[] views, Func<AugmentParams, int> side)
    {
        var smallest = int.MaxValue;
        foreach (var view in views)
        {
            smallest = Math.Min(smallest, side(view));
        }
        return smallest;
    }

    // The side that the whole image needs so that its smallest crop keeps OutputSize pixels, one for rounding included.
    private int MinSide(int side, int smallestCrop) =>
        options.OutputSize == 0 ? 0 : (int)Math.Min(int.MaxValue, Math.Ceiling((options.OutputSize + 1.0) * side / smallestCrop));
}
