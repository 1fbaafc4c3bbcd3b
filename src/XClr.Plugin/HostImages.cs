using XClr.Data;
using XClr.Train;

namespace XClr.Plugin;

/// <summary>Images in a host's memory, decoded already.</summary>
internal static unsafe class HostImages
{
    /// <summary>Decodes a file.</summary>
    /// <exception cref="DataException">It is no image that can be decoded; names the file and the cause.</exception>
    public static DecodedImage ReadFile(string path, int maxBytes)
    {
        try
        {
            return ImageDecoder.Decode(File.ReadAllBytes(path), new DecodeOptions { MaxBytes = maxBytes });
        }
        catch (ImageDecodeException e)
        {
            throw new DataException($"{path}: {e.Message}.");
        }
    }

    /// <summary>Copies an image; larger ones than <paramref name="maxBytes"/> are reduced as the decoder reduces them.</summary>
    /// <exception cref="UsageException">Its fields make no sense; names the image.</exception>
    public static DecodedImage Read(HostImage* images, uint index, int maxBytes)
    {
        ref var image = ref images[index];
        var name = $"images[{index}]";
        Boundary.RequireSize(image.Size, sizeof(HostImage), name);
        Boundary.Require(image.Pixels, $"{name}.pixels");
        if (image.Channels is not (3 or 4))
        {
            throw new UsageException($"{name}.channels is {image.Channels}; allowed: 3 (RGB), 4 (RGBA).");
        }
        if (image.Width == 0 || image.Height == 0 || (ulong)image.Width * image.Height > (ulong)DecodeOptions.Default.MaxPixels)
        {
            throw new UsageException($"{name} has {image.Width} x {image.Height} pixels; allowed: from 1 x 1 to {DecodeOptions.Default.MaxPixels} in all.");
        }
        var row = (nuint)image.Width * image.Channels;
        var pitch = image.RowPitch == 0 ? row : image.RowPitch;
        if (pitch < row || pitch > int.MaxValue)
        {
            throw new UsageException($"{name}.row_pitch is {image.RowPitch}; a row of {image.Width} pixels takes {row} bytes.");
        }
        var pixels = image.Pixels;
        ReadOnlySpan<byte> RowAt(int y) => new(pixels + (nuint)y * pitch, (int)row);
        return DecodedImage.FromRows((int)image.Width, (int)image.Height, (int)image.Channels, RowAt, maxBytes);
    }
}
