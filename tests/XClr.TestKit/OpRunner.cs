using System.Runtime.InteropServices;
using XClr.Bench;
using XClr.Gpu;
using XClr.Nn;
using Xunit;

namespace XClr.TestKit;

/// <summary>Runs op cases on a device and compares them with double-precision references.</summary>
public static class OpRunner
{
    /// <summary>What storage of 16 bits rounds a value by at most, relative to it: half a unit in the last of 11 or 8 digits.</summary>
    public static double Rounding(DType storage) => storage switch { DType.Float16 => 1.0 / 2048, DType.BFloat16 => 1.0 / 256, _ => 0 };

    /// <summary>Both storages of 16 bits.</summary>
    public static IReadOnlyList<DType> Halves { get; } = [DType.Float16, DType.BFloat16];

    /// <summary>Every device with each of <see cref="Halves"/>.</summary>
    public static TheoryData<string, DType> DevicesAndHalves
    {
        get
        {
            var data = new TheoryData<string, DType>();
            foreach (var (device, storage) in from device in TestDevices.All from storage in Halves select (device, storage))
            {
                data.Add(device, storage);
            }
            return data;
        }
    }

    /// <summary>Seeded values of every input, by name, as the op sees them: fp32, rounded to 16 bits where it is stored so. Integer tensors come as the case's own values.</summary>
    public static Dictionary<string, float[]> Inputs(OpCase op, int seed = 1)
    {
        var random = new Random(seed);
        return op.Inputs.ToDictionary(t => t.Name, t => t.Values is { } values ? [.. values().Select(v => (float)v)] : Stored(t, Values(t, random)));
    }

    /// <summary>
    /// Runs the case with these inputs: once with NaN-filled transient memory, once with guards between the transient buffers; both runs must agree to the bit,
    /// the guards must hold, and the validation layer must stay silent. Returns the outputs by name. The op chooses its kernels by <paramref name="caps"/>, null =
    /// the device's.
    /// </summary>
    public static Dictionary<string, float[]> Run(GpuDevice device, OpCase op, Dictionary<string, float[]> inputs, DeviceCaps? caps = null)
    {
        lock (TestDevices.Gate)
        {
            var first = RunOnce(device, op, inputs, caps ?? device.Caps, new PlanOptions { Poison = true });
            var second = RunOnce(device, op, inputs, caps ?? device.Caps, new PlanOptions { Canaries = true });
            foreach (var (name, values) in first)
            {
                Assert.True(MemoryMarshal.AsBytes(values.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(second[name].AsSpan())), $"{op.Name}: two runs differ in {name}");
            }
            TestDevices.RequireSilence(device);
            return first;
        }
    }

    /// <summary>
    /// Runs the case and compares each output with the reference's: |got - want| at most tolerance * scale, scale = the reference's root mean square
    /// (an element's error is judged against the tensor's size, as sums of many terms round by their size). State the tolerance's reason where you call this.
    /// </summary>
    public static void Check(string deviceName, OpCase op, Func<IReadOnlyDictionary<string, double[]>, IReadOnlyDictionary<string, double[]>> reference, double tolerance,
        Action<Dictionary<string, float[]>>? shape = null, DeviceCaps? caps = null)
    {
        var device = TestDevices.Get(deviceName);
        var inputs = Inputs(op);
        shape?.Invoke(inputs);
        var outputs = Run(device, op, inputs, caps);
        var want = reference(inputs.ToDictionary(i => i.Key, i => i.Value.Select(v => (double)v).ToArray()));
        foreach (var (name, values) in want)
        {
            RequireClose($"{op.Name} on {deviceName}: {name}", outputs[name], values, tolerance);
        }
    }

    /// <summary>Throws unless every |got - want| is at most tolerance times the reference's root mean square.</summary>
    public static void RequireClose(string what, ReadOnlySpan<float> got, ReadOnlySpan<double> want, double tolerance)
    {
        Assert.True(got.Length == want.Length, $"{what}: {got.Length} elements, expected {want.Length}");
        double squares = 0, worst = 0;
        var at = 0;
        for (var i = 0; i < want.Length; i++)
        {
            squares += want[i] * want[i];
            var error = Math.Abs(got[i] - want[i]);
            // A NaN is worse than anything: no later element takes its place.
            if (!(error <= worst) && !double.IsNaN(worst))
            {
                (worst, at) = (error, i);
            }
        }
        var scale = Math.Max(Math.Sqrt(squares / want.Length), 1e-30);
        Assert.True(worst <= tolerance * scale, $"{what}: element {at} is {got[at]}, expected {want[at]}: off by {worst / scale:g3} of the tensor's rms {scale:g3}, tolerance {tolerance:g3}");
    }

    private static Dictionary<string, float[]> RunOnce(GpuDevice device, OpCase op, Dictionary<string, float[]> inputs, DeviceCaps caps, PlanOptions options)
    {
        var tensors = op.NewTensors();
        try
        {
            device.Place(tensors.Values.Select(t => t.View.Buffer));
            Upload(device, op, tensors, inputs);
            var recorder = new Recorder(caps);
            op.Record(recorder, tensors);
            using var plan = Plan.Build(device, recorder, options);
            plan.Run();
            if (options.Canaries)
            {
                plan.CheckCanaries();
            }
            return op.Outputs.ToDictionary(t => t.Name, t => DownloadValues(device, tensors[t.Name]));
        }
        finally
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.View.Buffer.Dispose();
            }
        }
    }

    private static void Upload(GpuDevice device, OpCase op, Dictionary<string, Tensor> tensors, Dictionary<string, float[]> inputs)
    {
        foreach (var input in op.Inputs)
        {
            if (input.Values is { } values)
            {
                var integers = values();
                if (input.Type == DType.UInt8)
                {
                    device.Transfer.Upload<byte>(tensors[input.Name], integers.Select(v => (byte)v).ToArray());
                }
                else
                {
                    device.Transfer.Upload<uint>(tensors[input.Name], integers);
                }
                continue;
            }
            UploadValues(device, tensors[input.Name], inputs[input.Name]);
        }
        // Outputs start as NaN: an element that no dispatch writes shows.
        foreach (var output in op.Outputs.Where(o => op.Inputs.All(i => i.Name != o.Name)))
        {
            var nan = new float[tensors[output.Name].View.Bytes / 4];
            Array.Fill(nan, float.NaN);
            device.Transfer.Upload<byte>(tensors[output.Name], MemoryMarshal.AsBytes(nan.AsSpan()));
        }
    }

    /// <summary>A value of the standard normal distribution.</summary>
    public static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>Writes values, rounded to the tensor's storage.</summary>
    public static void UploadValues(GpuDevice device, Tensor tensor, float[] values)
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
    public static float[] DownloadValues(GpuDevice device, Tensor tensor)
    {
        if (tensor.Type is not (DType.Float16 or DType.BFloat16))
        {
            return device.Transfer.Download(tensor, (int)tensor.Shape.Count);
        }
        var bits = new ushort[tensor.Shape.Count];
        device.Transfer.Download<ushort>(tensor, bits);
        return [.. bits.Select(b => tensor.Type == DType.BFloat16 ? BFloat16.Value(b) : (float)BitConverter.UInt16BitsToHalf(b))];
    }

    private static float[] Stored(OpTensor tensor, float[] values) => tensor.Type switch
    {
        DType.Float16 => [.. values.Select(v => (float)(Half)v)],
        DType.BFloat16 => [.. values.Select(v => BFloat16.Value(BFloat16.Round(v)))],
        _ => values,
    };

    private static float[] Values(OpTensor tensor, Random random)
    {
        var values = new float[tensor.Shape.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = tensor.Fill switch
            {
                Fill.Normal => (float)Normal(random),
                Fill.Uniform01 => random.NextSingle(),
                Fill.Positive => 0.5f + random.NextSingle(),
                _ => 0,
            };
        }
        return values;
    }
}
