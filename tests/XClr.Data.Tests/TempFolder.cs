using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using SkiaSharp;

namespace XClr.Data.Tests;

/// <summary>A folder that is deleted after the test, and what tests put into it.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("xclr-data-").FullName;

    public static implicit operator string(TempFolder folder) => folder.Path;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public string File(string name, byte[] bytes)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    public string File(string name, string text) => File(name, Encoding.UTF8.GetBytes(text));

    /// <summary>A tar shard; gzipped where its name ends so.</summary>
    public string Shard(string name, IEnumerable<(string Name, byte[] Bytes)> members, TarEntryFormat format = TarEntryFormat.Ustar)
    {
        using var memory = new MemoryStream();
        using (var tar = new TarWriter(memory, format, leaveOpen: true))
        {
            foreach (var (member, bytes) in members)
            {
                TarEntry entry = format switch
                {
                    TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, member),
                    TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, member),
                    _ => new UstarTarEntry(TarEntryType.RegularFile, member),
                };
                entry.DataStream = new MemoryStream(bytes);
                // The bytes of an archive, and with them what a seed does to it, are the same at any time.
                entry.ModificationTime = DateTimeOffset.UnixEpoch;
                tar.WriteEntry(entry);
            }
        }
        if (!name.EndsWith("gz", StringComparison.Ordinal))
        {
            return File(name, memory.ToArray());
        }
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(memory.ToArray());
        }
        return File(name, compressed.ToArray());
    }

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>An image of one colour, whose red is <paramref name="red"/>: a JPEG keeps it within a level or two.</summary>
    public static byte[] Image(int red, int width = 16, int height = 12, SKEncodedImageFormat format = SKEncodedImageFormat.Jpeg)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        bitmap.Erase(new SKColor((byte)red, 100, 50));
        using var data = bitmap.Encode(format, 95);
        return data.ToArray();
    }

    /// <summary>An image of noise: no two neighbours are alike.</summary>
    public static byte[] Noise(int seed, int width, int height, SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        new Random(seed).NextBytes(bitmap.GetPixelSpan());
        using var data = bitmap.Encode(format, 95);
        return data.ToArray();
    }

    /// <summary>The JPEG with an EXIF orientation; 1 leaves it, and any other format, as it is.</summary>
    public static byte[] Turned(byte[] jpeg, int orientation) => orientation == 1 ? jpeg :
    [
        .. jpeg[..2], 0xFF, 0xE1, 0, 34, .. "Exif\0\0MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0, .. jpeg[2..],
    ];

    /// <summary>Members `00000.jpg .txt .cls` ... of <paramref name="count"/> samples; sample i is of class i % 10.</summary>
    public static IEnumerable<(string, byte[])> Samples(int count, int first = 0)
    {
        for (var i = first; i < first + count; i++)
        {
            yield return ($"{i:D5}.jpg", Image(i % 256));
            yield return ($"{i:D5}.txt", Utf8($"picture {i}"));
            yield return ($"{i:D5}.cls", Utf8($"{i % 10}\n"));
        }
    }
}
