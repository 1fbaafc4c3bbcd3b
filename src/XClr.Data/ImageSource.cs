using XClr.Data.Readers;

namespace XClr.Data;

/// <summary>Where a sample's image comes from; nothing is read before a worker asks. Thread safe.</summary>
public abstract class ImageSource
{
    /// <summary>Bytes held in memory already, which a shuffle buffer must count.</summary>
    public virtual long HeldBytes => 0;

    /// <summary>Greyscale pixels, [Height, Width], one byte each, instead of an encoded file; null for files.</summary>
    public virtual (int Width, int Height)? GreyPixels => null;

    /// <summary>The encoded file, or the grey pixels. The caller disposes of them.</summary>
    /// <exception cref="ImageDecodeException">The file is gone, shorter than it was, or too large.</exception>
    public ImageBytes Read()
    {
        try
        {
            return ReadBytes();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageDecodeException(SampleFault.Unreadable, e.Message);
        }
    }

    /// <inheritdoc cref="Read" path="/summary"/>
    /// <exception cref="IOException">The file is gone or shorter than it was.</exception>
    protected abstract ImageBytes ReadBytes();

    /// <summary>Gives memory back that is used again; it is not read any more.</summary>
    internal virtual void Release()
    {
    }
}

/// <summary>What an <see cref="ImageSource"/> gave: bytes of its own, or a pooled buffer that <see cref="Dispose"/>, to be called once, gives back.</summary>
public readonly struct ImageBytes : IDisposable
{
    private const long MaxLength = 1L << 30;
    private readonly byte[]? pooled;
    private readonly ReadOnlyMemory<byte> bytes;

    private ImageBytes(byte[]? pooled, ReadOnlyMemory<byte> bytes) => (this.pooled, this.bytes) = (pooled, bytes);

    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Span => bytes.Span;

    /// <summary>Bytes that outlive their reader.</summary>
    /// <exception cref="ImageDecodeException">They are more than 1 GiB.</exception>
    public static ImageBytes Of(ReadOnlyMemory<byte> bytes)
    {
        RequireLength(bytes.Length);
        return new(null, bytes);
    }

    /// <summary>So many bytes for the caller to fill, in order, before anybody else sees them.</summary>
    /// <param name="length">1 GiB at most.</param>
    /// <param name="fill">Returns how many bytes it could fill from the front.</param>
    /// <param name="state">Given to <paramref name="fill"/>.</param>
    /// <param name="name">The file's, for messages.</param>
    /// <exception cref="ImageDecodeException">They are too many.</exception>
    /// <exception cref="IOException">Not all of them were there.</exception>
    internal static ImageBytes Fill<T>(long length, Func<T, Span<byte>, int> fill, T state, string name)
    {
        RequireLength(length);
        var pooled = LoaderBuffers.Pool.Rent((int)length);
        try
        {
            var done = fill(state, pooled.AsSpan(0, (int)length));
            return done == length ? new(pooled, pooled.AsMemory(0, (int)length)) : throw new IOException($"{name} ended {length - done} bytes early: {length} were there before.");
        }
        catch
        {
            LoaderBuffers.Pool.Return(pooled);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (pooled is not null)
        {
            LoaderBuffers.Pool.Return(pooled);
        }
    }

    private static void RequireLength(long length)
    {
        if (length > MaxLength)
        {
            throw new ImageDecodeException(SampleFault.TooLarge, $"a file of {length} bytes");
        }
    }
}

/// <summary>A whole file. It is opened for each read and closed again.</summary>
internal sealed class FileSource : ImageSource
{
    public string FilePath { get; set; } = "";

    protected override ImageBytes ReadBytes()
    {
        if (FilePath.Contains('\0'))
        {
            throw new IOException("the path has a NUL in it, which no file's may");
        }
        using var handle = File.OpenHandle(FilePath);
        var length = FileRead.Length(handle) ?? throw new IOException("it is a device or a pipe, no file");
        return ImageBytes.Fill(length, static (handle, to) => FileRead.Fill(handle, to, 0), handle, FilePath);
    }
}

/// <summary>A range of one of a set's shards, whose files stay open (<see cref="ShardHandles"/>).</summary>
internal sealed class ShardSource : ImageSource
{
    private ShardHandles? shards;
    private string path = "";
    private long offset, length;

    public void Set(ShardHandles shards, string path, long offset, long length) => (this.shards, this.path, this.offset, this.length) = (shards, path, offset, length);

    protected override ImageBytes ReadBytes() => ImageBytes.Fill(length, static (source, to) => source.shards!.Read(source.path, to, source.offset), this, path);
}

/// <summary>A file's bytes that were read already, as from a compressed shard.</summary>
internal sealed class MemorySource : ImageSource
{
    private byte[]? pooled;

    public ReadOnlyMemory<byte> Bytes { get; set; }

    public override long HeldBytes => Bytes.Length;

    /// <summary>Takes over the first bytes of an array of <see cref="LoaderBuffers"/>.</summary>
    public void Own(byte[] pooled, int length) => (this.pooled, Bytes) = (pooled, pooled.AsMemory(0, length));

    protected override ImageBytes ReadBytes() => ImageBytes.Of(Bytes);

    internal override void Release()
    {
        Bytes = default;
        if (pooled is { } array)
        {
            pooled = null;
            LoaderBuffers.Pool.Return(array);
        }
    }
}

/// <summary>One image of an IDX file: grey pixels that lie in memory for the whole set.</summary>
internal sealed class GreySource : ImageSource
{
    private ReadOnlyMemory<byte> pixels;
    private int width, height;

    public override (int Width, int Height)? GreyPixels => (width, height);

    public void Set(ReadOnlyMemory<byte> pixels, int width, int height) => (this.pixels, this.width, this.height) = (pixels, width, height);

    protected override ImageBytes ReadBytes() => ImageBytes.Of(pixels);
}
