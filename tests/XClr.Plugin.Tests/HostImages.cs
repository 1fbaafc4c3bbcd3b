using System.Runtime.InteropServices;
using XClr.Data;

namespace XClr.Plugin.Tests;

/// <summary>Images of noise in a host's memory, RGB or RGBA, with more bytes a row than its pixels take.</summary>
public sealed unsafe class HostImages : IDisposable
{
    private const int Slack = 5;
    private readonly int count, width, height, channels;

    public HostImages(int count, int width, int height, int channels = 3, int seed = 1)
    {
        (this.count, this.width, this.height, this.channels) = (count, width, height, channels);
        var pitch = width * channels + Slack;
        Pointer = (HostImage*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(HostImage));
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var pixels = (byte*)NativeMemory.Alloc((nuint)(pitch * height));
            random.NextBytes(new Span<byte>(pixels, pitch * height));
            Pointer[i] = new HostImage { Size = (uint)sizeof(HostImage), Channels = (uint)channels, Width = (uint)width, Height = (uint)height, RowPitch = (nuint)pitch, Pixels = pixels };
        }
    }

    public HostImage* Pointer { get; }

    /// <summary>The same images as the program has them.</summary>
    public List<DecodedImage> Decoded() => [.. Enumerable.Range(0, count).Select(i => DecodedImage.FromRows(width, height, channels, y => new ReadOnlySpan<byte>(Pointer[i].Pixels + y * (int)Pointer[i].RowPitch, width * channels), 0))];

    public void Dispose()
    {
        for (var i = 0; i < count; i++)
        {
            NativeMemory.Free(Pointer[i].Pixels);
        }
        NativeMemory.Free(Pointer);
    }
}
