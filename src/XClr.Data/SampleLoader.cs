namespace XClr.Data;

/// <summary>What a worker does with one raw sample: read, draw the views, decode.</summary>
internal sealed class SampleLoader(SampleStreamOptions options)
{
    private readonly ObjectPool<SampleSlot> slots = new(pool => new(pool, new AugmentParams[options.Augment is null ? 0 : options.Views]));

    /// <summary>
    /// Reads and decodes. <paramref name="gate"/> is asked before buffers are taken, and told what is left of them.
    /// </summary>
    /// <exception cref="ImageDecodeException">The sample is bad.</exception>
    public Sample Load(RawSample raw, int epoch, long index, IMemoryGate gate)
    {
        if (raw.Fault is { } fault)
        {
            throw new ImageDecodeException(fault, raw.FaultDetail ?? "");
        }
        if (options.RequireCaption && raw.CaptionCount == 0)
        {
            throw new ImageDecodeException(SampleFault.NoCaption, "the sample has no caption");
        }
        if (options.RequireLabel && raw.Label is null)
        {
            throw new ImageDecodeException(SampleFault.NoLabel, "the sample has no label");
        }
        var slot = slots.Rent();
        try
        {
            (slot.Raw, slot.Epoch, slot.Index) = (raw, epoch, index);
            slot.Caption = options.Captions == CaptionUse.Draw && raw.CaptionCount > 1 ? DrawCaption(raw.CaptionCount, epoch, index) : raw.MainCaption;
            slot.Image = LoadImage(raw.Image!, slot, gate);
            return new(slot);
        }
        catch
        {
            slots.Return(slot);
            throw;
        }
    }

    private int DrawCaption(int count, int epoch, long index)
    {
        var random = new SeededRandom(options.Seed, RandomPurpose.Caption, epoch, Place(index));
        return random.Below(count);
    }

    private DecodedImage LoadImage(ImageSource source, SampleSlot slot, IMemoryGate gate)
    {
        using var bytes = source.Read();
        return source.GreyPixels is { } size
            ? Grey(bytes.Span, size.Width, size.Height, slot, gate)
            : Decode(bytes.Span, slot, gate);
    }

    private DecodedImage Grey(ReadOnlySpan<byte> grey, int width, int height, SampleSlot slot, IMemoryGate gate)
    {
        gate.Reserve((long)grey.Length * 3);
        var image = DecodedImage.Allocate(width, height);
        ImageTransforms.GreyToRgb(grey, image.Writable);
        image = ImageDecoder.FitInto(image, options.Decode.MaxBytes);
        Draw(slot, width, height);
        Rescale(slot.Views, width, height, image.Width, image.Height);
        return image;
    }

    // Of what no view shows, nothing is kept, and where the format allows it, it is not even decoded.
    private DecodedImage Decode(ReadOnlySpan<byte> file, SampleSlot slot, IMemoryGate gate)
    {
        var info = ImageDecoder.ReadInfo(file);
        Draw(slot, info.Width, info.Height);
        var views = slot.Views;
        var (minWidth, minHeight) = views.Length == 0
            ? (options.Decode.MinWidth, options.Decode.MinHeight)
            : (MinSide(info.Width, Smallest(views, v => v.CropW)), MinSide(info.Height, Smallest(views, v => v.CropH)));
        ImageDecoder.RequirePixels(info, options.Decode.MaxPixels);
        var scale = ImageDecoder.ScaleFor(info, minWidth, minHeight, options.Decode.MaxBytes, views);
        var (whole, box) = (ImageDecoder.Whole(info, scale.Eighths), ImageDecoder.Shown(info, scale.Eighths, views));
        Rescale(views, info.Width, info.Height, whole.Width, whole.Height);
        gate.Reserve(ImageDecoder.WorkingBytes(info, box, options.Decode.MaxBytes));
        var image = ImageDecoder.Decode(file, info, options.Decode, scale, box);
        gate.Reserve(image.ByteCount);
        for (var v = 0; v < views.Length; v++)
        {
            views[v] = views[v] with { CropX = views[v].CropX - box.X, CropY = views[v].CropY - box.Y };
        }
        Rescale(views, box.Width, box.Height, image.Width, image.Height);
        return image;
    }

    private static void Rescale(AugmentParams[] views, int fromWidth, int fromHeight, int toWidth, int toHeight)
    {
        for (var v = 0; v < views.Length; v++)
        {
            views[v] = views[v].Rescaled(fromWidth, fromHeight, toWidth, toHeight);
        }
    }

    // The parameters are drawn on the file's own size, so that they do not depend on the scale of decoding.
    private void Draw(SampleSlot slot, int width, int height)
    {
        for (var v = 0; v < slot.Views.Length; v++)
        {
            slot.Views[v] = AugmentParams.Draw(options.Augment!, options.Seed, slot.Epoch, Place(slot.Index), v, width, height);
        }
    }

    // Of all ranks' samples of the epoch, so that no two draw the same.
    private long Place(long index) => index * options.WorldSize + options.Rank;

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
