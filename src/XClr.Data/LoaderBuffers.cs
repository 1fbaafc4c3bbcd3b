using System.Buffers;

namespace XClr.Data;

/// <summary>Byte arrays of image files and pixels, used again.</summary>
public static class LoaderBuffers
{
    private const int LargestBytes = 1 << 30, MostOfASize = 1024;

    /// <summary>Keeps what was in use at once. <see cref="ArrayPool{T}.Shared"/> keeps 32 arrays of a size per core, while a batch gives more of them back in one go.</summary>
    public static ArrayPool<byte> Pool { get; } = ArrayPool<byte>.Create(LargestBytes, MostOfASize);
}
