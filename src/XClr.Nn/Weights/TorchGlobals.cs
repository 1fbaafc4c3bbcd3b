namespace XClr.Nn.Weights;

/// <summary>A storage of a torch file: element type, the record `data/KEY` that holds it, and its number of elements.</summary>
internal sealed record TorchStorage(SafetensorsDType DType, string Key, long Count);

/// <summary>A tensor of a torch file: a view of a storage. Offset and strides count elements.</summary>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, IReadOnlyList<long> Size, IReadOnlyList<long> Stride);

/// <summary>What a pickle may call, and what the calls make: an ordered dictionary, a tensor, a parameter. Nothing else exists here.</summary>
internal static class TorchGlobals
{
    private const string Dictionary = "collections.OrderedDict", Tensor = "torch._utils._rebuild_tensor_v2", Parameter = "torch._utils._rebuild_parameter";

    // torch's own limit is 64.
    private const int MaxRank = 64;

    private static readonly Dictionary<string, SafetensorsDType> Storages = new(StringComparer.Ordinal)
    {
        ["torch.FloatStorage"] = SafetensorsDType.F32,
        ["torch.HalfStorage"] = SafetensorsDType.F16,
        ["torch.BFloat16Storage"] = SafetensorsDType.BF16,
        ["torch.DoubleStorage"] = SafetensorsDType.F64,
        ["torch.LongStorage"] = SafetensorsDType.I64,
        ["torch.IntStorage"] = SafetensorsDType.I32,
        ["torch.ShortStorage"] = SafetensorsDType.I16,
        ["torch.CharStorage"] = SafetensorsDType.I8,
        ["torch.ByteStorage"] = SafetensorsDType.U8,
        ["torch.BoolStorage"] = SafetensorsDType.BOOL,
    };

    /// <summary>A name that was looked up and is accepted.</summary>
    public sealed record Global(string Name);

    /// <summary>Null where this name is not accepted.</summary>
    public static Global? Find(string name) => name is Dictionary or Tensor or Parameter || Storages.ContainsKey(name) ? new Global(name) : null;

    /// <summary>The storage that a persistent id ('storage', type, key, device, elements) names; null where it is of another form.</summary>
    public static TorchStorage? Storage(object? id) =>
        id is object?[] and ["storage", Global type, string key, string, long and >= 0 and var count] && Storages.TryGetValue(type.Name, out var dtype) ? new TorchStorage(dtype, key, count) : null;

    /// <summary>What calling a global with these arguments gives; null where the arguments are not those of torch.save, or reach outside the storage.</summary>
    public static object? Call(Global function, object?[] arguments) => (function.Name, arguments) switch
    {
        (Dictionary, []) => new OrderedDictionary<string, object?>(StringComparer.Ordinal),
        (Tensor, [TorchStorage storage, long offset, object?[] size, object?[] stride, ..]) => View(storage, offset, size, stride),
        (Parameter, [TorchTensor tensor, ..]) => tensor,
        _ => null,
    };

    private static TorchTensor? View(TorchStorage storage, long offset, object?[] size, object?[] stride)
    {
        var (sizes, strides) = (size.OfType<long>().ToArray(), stride.OfType<long>().ToArray());
        if (sizes.Length != size.Length || strides.Length != sizes.Length || stride.Length != size.Length || sizes.Length > MaxRank || offset < 0 || sizes.Any(s => s < 0) || strides.Any(s => s < 0))
        {
            return null;
        }
        // Both stop growing at the cap, so that neither can overflow.
        Int128 last = offset, count = 1, cap = (Int128)long.MaxValue + 1;
        for (var i = 0; i < sizes.Length; i++)
        {
            last = Int128.Min(last + ((Int128)Math.Max(0, sizes[i] - 1) * strides[i]), cap);
            count = Int128.Min(count * sizes[i], cap);
        }
        return count <= long.MaxValue && (count == 0 || last < storage.Count) ? new TorchTensor(storage, offset, sizes, strides) : null;
    }
}
