using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;

namespace XClr.Data.Readers;

/// <summary>
/// IDX files (MNIST's format), gzipped or not: greyscale images of one size and their class indices. The whole set is held in
/// memory, one byte a pixel.
/// </summary>
public sealed class IdxReader : IndexedDataset
{
    private const string ImageMark = "images-idx3-ubyte";
    private const string LabelMark = "labels-idx1-ubyte";

    private readonly byte[] pixels;
    private readonly byte[] labels;
    private readonly string file;
    private readonly LabelCaptions complete;

    /// <param name="path">An images file, or a folder with train-images-idx3-ubyte and t10k-images-idx3-ubyte (or .gz).</param>
    /// <param name="options">Split, classes, caption template.</param>
    /// <exception cref="DataException">Files are missing, damaged or do not belong together.</exception>
    public IdxReader(string path, DatasetOptions? options = null)
    {
        options ??= new();
        Name = path;
        file = Directory.Exists(path) ? FindImages(path, options.Split ?? "train") : path;
        (pixels, var sizes) = ReadIdx(file, dimensions: 3);
        (labels, var counts) = ReadIdx(LabelFileOf(file), dimensions: 1);
        (Count, Height, Width) = (sizes[0], sizes[1], sizes[2]);
        if (Count != counts[0])
        {
            throw new DataException($"'{file}' has {Count} images and '{LabelFileOf(file)}' {counts[0]} labels: they do not belong together.");
        }
        if (Count == 0 || Width == 0 || Height == 0)
        {
            throw new DataException($"'{file}' holds no images ({Count} of {Width} x {Height} pixels).");
        }
        Classes = options.LoadClasses()?.Names ?? (FashionMnist.Is(file, labels) ? FashionMnist.ClassNames : null);
        complete = new(path, Classes, options.CaptionTemplate);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Format => "idx";

    /// <inheritdoc/>
    public override IReadOnlyList<string>? Classes { get; }

    /// <inheritdoc/>
    public override long Count { get; }

    /// <summary>Width of every image, pixels.</summary>
    public int Width { get; }

    /// <summary>Height of every image, pixels.</summary>
    public int Height { get; }

    /// <summary>Whether a folder holds IDX image files.</summary>
    public static bool IsFolder(string folder) => Directory.EnumerateFiles(folder).Any(IsImages);

    /// <summary>Whether a file's name is that of IDX images.</summary>
    public static bool IsImages(string path) => Path.GetFileName(path).Contains(ImageMark, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override RawSample Get(int index)
    {
        var size = Width * Height;
        Span<char> key = stackalloc char[11];
        index.TryFormat(key, out var length, "D6", CultureInfo.InvariantCulture);
        var sample = Samples.Rent().Begin(key[..length], file);
        sample.Place<GreySource>().Set(pixels.AsMemory(index * size, size), Width, Height);
        sample.Label = labels[index];
        return complete.Complete(sample);
    }

    private static string FindImages(string folder, string split)
    {
        string[] prefixes = split switch
        {
            "train" => ["train-"],
            "test" or "t10k" or "val" => ["t10k-", "test-"],
            _ => throw new DataException($"'{folder}': IDX files have the splits train and test, not '{split}'."),
        };
        var candidates = prefixes.SelectMany(p => new[] { $"{p}{ImageMark}", $"{p}{ImageMark}.gz" }).ToList();
        return candidates.Select(c => Path.Combine(folder, c)).FirstOrDefault(File.Exists) ?? throw new DataException(
            $"'{folder}' has no {string.Join(" or ", candidates)}; found {DatasetFactory.Describe(folder)}.");
    }

    private static string LabelFileOf(string images)
    {
        var name = Path.GetFileName(images).Replace(ImageMark, LabelMark, StringComparison.Ordinal);
        var path = Path.Combine(Path.GetDirectoryName(images) ?? "", name);
        var other = name.EndsWith(".gz", StringComparison.Ordinal) ? path[..^3] : path + ".gz";
        return File.Exists(path) ? path : File.Exists(other) ? other : throw new DataException($"'{images}' has no label file '{path}' beside it.");
    }

    private static (byte[] Data, int[] Sizes) ReadIdx(string path, int dimensions)
    {
        try
        {
            using var file = File.OpenRead(path);
            using var stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : (Stream)file;
            return ReadIdx(path, stream, dimensions);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new DataException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static (byte[] Data, int[] Sizes) ReadIdx(string path, Stream stream, int dimensions)
    {
        var bytes = new byte[4 + 4 * dimensions];
        var count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (count < bytes.Length || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || bytes[3] != dimensions)
        {
            throw new DataException(
                $"'{path}' is no IDX file of unsigned bytes with {dimensions} dimension(s): it starts with {Convert.ToHexString(bytes.AsSpan(0, Math.Min(4, count)))}, " +
                $"expected 000008{dimensions:X2}.");
        }
        var sizes = new int[dimensions];
        UInt128 expected = 1;
        for (var i = 0; i < dimensions; i++)
        {
            var size = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(4 + 4 * i));
            sizes[i] = size <= int.MaxValue ? (int)size : throw new DataException($"'{path}' names an impossible size of {size}.");
            expected *= (uint)sizes[i];
        }
        var data = ReadAtMost(stream, expected);
        return (UInt128)data.Length == expected ? (data, sizes) : throw new DataException($"'{path}' is truncated: {data.Length} bytes of data, {expected} expected; fetch it again.");
    }

    // What follows is read too, since only the end of a compressed file tells whether it is whole, but not held: it may be a thousand times the file.
    private static byte[] ReadAtMost(Stream stream, UInt128 most)
    {
        using var memory = new MemoryStream();
        var block = new byte[1 << 16];
        while (stream.Read(block) is > 0 and var count)
        {
            memory.Write(block, 0, (int)UInt128.Min((UInt128)count, most - (UInt128)memory.Length));
        }
        return memory.ToArray();
    }
}
