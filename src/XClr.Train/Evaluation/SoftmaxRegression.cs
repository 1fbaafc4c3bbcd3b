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
    private readonly GpuDevice device;
    private readonly RowBlocks data;
    private readonly uint[] labels;
    private readonly int classes, rows;
    private readonly Tensor weight, bias, dweight, dbias, loss;
    private readonly Dictionary<int, Tensor> labelRows;
    private readonly Dictionary<int, Plan> plans;

    /// <param name="device">Where it is computed.</param>
    /// <param name="x">Features [n,F].</param>
    /// <param name="chosen">Rows that count.</param>
    /// <param name="allLabels">Labels of all rows, 0 to classes - 1.</param>
    /// <param name="classes">K.</param>
    /// <param name="standardizer">Applied to the features.</param>
    public SoftmaxRegression(GpuDevice device, RowMatrix x, IReadOnlyList<int> chosen, int[] allLabels, int classes, Standardizer standardizer)
    {
        (this.device, this.classes, rows) = (device, classes, chosen.Count);
        labels = [.. chosen.Select(i => (uint)allLabels[i])];
        var (inputs, outputs) = (ModelSpec.Stored(x.Width), ModelSpec.Stored(classes));
        data = new RowBlocks(device, x, chosen, standardizer);
        weight = Tensor.Persistent("probe_weight", new Shape(inputs, outputs), MemoryCategory.Parameters);
        bias = Tensor.Persistent("probe_bias", new Shape(outputs), MemoryCategory.Parameters);
        dweight = Tensor.Persistent("probe_dweight", weight.Shape, MemoryCategory.Outputs);
        dbias = Tensor.Persistent("probe_dbias", bias.Shape, MemoryCategory.Outputs);
        loss = Tensor.Persistent("probe_loss", new Shape(1), MemoryCategory.Outputs);
        labelRows = data.Heights.ToDictionary(h => h, h => Tensor.Persistent("probe_labels", new Shape(h), MemoryCategory.Inputs, DType.UInt32));
        plans = data.Heights.ToDictionary(h => h, h => Plan.Build(device, device.Record(gpu => Record(gpu, h))));
    }

    /// <summary>Numbers of a point.</summary>
    public int PointLength => (int)(weight.Shape.Count + bias.Shape.Count);

    /// <summary>Value and gradient at a point.</summary>
    public (double Value, double[] Gradient) Evaluate(double[] point, double penalty)
    {
        var single = Array.ConvertAll(point, v => (float)v);
        var weights = (int)weight.Shape.Count;
        device.Transfer.Upload<float>(weight, single.AsSpan(0, weights));
        device.Transfer.Upload<float>(bias, single.AsSpan(weights));
        var (value, gradient) = (0.0, new double[point.Length]);
        foreach (var block in data.Blocks)
        {
            data.Load(block);
            device.Transfer.Upload<uint>(labelRows[block.Count], labels.AsSpan(block.First, block.Count));
            plans[block.Count].Run();
            var share = block.Count / (double)rows;
            value += share * device.Transfer.Download(loss, 1)[0];
            Add(gradient.AsSpan(0, weights), device.Transfer.Download(dweight, weights), share);
            Add(gradient.AsSpan(weights), device.Transfer.Download(dbias, (int)bias.Shape.Count), share);
        }
        for (var i = 0; i < weights; i++)
        {
            value += penalty / 2 * point[i] * point[i];
            gradient[i] += penalty * point[i];
        }
        return (value, gradient);
    }

    private void Record(Recorder gpu, int height)
    {
        var logits = gpu.NewTensor("logits", new Shape(height, bias.Shape[0]));
        var dlogits = gpu.NewTensor("dlogits", logits.Shape);
        LinearOp.Forward(gpu, data.Rows(height), weight, bias, logits);
        SoftmaxCrossEntropyOp.Forward(gpu, logits, labelRows[height], classes, loss, dlogits);
        LinearOp.BackwardWeight(gpu, data.Rows(height), dlogits, dweight);
        LinearOp.BackwardBias(gpu, dlogits, dbias);
    }

    private static void Add(Span<double> sum, float[] values, double share)
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
        foreach (var tensor in labelRows.Values.Concat([weight, bias, dweight, dbias, loss]))
        {
            tensor.View.Buffer.Dispose();
        }
        data.Dispose();
    }
}
