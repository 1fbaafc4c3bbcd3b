using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train.Evaluation;

/// <summary>y = standardised x times Weight, plus Bias. Weight: [in, out] as the device stores it, both padded with zeros to multiples of 4; Bias: [out], padded.</summary>
public sealed record AffineMap(Standardizer Input, float[] Weight, float[] Bias, int Outputs)
{
    /// <summary>The map without bias whose columns are these rows, [out,in]: products of rows with rows.</summary>
    public static AffineMap ToRows(RowMatrix rows)
    {
        var (inputs, outputs) = (ModelSpec.Stored(rows.Width), ModelSpec.Stored(rows.Count));
        var weight = new float[inputs * outputs];
        for (var o = 0; o < rows.Count; o++)
        {
            var row = rows[o];
            for (var i = 0; i < row.Length; i++)
            {
                weight[i * outputs + o] = row[i];
            }
        }
        return new AffineMap(Standardizer.None(rows.Width), weight, new float[outputs], rows.Count);
    }

    /// <summary>Maps all rows, on the device: [n,out].</summary>
    public RowMatrix Apply(GpuDevice device, RowMatrix rows, CancellationToken stop = default)
    {
        var (inputs, outputs) = (ModelSpec.Stored(rows.Width), ModelSpec.Stored(Outputs));
        using var data = new RowBlocks(device, rows, [.. Enumerable.Range(0, rows.Count)], Input);
        var weight = Tensor.Persistent("map_weight", new Shape(inputs, outputs), MemoryCategory.Parameters);
        var bias = Tensor.Persistent("map_bias", new Shape(outputs), MemoryCategory.Parameters);
        var mapped = data.Heights.ToDictionary(h => h, h => Tensor.Persistent("mapped", new Shape(h, outputs), MemoryCategory.Outputs));
        try
        {
            device.Transfer.Upload<float>(weight, Weight);
            device.Transfer.Upload<float>(bias, Bias);
            var result = new RowMatrix(Outputs);
            foreach (var height in data.Blocks.GroupBy(b => b.Count))
            {
                using var plan = Plan.Build(device, device.Record(gpu => LinearOp.Forward(gpu, data.Rows(height.Key), weight, bias, mapped[height.Key])));
                foreach (var block in height)
                {
                    stop.ThrowIfCancellationRequested();
                    data.Load(block);
                    plan.Run();
                    result.Add(StateDict.Unpad(device.Transfer.Download(mapped[height.Key], height.Key * outputs), outputs, Outputs));
                }
            }
            return result;
        }
        finally
        {
            foreach (var tensor in mapped.Values.Append(weight).Append(bias))
            {
                tensor.View.Buffer.Dispose();
            }
        }
    }
}
