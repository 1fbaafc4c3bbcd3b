namespace XClr.Data;

/// <summary>Where a sample's image comes from; nothing is read before a worker asks. Thread safe.</summary>
public abstract class ImageSource
{
    /// <summary>Bytes that <see cref="Read"/> gives.</summary>
    /// <exception cref="IOException">The file is gone.</exception>
    public abstract long Length { get; }

    /// <summary>Bytes held in memory already, which a shuffle buffer must count.</summary>
    public virtual long HeldBytes => 0;

    /// <summary>Greyscale pixels, [Height, Width], one byte each, instead of an encoded file; null for files.</summary>
    public virtual (int Width, int Height)? GreyPixels => null;

    /// <summary>Fills <paramref name="destination"/>, of <see cref="Length"/> bytes.</summary>
    /// <exception cref="IOException">The file is gone or shorter than it was.</exception>
    public abstract void Read(Span<byte> destination);
}

/// <summary>A range of a file (a member of a tar shard), or a whole file. The file is opened for each read and closed again.</summary>
internal sealed class FileSource(string path, long offset, long length) : ImageSource
{
    /// <summary>A whole file, whose length is looked up when it is read.</summary>
    public FileSource(string path)
        : this(path, 0, -1)
    {
    }

    public override long Length => length >= 0 ? length : new FileInfo(path).Length;

    public override void Read(Span<byte> destination)
    {
        using var handle = File.OpenHandle(path);
        var done = 0;
        while (done < destination.Length)
        {
            var count = RandomAccess.Read(handle, destination[done..], offset + done);
            if (count == 0)
            {
                throw new IOException($"{path} ended after {offset + done} bytes; {offset + destination.Length} were there before.");
            }
            done += count;
        }
    }
}

/// <summary>A file's bytes that were read already, as from a compressed shard.</summary>
internal sealed class MemorySource(ReadOnlyMemory<byte> bytes) : ImageSource
{
    public override long Length => bytes.Length;

    public override long HeldBytes => bytes.Length;

    public override void Read(Span<byte> destination) => bytes.Span.CopyTo(destination);
}

/// <summary>One image of an IDX file: grey pixels that lie in memory for the whole set.</summary>
internal sealed class GreySource(ReadOnlyMemory<byte> pixels, int width, int height) : ImageSource
{
    public override long Length => pixels.Length;

    public override (int Width, int Height)? GreyPixels => (width, height);

    public override void Read(Span<byte> destination) => pixels.Span.CopyTo(destination);
}
