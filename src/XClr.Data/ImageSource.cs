using XClr.Data.Readers;

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

/// <summary>A whole file, whose length is looked up when it is read. It is opened for each read and closed again.</summary>
internal sealed class FileSource(string path) : ImageSource
{
    public override long Length => new FileInfo(path).Length;

    public override void Read(Span<byte> destination)
    {
        using var handle = File.OpenHandle(path);
        var done = 0;
        while (done < destination.Length)
        {
            var count = RandomAccess.Read(handle, destination[done..], done);
            if (count == 0)
            {
                throw new IOException($"{path} ended after {done} bytes; {destination.Length} were there before.");
            }
            done += count;
        }
    }
}

/// <summary>A range of one of a set's shards, whose files stay open (<see cref="ShardHandles"/>).</summary>
internal sealed class ShardSource(ShardHandles shards, string path, long offset, long length) : ImageSource
{
    public override long Length => length;

    public override void Read(Span<byte> destination)
    {
        var done = shards.Read(path, destination, offset);
        if (done < destination.Length)
        {
            throw new IOException($"{path} ended after {offset + done} bytes; {offset + destination.Length} were there before.");
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
