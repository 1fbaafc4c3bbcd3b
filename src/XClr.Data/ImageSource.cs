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

    /// <summary>Gives memory back that is used again; it is not read any more.</summary>
    internal virtual void Release()
    {
    }
}

/// <summary>A whole file, whose length is looked up when it is read. It is opened for each read and closed again.</summary>
internal sealed class FileSource : ImageSource
{
    public string FilePath { get; set; } = "";

    public override long Length => new FileInfo(FilePath).Length;

    public override void Read(Span<byte> destination)
    {
        using var handle = File.OpenHandle(FilePath);
        var done = 0;
        while (done < destination.Length)
        {
            var count = RandomAccess.Read(handle, destination[done..], done);
            if (count == 0)
            {
                throw new IOException($"{FilePath} ended after {done} bytes; {destination.Length} were there before.");
            }
            done += count;
        }
    }
}

/// <summary>A range of one of a set's shards, whose files stay open (<see cref="ShardHandles"/>).</summary>
internal sealed class ShardSource : ImageSource
{
    private ShardHandles? _shards;
    private string _path = "";
    private long _offset, _length;

    public override long Length => _length;

    public void Set(ShardHandles shards, string path, long offset, long length) => (_shards, _path, _offset, _length) = (shards, path, offset, length);

    public override void Read(Span<byte> destination)
    {
        var done = _shards!.Read(_path, destination, _offset);
        if (done < destination.Length)
        {
            throw new IOException($"{_path} ended after {_offset + done} bytes; {_offset + destination.Length} were there before.");
        }
    }
}

/// <summary>A file's bytes that were read already, as from a compressed shard.</summary>
internal sealed class MemorySource : ImageSource
{
    private byte[]? _pooled;

    public ReadOnlyMemory<byte> Bytes { get; set; }

    public override long Length => Bytes.Length;

    public override long HeldBytes => Bytes.Length;

    /// <summary>Takes over the first bytes of an array of <see cref="LoaderBuffers"/>.</summary>
    public void Own(byte[] pooled, int length) => (_pooled, Bytes) = (pooled, pooled.AsMemory(0, length));

    public override void Read(Span<byte> destination) => Bytes.Span.CopyTo(destination);

    internal override void Release()
    {
        if (_pooled is { } array)
        {
            (_pooled, Bytes) = (null, default);
            LoaderBuffers.Pool.Return(array);
        }
    }
}

/// <summary>One image of an IDX file: grey pixels that lie in memory for the whole set.</summary>
internal sealed class GreySource : ImageSource
{
    private ReadOnlyMemory<byte> _pixels;
    private int _width, _height;

    public override long Length => _pixels.Length;

    public override (int Width, int Height)? GreyPixels => (_width, _height);

    public void Set(ReadOnlyMemory<byte> pixels, int width, int height) => (_pixels, _width, _height) = (pixels, width, height);

    public override void Read(Span<byte> destination) => _pixels.Span.CopyTo(destination);
}
