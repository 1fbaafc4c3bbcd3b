using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace XClr.TestKit;

/// <summary>Shards, and what is in them.</summary>
public static class TestShards
{
    /// <summary>A tar archive of these members.</summary>
    public static byte[] Tar(IEnumerable<(string Name, byte[] Bytes)> members, TarEntryFormat format = TarEntryFormat.Ustar)
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
        return memory.ToArray();
    }

    public static byte[] Gzip(byte[] bytes)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }
        return memory.ToArray();
    }

    /// <summary>Members `00000.jpg .txt .cls` ... of <paramref name="count"/> samples; sample i is of class i % 10.</summary>
    public static IEnumerable<(string, byte[])> Samples(int count, int first = 0)
    {
        for (var i = first; i < first + count; i++)
        {
            yield return ($"{i:D5}.jpg", TestImages.Solid(i % 256));
            yield return ($"{i:D5}.txt", Encoding.UTF8.GetBytes($"picture {i}"));
            yield return ($"{i:D5}.cls", Encoding.UTF8.GetBytes($"{i % 10}\n"));
        }
    }
}
