using XClr.Gpu;

namespace XClr.Nn.Models;

/// <summary>A tensor as PyTorch stores it: convolution weights [K,C,R,S], linear weights [out,in], no padding.</summary>
public sealed record NamedArray(string Name, int[] Shape, float[] Values);

/// <summary>
/// Converts between the engine's layouts ([R,S,C,K], [in,out], channels padded with zeros) and PyTorch's, for values, gradients, statistics and optimiser
/// states alike.
/// </summary>
public static class StateDict
{
    /// <summary>Downloads every trained tensor from a flat buffer of the model's layout (values, gradients or a state), in state-dict order.</summary>
    public static IEnumerable<NamedArray> Download(GpuDevice device, ParameterSet parameters, GpuBuffer flat) =>
        parameters.Parameters.Select(p => ToTorch(p, device.Transfer.Download(parameters.In(flat, p.Name), (int)p.Count)));

    /// <summary>Downloads the tensors that are not trained (running statistics).</summary>
    public static IEnumerable<NamedArray> DownloadBuffers(GpuDevice device, ParameterSet parameters) =>
        parameters.Buffers.Select(b => ToTorch(b, device.Transfer.Download(parameters.Buffer(b.Name), (int)b.Count)));

    /// <summary>Writes one trained tensor, given as PyTorch stores it, into a flat buffer of the model's layout.</summary>
    /// <exception cref="ShapeException">The shape is not what the model has.</exception>
    public static void Upload(GpuDevice device, ParameterSet parameters, GpuBuffer flat, NamedArray array) =>
        device.Transfer.Upload<float>(parameters.In(flat, array.Name), FromTorch(parameters.Find(array.Name), array));

    /// <summary>Writes one tensor that is not trained.</summary>
    /// <exception cref="ShapeException">The shape is not what the model has.</exception>
    public static void UploadBuffer(GpuDevice device, ParameterSet parameters, NamedArray array) =>
        device.Transfer.Upload<float>(parameters.Buffer(array.Name), FromTorch(parameters.Buffers.First(b => b.Name == array.Name), array));

    /// <summary>The shape of a tensor in PyTorch.</summary>
    public static int[] TorchShape(Parameter parameter)
    {
        var dims = Unpadded(parameter).Dims.ToArray();
        return dims.Length switch
        {
            4 => [dims[3], dims[2], dims[0], dims[1]],
            2 => [dims[1], dims[0]],
            _ => parameter.Name == Model.LogitScale ? [] : dims,
        };
    }

    /// <summary>Pads the rows of a [rows, width] matrix with zeros to <see cref="ModelSpec.Stored"/>.</summary>
    public static float[] Pad(float[] matrix, int width)
    {
        var stored = ModelSpec.Stored(width);
        if (stored == width)
        {
            return matrix;
        }
        var padded = new float[matrix.Length / width * stored];
        for (var i = 0; i < matrix.Length / width; i++)
        {
            matrix.AsSpan(i * width, width).CopyTo(padded.AsSpan(i * stored));
        }
        return padded;
    }

    /// <summary>Drops the padding of a [rows, stored] matrix.</summary>
    public static float[] Unpad(float[] matrix, int stored, int width)
    {
        if (stored == width)
        {
            return matrix;
        }
        var dense = new float[matrix.Length / stored * width];
        for (var i = 0; i < dense.Length / width; i++)
        {
            matrix.AsSpan(i * stored, width).CopyTo(dense.AsSpan(i * width));
        }
        return dense;
    }

    private static NamedArray ToTorch(Parameter parameter, float[] stored)
    {
        var shape = TorchShape(parameter);
        var values = new float[shape.Aggregate(1, (n, d) => n * d)];
        ForEach(parameter, (torch, engine) => values[torch] = stored[engine]);
        return new NamedArray(parameter.Name, shape, values);
    }

    private static float[] FromTorch(Parameter parameter, NamedArray array)
    {
        var shape = TorchShape(parameter);
        if (!shape.AsSpan().SequenceEqual(array.Shape))
        {
            throw new ShapeException($"'{array.Name}' has shape [{string.Join(',', array.Shape)}], the model needs [{string.Join(',', shape)}].");
        }
        var stored = new float[parameter.Count];
        ForEach(parameter, (torch, engine) => stored[engine] = array.Values[torch]);
        return stored;
    }

    // Calls back with (index in PyTorch's layout, index in the engine's) for every element that PyTorch has: taps, inputs c, outputs k.
    private static void ForEach(Parameter parameter, Action<int, int> pair)
    {
        var (real, stored) = (Unpadded(parameter), parameter.Shape);
        var taps = real.Rank == 4 ? real[0] * real[1] : 1;
        var (inputs, outputs) = real.Rank == 1 ? (1, real[0]) : (real[real.Rank - 2], real[real.Rank - 1]);
        var (storedInputs, storedOutputs) = real.Rank == 1 ? (1, stored[0]) : (stored[real.Rank - 2], stored[real.Rank - 1]);
        for (var tap = 0; tap < taps; tap++)
        {
            for (var c = 0; c < inputs; c++)
            {
                for (var k = 0; k < outputs; k++)
                {
                    pair((k * inputs + c) * taps + tap, (tap * storedInputs + c) * storedOutputs + k);
                }
            }
        }
    }

    private static Shape Unpadded(Parameter parameter) => parameter.Spec.Unpadded ?? parameter.Shape;
}
