using System.Runtime.InteropServices;
using System.Text;

namespace XClr.Data;

/// <summary>The C ABI of native/include/xclr_image.h. libxclr_native lies beside this assembly.</summary>
internal static unsafe partial class NativeJpeg
{
    private const string Library = "xclr_native";
    private const int MessageSize = 256;

    /// <summary>Reads the header. Throws <see cref="ImageDecodeException"/>.</summary>
    public static ImageInfo ReadInfo(ReadOnlySpan<byte> file)
    {
        var message = stackalloc byte[MessageSize];
        Header header;
        fixed (byte* data = file)
        {
            Check(ReadHeader(data, (nuint)file.Length, &header, message, MessageSize), message);
        }
        return ImageInfo.FromStored(header.Width, header.Height, header.Orientation, isJpeg: true);
    }

    /// <summary>One side at <paramref name="scale"/> eighths.</summary>
    public static int Scaled(int length, int scale) => ScaledLength(length, scale);

    /// <summary>The smallest scale, in eighths, at which a stored image keeps the minimum size.</summary>
    public static int ScaleFor(int width, int height, int minWidth, int minHeight) => ScaleForSize(width, height, minWidth, minHeight);

    /// <summary>Decodes a box of the stored pixels at <paramref name="scale"/> eighths. Throws <see cref="ImageDecodeException"/>.</summary>
    public static void Decode(ReadOnlySpan<byte> file, int scale, in Limits limits, PixelBox box, Span<byte> rgb)
    {
        var message = stackalloc byte[MessageSize];
        fixed (byte* data = file, output = rgb)
        fixed (Limits* bounds = &limits)
        {
            Check(DecodeBox(data, (nuint)file.Length, scale, bounds, &box, output, (nuint)rgb.Length, message, MessageSize), message);
        }
    }

    private static void Check(int status, byte* message)
    {
        if (status == 0)
        {
            return;
        }
        var text = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(message));
        throw status switch
        {
            1 => new ImageDecodeException(SampleFault.Empty, text),
            2 => new ImageDecodeException(SampleFault.Truncated, text),
            3 => new ImageDecodeException(SampleFault.Corrupt, text),
            4 => new ImageDecodeException(SampleFault.Unsupported, text),
            5 => new ImageDecodeException(SampleFault.TooLarge, text),
            6 => new ImageDecodeException(SampleFault.NotAnImage, text),
            7 => new InsufficientMemoryException($"JPEG decoder: {text}"),
            _ => new InvalidOperationException($"JPEG decoder, status {status}: {text}"),
        };
    }

    [LibraryImport(Library, EntryPoint = "xclr_jpeg_read_header")]
    private static partial int ReadHeader(byte* data, nuint size, Header* header, byte* message, nuint messageSize);

    [LibraryImport(Library, EntryPoint = "xclr_jpeg_scaled")]
    private static partial int ScaledLength(int length, int scale);

    [LibraryImport(Library, EntryPoint = "xclr_jpeg_scale_for")]
    private static partial int ScaleForSize(int width, int height, int minWidth, int minHeight);

    [LibraryImport(Library, EntryPoint = "xclr_jpeg_decode_box")]
    private static partial int DecodeBox(
        byte* data, nuint size, int scale, Limits* limits, PixelBox* box, byte* rgb, nuint rgbSize, byte* message, nuint messageSize);

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public int Width, Height, Components, Orientation, Precision, MultiScan;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Limits
    {
        public long MaxPixels;
        public long MaxMemory;
        public int MaxScans;
    }
}
