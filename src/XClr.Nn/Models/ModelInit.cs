using XClr.Gpu;

namespace XClr.Nn.Models;

/// <summary>
/// Starting values: torchvision's for convolutions (Kaiming normal over fan-out) and batch norm, torch's default for linear layers
/// (uniform in +-1/sqrt(fan-in), their bias too), zero for the last batch-norm weight of each block, ln(1/0.07) for CLIP's logit scale. Running means 0, variances 1.
/// </summary>
public static class ModelInit
{
    private const double ClipInitialTemperature = 0.07;

    /// <summary>Fills all tensors of a model, the same for one seed on every machine.</summary>
    public static void Fill(GpuDevice device, Model model, ulong seed)
    {
        var zeroGammas = model.Blueprint.LastGammas.ToHashSet();
        // Each tensor has a generator of its own, so that all cores can make them: 25 million normal values of ResNet-50 take one core seconds.
        foreach (var array in model.Parameters.Parameters.AsParallel().AsOrdered().Select(p => Start(model, p, zeroGammas, seed)))
        {
            StateDict.Upload(device, model.Parameters, model.Parameters.Values, array);
        }
        foreach (var buffer in model.Parameters.Buffers)
        {
            var shape = StateDict.TorchShape(buffer);
            var values = new float[shape[0]];
            Array.Fill(values, buffer.Name.EndsWith("running_var", StringComparison.Ordinal) ? 1f : 0f);
            StateDict.UploadBuffer(device, model.Parameters, new NamedArray(buffer.Name, shape, values));
        }
    }

    private static NamedArray Start(Model model, Parameter parameter, HashSet<string> zeroGammas, ulong seed)
    {
        var random = new Random(unchecked((int)(seed * 0x9E3779B97F4A7C15 >> 32) ^ parameter.Index * 0x5bd1e995));
        var shape = StateDict.TorchShape(parameter);
        return new NamedArray(parameter.Name, shape, parameter.Name == Model.ClassifierBias ? Uniform(shape[0], model.Spec.FeatureWidth, random) : Values(parameter.Name, shape, zeroGammas, random));
    }

    private static float[] Values(string name, int[] shape, HashSet<string> zeroGammas, Random random)
    {
        var values = new float[shape.Aggregate(1, (n, d) => n * d)];
        switch (shape)
        {
            case [var k, _, var r, var s]:
                var deviation = Math.Sqrt(2.0 / ((long)k * r * s));
                Fill(values, () => deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
                break;
            case [var output, var input]:
                return Uniform(output * input, input, random);
            case []:
                values[0] = (float)Math.Log(1 / ClipInitialTemperature);
                break;
            default:
                Array.Fill(values, name.EndsWith(".weight", StringComparison.Ordinal) && !zeroGammas.Contains(name) ? 1f : 0f);
                break;
        }
        return values;
    }

    private static float[] Uniform(int count, int fanIn, Random random)
    {
        var (values, bound) = (new float[count], 1 / Math.Sqrt(fanIn));
        Fill(values, () => bound * (2 * random.NextDouble() - 1));
        return values;
    }

    private static void Fill(float[] values, Func<double> next)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (float)next();
        }
    }
}
