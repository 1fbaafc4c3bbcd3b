using System.Buffers.Binary;
using System.IO.Compression;

namespace XClr.Nn.Weights;

/// <summary>
/// A zip file of torch.save, read as data: the pickle by <see cref="TorchUnpickler"/>, the tensors from the records beside it. Of a training checkpoint the dictionary of weights in it is taken
/// (<see cref="Wrapper"/>). Records must be stored, as torch.save stores them, so that memory is bounded by the file's size.
/// </summary>
public sealed class TorchFile : IWeightFile
{
    private const string PickleName = "data.pkl";
    private const int MaxWrappers = 3;

    // Elements that a view may have by repeating those of its storage: a small file is not to take much memory.
    private const int MostRepeated = 1 << 22;

    // What training programs put their weights under, in the order in which they are looked for.
    internal static readonly string[] Wrappers = ["state_dict", "model_state_dict", "model_state", "model", "net"];

    private readonly ZipArchive archive;
    private readonly string root;
    private readonly OrderedDictionary<string, TorchTensor> tensors = new(StringComparer.Ordinal);
    private (string? Key, byte[] Bytes) latest = (null, []);

    private TorchFile(string path, ZipArchive archive)
    {
        Path = path;
        this.archive = archive;
        root = FindRoot();
        var (weights, wrapper) = Unwrap(TorchUnpickler.Read(path, Record(PickleName)));
        Wrapper = wrapper;
        foreach (var (name, value) in weights)
        {
            if (value is TorchTensor tensor)
            {
                tensors[name] = tensor;
            }
        }
        Tensors = [.. tensors.Select(t => new WeightTensor(t.Key, t.Value.Storage.DType, t.Value.Size))];
    }

    public string Path { get; }

    /// <summary>Keys that led to the weights, such as "state_dict"; null where they are the file's own dictionary.</summary>
    public string? Wrapper { get; }

    public IReadOnlyList<WeightTensor> Tensors { get; }

    /// <summary>Opens a file and reads what tensors it has; their values are read when asked for.</summary>
    /// <exception cref="CheckpointException">The file is damaged, is no state dict, or holds something that is not accepted.</exception>
    public static TorchFile Open(string path) => Open(path, File.OpenRead(path));

    /// <summary>As <see cref="Open(string)"/>, from a stream that can seek, which is closed with the file.</summary>
    public static TorchFile Open(string path, Stream stream)
    {
        ZipArchive? archive = null;
        try
        {
            archive = new ZipArchive(stream, ZipArchiveMode.Read);
            return new TorchFile(path, archive);
        }
        catch (Exception e)
        {
            archive?.Dispose();
            stream.Dispose();
            throw e is InvalidDataException or EndOfStreamException or NotSupportedException or OverflowException ? Damaged(path, e) : e;
        }
    }

    public bool Contains(string name) => tensors.ContainsKey(name);

    public WeightTensor this[string name] => Tensors.FirstOrDefault(t => t.Name == name) ?? throw new SafetensorsException($"{Path}: has no tensor '{name}'; it holds {Tensors.Count}");

    /// <exception cref="CheckpointException">The tensor's record is missing, compressed or too short.</exception>
    public float[] ReadFloat32(string name)
    {
        var described = this[name];
        var tensor = tensors[name];
        if (described.Count > Math.Max(tensor.Storage.Count, MostRepeated))
        {
            throw new SafetensorsException($"{Path}: '{name}' {described.ShapeText} repeats its {tensor.Storage.Count} elements (an expanded view); save its .contiguous() form");
        }
        Func<byte[], long, float> read = described.DType switch
        {
            SafetensorsDType.F32 => static (b, i) => BinaryPrimitives.ReadSingleLittleEndian(b.AsSpan((int)(4 * i))),
            SafetensorsDType.F16 => static (b, i) => (float)BinaryPrimitives.ReadHalfLittleEndian(b.AsSpan((int)(2 * i))),
            SafetensorsDType.BF16 => static (b, i) => BFloat16.Value(BinaryPrimitives.ReadUInt16LittleEndian(b.AsSpan((int)(2 * i)))),
            SafetensorsDType.F64 => static (b, i) => (float)BinaryPrimitives.ReadDoubleLittleEndian(b.AsSpan((int)(8 * i))),
            _ => throw new SafetensorsException($"{Path}: '{name}' is {described.DType}, expected a floating-point type (F32, F16, BF16 or F64)"),
        };
        var values = new float[described.Count <= Array.MaxLength ? described.Count : throw new SafetensorsException($"{Path}: '{name}' {described.ShapeText} is too long for one array ({Array.MaxLength} elements)")];
        Gather(tensor, StorageBytes(tensor.Storage), read, values);
        return values;
    }

    public void Dispose() => archive.Dispose();

    // Row-major order over a strided view: the innermost index counts first, and carries.
    private static void Gather(TorchTensor tensor, byte[] bytes, Func<byte[], long, float> read, float[] values)
    {
        var (index, position) = (tensor.Offset, new long[tensor.Size.Count]);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = read(bytes, index);
            for (var d = position.Length - 1; d >= 0; d--)
            {
                index += tensor.Stride[d];
                if (++position[d] < tensor.Size[d])
                {
                    break;
                }
                index -= tensor.Stride[d] * tensor.Size[d];
                position[d] = 0;
            }
        }
    }

    private byte[] StorageBytes(TorchStorage storage)
    {
        if (latest.Key != storage.Key)
        {
            latest = (storage.Key, Record($"data/{storage.Key}"));
        }
        return latest.Bytes.Length / storage.DType.Size() >= storage.Count
            ? latest.Bytes
            : throw new CheckpointException($"{Path}: its record data/{storage.Key} has {latest.Bytes.Length} bytes, {storage.Count} elements of {storage.DType} need more; is the file cut off?");
    }

    private byte[] Record(string name)
    {
        var entry = archive.GetEntry(root + name) ?? throw new CheckpointException($"{Path}: has no record {name}; is it damaged?");
        if (entry.Length != entry.CompressedLength || entry.Length > Array.MaxLength)
        {
            throw new CheckpointException($"{Path}: its record {name} is compressed or longer than 2 GiB; torch.save does not write such files, save it anew with torch.save.");
        }
        try
        {
            using var stream = entry.Open();
            var bytes = new byte[entry.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or NotSupportedException or IOException)
        {
            throw Damaged(Path, e);
        }
    }

    // All records lie in one folder, whose name is the file's when it was saved.
    private string FindRoot()
    {
        var pickles = archive.Entries.Where(e => e.Name == PickleName && e.FullName.Count(c => c == '/') == 1).ToList();
        if (pickles.Count != 1)
        {
            throw new CheckpointException($"{Path}: is a zip file without {PickleName} in its one folder, so not one of torch.save; pass a .pth of a state dict, or a .safetensors.");
        }
        var folder = pickles[0].FullName[..^PickleName.Length];
        if (archive.GetEntry(folder + "constants.pkl") is not null)
        {
            throw new CheckpointException($"{Path}: is a TorchScript archive; save its weights: python3 -c \"import torch; torch.save(torch.jit.load('{Path}', map_location='cpu').state_dict(), 'weights.pth')\"");
        }
        if (archive.GetEntry(folder + "byteorder") is { Length: > 0 and < 16 } order && new StreamReader(order.Open()).ReadToEnd() is not "little" and var other)
        {
            throw new CheckpointException($"{Path}: its numbers are {other}-endian; save it anew on a little-endian machine.");
        }
        return folder;
    }

    private (OrderedDictionary<string, object?> Weights, string? Wrapper) Unwrap(object? value)
    {
        var keys = new List<string>();
        while (value is OrderedDictionary<string, object?> dictionary)
        {
            // Weights under a name go before tensors beside it: checkpoints keep a best accuracy, or a random state, as a tensor.
            if (keys.Count == MaxWrappers || Wrappers.FirstOrDefault(w => dictionary.GetValueOrDefault(w) is OrderedDictionary<string, object?>) is not { } key)
            {
                if (dictionary.Values.Any(v => v is TorchTensor))
                {
                    return (dictionary, keys.Count == 0 ? null : string.Join('.', keys));
                }
                throw new CheckpointException($"{Path}: holds no weights: a dictionary of {Keys(dictionary)}, none of it a tensor; they are looked for in it and under {string.Join(", ", Wrappers)}.");
            }
            keys.Add(key);
            value = dictionary[key];
        }
        throw new CheckpointException($"{Path}: holds no dictionary of weights; save model.state_dict().");
    }

    private static string Keys(OrderedDictionary<string, object?> dictionary) =>
        dictionary.Count == 0 ? "nothing" : string.Join(", ", dictionary.Keys.Take(8).Select(k => $"'{k}'")) + (dictionary.Count > 8 ? $" and {dictionary.Count - 8} more" : "");

    private static CheckpointException Damaged(string path, Exception cause) => new($"{path}: is a damaged zip file ({cause.Message}); download or save it anew.", cause);
}
