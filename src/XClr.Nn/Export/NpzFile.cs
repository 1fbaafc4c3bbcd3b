using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using XClr.Nn.Models;

namespace XClr.Nn.Export;

/// <summary>Writes numpy's .npz: a zip file with a .npy of each array, stored, little-endian, row-major.</summary>
public static class NpzFile
{
    // numpy aligns the data to this; the header is filled up with spaces.
    private const int Alignment = 64;
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes float32 arrays durably; equal arrays give equal files.</summary>
    /// <exception cref="IOException">The disk is full or not writable; an older file of this name is intact.</exception>
    public static void Write(string path, IEnumerable<NamedArray> arrays) => DurableFile.Write(path, stream =>
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var array in arrays)
        {
            var entry = archive.CreateEntry($"{array.Name}.npy", CompressionLevel.NoCompression);
            entry.LastWriteTime = Epoch;
            using var data = entry.Open();
            data.Write(Header(array.Shape));
            data.Write(MemoryMarshal.AsBytes(array.Values.AsSpan()));
        }
    });

    // Format 1.0: magic, version, length of the text in 16 bits, a Python dictionary, spaces, a line feed.
    private static byte[] Header(int[] shape)
    {
        const int Fixed = 10;
        var dimensions = string.Concat(shape.Select(d => string.Create(CultureInfo.InvariantCulture, $"{d},")));
        var text = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({dimensions}), }}";
        text = text.PadRight((Fixed + text.Length + Alignment) / Alignment * Alignment - Fixed - 1) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. Encoding.ASCII.GetBytes(text)];
    }
}
