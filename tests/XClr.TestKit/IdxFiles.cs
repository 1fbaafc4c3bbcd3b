using System.Buffers.Binary;

namespace XClr.TestKit;

/// <summary>Grey images and labels in the IDX format, under the names of MNIST's files.</summary>
public static class IdxFiles
{
    /// <summary>Writes `PREFIX-images-idx3-ubyte` of grey pixels [N,height,width] and `PREFIX-labels-idx1-ubyte` of labels [N], gzipped where asked for; returns where the images lie.</summary>
    public static string Write(TempFolder folder, string prefix, int height, int width, byte[] pixels, byte[] labels, bool gzip = false)
    {
        Write($"{prefix}-labels-idx1-ubyte", [0x801, labels.Length], labels);
        return Write($"{prefix}-images-idx3-ubyte", [0x803, labels.Length, height, width], pixels);

        string Write(string name, int[] header, byte[] data)
        {
            var bytes = new byte[4 * header.Length + data.Length];
            for (var i = 0; i < header.Length; i++)
            {
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), header[i]);
            }
            data.CopyTo(bytes, 4 * header.Length);
            return gzip ? folder.File(name + ".gz", TestShards.Gzip(bytes)) : folder.File(name, bytes);
        }
    }
}
