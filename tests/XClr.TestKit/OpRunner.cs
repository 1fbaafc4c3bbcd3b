using System.Runtime.InteropServices;
using XClr.Bench;
using XClr.Gpu;
using XClr.Nn;
using Xunit;

namespace XClr.TestKit;

/// <summary>Runs op cases on a device and compares them with double-precision references.</summary>
public static class OpRunner
{
    /// <summary>Seeded values of every input, by name, as the op sees them: fp32, rounded to 16 bits where it is stored so. Integer tensors come as the case's own values.</summary>
    public static Dictionary<string, float[]> Inputs(OpCase op, int seed = 1)
    {
        var random = new Random(seed);
        return op.Inputs.ToDictionary(t => t.Name, t => t.Values is { } values ? [.. values().Select(v => (float)v)] : StoredValues.Rounded(t.Type, Values(t, random)));
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
    /// Runs the case and compares each output with the reference's by <see cref="Closeness.Require"/>.
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
            Closeness.Require($"{op.Name} on {deviceName}: {name}", outputs[name], values, tolerance);
        }
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
            return op.Outputs.ToDictionary(t => t.Name, t => StoredValues.Download(device, tensors[t.Name]));
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
            StoredValues.Upload(device, tensors[input.Name], inputs[input.Name]);
        }
        // Outputs start as NaN: an element that no dispatch writes shows.
        foreach (var output in op.Outputs.Where(o => op.Inputs.All(i => i.Name != o.Name)))
        {
            var nan = new float[tensors[output.Name].View.Bytes / 4];
            Array.Fill(nan, float.NaN);
            device.Transfer.Upload<byte>(tensors[output.Name], MemoryMarshal.AsBytes(nan.AsSpan()));
        }
    }

    private static float[] Values(OpTensor tensor, Random random)
    {
        var values = new float[tensor.Shape.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = tensor.Fill switch
            {
                Fill.Normal => (float)RandomValues.Normal(random),
                Fill.Uniform01 => random.NextSingle(),
                Fill.Positive => 0.5f + random.NextSingle(),
                _ => 0,
            };
        }
        return values;
    }
}
