using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>Packs a host's images as the RGB8 rows that <see cref="AugmentOp"/> reads, averaged over blocks of factor x factor texels as the decoder reduces large files: the same bytes.</summary>
public static class ReduceImageOp
{
    private const int Lanes = 64, PixelsPerLane = 4;

    // The sum of a block's bytes is 32 bits wide.
    private const int LargestFactor = 4096;

    private readonly record struct ReduceParams(uint Width, uint Height, uint Factor);

    private static readonly Kernel<ReduceParams> Reduce = new("augment/reduce_fwd", reads: 1, writes: 1, images: 1);

    /// <summary>Bindings for so many images in one recording.</summary>
    public static HostImageBindings Bindings(GpuDevice device, int count) => new(device, Reduce, count);

    /// <summary>Records the packing of images.</summary>
    /// <param name="commands">The host's commands.</param>
    /// <param name="images">Images of <paramref name="width"/> x <paramref name="height"/> texels at least, of which the upper left is taken.</param>
    /// <param name="width">Texels.</param>
    /// <param name="height">Texels.</param>
    /// <param name="factor">Side of a block; 1: the texels as they are.</param>
    /// <param name="packed">For each image the place of its ceil(width / factor) x ceil(height / factor) pixels of 3 bytes, rounded up to words.</param>
    /// <param name="bindings">From <see cref="Bindings"/>; in use until the host's submit has ended.</param>
    public static void Forward(HostCommands commands, IReadOnlyList<HostImageView> images, int width, int height, int factor, IReadOnlyList<BufferView> packed, HostImageBindings bindings)
    {
        if (factor is < 1 or > LargestFactor)
        {
            throw new ShapeException($"ReduceImageOp: images of {width} x {height} cannot be reduced {factor} times; allowed: 1 to {LargestFactor}.");
        }
        var pixels = OpMath.CeilDiv(width, factor) * OpMath.CeilDiv(height, factor);
        commands.Dispatch(Reduce, OpMath.CeilDiv(pixels, Lanes * PixelsPerLane), new ReduceParams((uint)width, (uint)height, (uint)factor), images, packed, bindings);
    }
}
