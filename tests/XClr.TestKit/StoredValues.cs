using XClr.Gpu;
using XClr.Nn;

namespace XClr.TestKit;

/// <summary>A tensor's values on a device as fp32, however they are stored.</summary>
public static class StoredValues
{
    /// <summary>Both storages of 16 bits.</summary>
    public static IReadOnlyList<DType> Halves { get; } = [DType.Float16, DType.BFloat16];

    /// <summary>What storage of 16 bits rounds a value by at most, relative to it: half a unit in the last of 11 or 8 digits.</summary>
    public static double Rounding(DType storage) => storage switch { DType.Float16 => 1.0 / 2048, DType.BFloat16 => 1.0 / 256, _ => 0 };

    /// <summary>The values as the storage rounds them.</summary>
    public static float[] Rounded(DType storage, float[] values) => storage switch
    {
        DType.Float16 => [.. values.Select(v => (float)(Half)v)],
        DType.BFloat16 => [.. values.Select(v => BFloat16.Value(BFloat16.Round(v)))],
        _ => values,
    };

    /// <summary>Writes values, rounded to the tensor's storage.</summary>
    public static void Upload(GpuDevice device, Tensor tensor, float[] values)
    {
        switch (tensor.Type)
        {
            case DType.Float16:
                device.Transfer.Upload<Half>(tensor, values.Select(v => (Half)v).ToArray());
                break;
            case DType.BFloat16:
                device.Transfer.Upload<ushort>(tensor, values.Select(BFloat16.Round).ToArray());
                break;
            default:
                device.Transfer.Upload<float>(tensor, values);
                break;
        }
    }

    /// <summary>A tensor's values.</summary>
    public static float[] Download(GpuDevice device, Tensor tensor)
    {
        if (tensor.Type is not (DType.Float16 or DType.BFloat16))
        {
            return device.Transfer.Download(tensor, (int)tensor.Shape.Count);
        }
        var bits = new ushort[tensor.Shape.Count];
        device.Transfer.Download<ushort>(tensor, bits);
        return [.. bits.Select(b => tensor.Type == DType.BFloat16 ? BFloat16.Value(b) : (float)BitConverter.UInt16BitsToHalf(b))];
    }
}
