using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train.Evaluation;

/// <summary>
/// Mean softmax cross-entropy of x W + b with labels, plus penalty / 2 times W's squared norm, and its gradient, on a device. A point is W [F,K], then b [K], each padded as
/// the device stores it; padding stays zero.
/// </summary>
internal sealed class SoftmaxRegression : IDisposable
{
    // The loss stands where its own gradient would, so that one copy brings it with the gradients: on a busy machine every wait for the device costs a turn of the scheduler.
    private const string Weight = "probe.weight", Bias = "probe.bias", Loss = "probe.loss";

    private readonly GpuDevice device;
    private readonly RowBlocks data;
    private readonly uint[] labels;
    private readonly int classes, rows;
    private readonly ParameterSet parameters;
    private readonly float[] flat;
    private int labelsOf = -1;
    private readonly Dictionary<int, Tensor> labelRows;
    private readonly Dictionary<int, Plan> plans;

    /// <param name="device">Where it is computed.</param>
    /// <param name="x">Features [n,F].</param>
    /// <param name="chosen">Rows that count.</param>
    /// <param name="allLabels">Labels of all rows, 0 to classes - 1.</param>
    /// <param name="classes">K.</param>
    /// <param name="standardizer">Applied to the features.</param>
    /// <param name="blockBytes">Most bytes of features that one run works on.</param>
    public SoftmaxRegression(GpuDevice device, RowMatrix x, IReadOnlyList<int> chosen, int[] allLabels, int classes, Standardizer standardizer, long blockBytes = RowBlocks.MostBytes)
    {
        (this.device, this.classes, rows) = (device, classes, chosen.Count);
        labels = [.. chosen.Select(i => (uint)allLabels[i])];
        var (inputs, outputs) = (ModelSpec.Stored(x.Width), ModelSpec.Stored(classes));
        data = new RowBlocks(device, x, chosen, standardizer, passes: true, blockBytes);
        parameters = new ParameterSet([new ParameterSpec(Weight, new Shape(inputs, outputs)), new ParameterSpec(Bias, new Shape(outputs)), new ParameterSpec(Loss, new Shape(1))]);
        flat = new float[parameters.FlatCount];
        labelRows = data.Heights.ToDictionary(h => h, h => Tensor.Persistent("probe_labels", new Shape(h), MemoryCategory.Inputs, DType.UInt32));
        plans = data.Heights.ToDictionary(h => h, h => Plan.Build(device, device.Record(gpu => Record(gpu, h))));
    }

    /// <summary>Numbers of a point.</summary>
    public int PointLength => (int)(parameters.Find(Weight).Count + parameters.Find(Bias).Count);

    /// <summary>Value and gradient at a point.</summary>
    public (double Value, double[] Gradient) Evaluate(double[] point, double penalty)
    {
        var (weights, bias, loss) = ((int)parameters.Find(Weight).Count, (int)parameters.Find(Bias).Offset, (int)parameters.Find(Loss).Offset);
        var single = Array.ConvertAll(point, v => (float)v);
        single.AsSpan(0, weights).CopyTo(flat);
        single.AsSpan(weights).CopyTo(flat.AsSpan(bias));
        device.Transfer.Upload<float>(parameters.Values.Slice(0, loss * sizeof(float)), flat.AsSpan(0, loss));
        var (value, gradient) = (0.0, new double[point.Length]);
        foreach (var block in data.Blocks)
        {
            Load(block);
            plans[block.Count].Submit();
            device.Transfer.Download(parameters.Gradients.Slice(0, parameters.Gradients.Bytes), flat.AsSpan());
            var share = block.Count / (double)rows;
            value += share * flat[loss];
            Add(gradient.AsSpan(0, weights), flat.AsSpan(0, weights), share);
            Add(gradient.AsSpan(weights), flat.AsSpan(bias, gradient.Length - weights), share);
        }
        for (var i = 0; i < weights; i++)
        {
            value += penalty / 2 * point[i] * point[i];
            gradient[i] += penalty * point[i];
        }
        return (value, gradient);
    }

    private void Load(RowBlock block)
    {
        data.Load(block);
        if (labelsOf != block.First)
        {
            device.Transfer.Upload<uint>(labelRows[block.Count], labels.AsSpan(block.First, block.Count));
            labelsOf = block.First;
        }
    }

    private void Record(Recorder gpu, int height)
    {
        var (weight, bias) = (parameters.Value(Weight), parameters.Value(Bias));
        var logits = gpu.NewTensor("logits", new Shape(height, bias.Shape[0]));
        var dlogits = gpu.NewTensor("dlogits", logits.Shape);
        LinearOp.Forward(gpu, data.Rows(height), weight, bias, logits);
        SoftmaxCrossEntropyOp.Forward(gpu, logits, labelRows[height], classes, parameters.Gradient(Loss), dlogits);
        LinearOp.BackwardWeight(gpu, data.Rows(height), dlogits, parameters.Gradient(Weight));
        LinearOp.BackwardBias(gpu, dlogits, parameters.Gradient(Bias));
    }

    private static void Add(Span<double> sum, ReadOnlySpan<float> values, double share)
    {
        for (var i = 0; i < values.Length; i++)
        {
            sum[i] += share * values[i];
        }
    }

    public void Dispose()
    {
        foreach (var plan in plans.Values)
        {
            plan.Dispose();
        }
        parameters.Dispose();
        foreach (var tensor in labelRows.Values)
        {
            tensor.View.Buffer.Dispose();
        }
        data.Dispose();
    }
}
