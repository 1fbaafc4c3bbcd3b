using System.Numerics.Tensors;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using Tensor = XClr.Nn.Tensor;

namespace XClr.Train.Evaluation;

/// <summary>A row of a bank, and its cosine with a query.</summary>
public readonly record struct Neighbour(int Row, float Similarity);

/// <summary>
/// The k rows of a bank that are nearest to each query by cosine, on the device: tiles of queries times slabs of the bank, of which only the k largest products stay. Memory: a tile, a slab
/// and their product, whatever the sizes of bank and queries.
/// </summary>
internal sealed class NearestRows : IDisposable
{
    private const int MostOnGpu = 4096, MostOnCpu = 1024;

    private readonly int width, stored, k;
    private readonly Tensor bankRows, queryColumns, window, values, indices;
    private readonly float[] slab, tile;

    private NearestRows(DeviceCaps caps, int width, int bank, int queries, int k)
    {
        (this.width, stored, this.k) = (width, ModelSpec.Stored(width), k);
        var most = caps.CpuKernels ? MostOnCpu : MostOnGpu;
        // The queries are a product's weights, bound as one range, and so are the heaps.
        var bindable = Math.Min(caps.MaxStorageBufferRange, caps.CpuKernels ? caps.MaxTexelBufferBytes : long.MaxValue) / sizeof(float);
        Queries = (int)Math.Max(4, Math.Min(ModelSpec.Stored(Math.Min(queries, most)), bindable / Math.Max(stored, k)) / 4 * 4);
        Rows = Math.Min(bank, most);
        bankRows = Tensor.Persistent("bank_rows", new Shape(Rows, stored), MemoryCategory.Inputs);
        queryColumns = Tensor.Persistent("query_columns", new Shape(stored, Queries), MemoryCategory.Inputs);
        window = Tensor.Persistent("bank_window", new Shape(TopKOp.WindowWords), MemoryCategory.Inputs, DType.UInt32);
        values = Tensor.Persistent("nearest_values", new Shape(k, Queries), MemoryCategory.Outputs);
        indices = Tensor.Persistent("nearest_rows", new Shape(k, Queries), MemoryCategory.Outputs, DType.UInt32);
        (slab, tile) = (new float[Rows * stored], new float[stored * Queries]);
    }

    /// <summary>Queries per tile, and bank rows per slab.</summary>
    private int Queries { get; }

    private int Rows { get; }

    /// <summary>Bytes of device memory that a search takes.</summary>
    public static long Bytes(DeviceCaps caps, int width, int bank, int queries, int k)
    {
        using var search = new NearestRows(caps, width, bank, queries, k);
        var gpu = new Recorder(caps);
        search.Record(gpu);
        var layout = PlanLayout.Create(gpu.Dispatches, caps);
        return layout.TransientPeakBytes + layout.Persistent.Sum(b => b.Bytes);
    }

    /// <summary>
    /// Each query's k nearest rows (all, where the bank has fewer), the nearest first; of equal cosines the earlier row comes first. A zero row's cosines are 0; rows with NaN are nobody's neighbours.
    /// </summary>
    public static Neighbour[][] Find(GpuDevice device, RowMatrix bank, RowMatrix queries, int k, CancellationToken stop)
    {
        var found = new Neighbour[queries.Count][];
        if (queries.Count == 0 || bank.Count == 0)
        {
            Array.Fill(found, []);
            return found;
        }
        using var search = new NearestRows(device.Caps, bank.Width, bank.Count, queries.Count, Math.Min(k, bank.Count));
        using var plan = Plan.Build(device, device.Record(search.Record));
        for (var q = 0; q < queries.Count; q += search.Queries)
        {
            var count = Math.Min(search.Queries, queries.Count - q);
            search.UploadQueries(device, queries, q, count);
            for (var row = 0; row < bank.Count; row += search.Rows)
            {
                stop.ThrowIfCancellationRequested();
                search.UploadBank(device, bank, row);
                plan.Run();
            }
            search.Collect(device, found, q, count);
        }
        return found;
    }

    private void Record(Recorder gpu)
    {
        var unit = gpu.NewTensor("unit_rows", bankRows.Shape);
        var norms = gpu.NewTensor("row_norms", new Shape(Rows));
        L2NormalizeOp.Forward(gpu, bankRows, unit, norms);
        var similarities = gpu.NewTensor("similarities", new Shape(Rows, Queries));
        LinearOp.Forward(gpu, unit, queryColumns, bias: null, similarities);
        TopKOp.Forward(gpu, similarities, window, values, indices);
    }

    private void UploadQueries(GpuDevice device, RowMatrix queries, int first, int count)
    {
        Array.Clear(tile);
        Parallel.For(0, count, q =>
        {
            var row = queries[first + q];
            var scale = TensorPrimitives.Norm(row) is > 0 and var norm ? 1 / norm : 0;
            for (var c = 0; c < width; c++)
            {
                tile[c * Queries + q] = row[c] * scale;
            }
        });
        device.Transfer.Upload<float>(queryColumns, tile);
    }

    private void UploadBank(GpuDevice device, RowMatrix bank, int first)
    {
        var count = Math.Min(Rows, bank.Count - first);
        for (var i = 0; i < count; i++)
        {
            bank[first + i].CopyTo(slab.AsSpan(i * stored));
        }
        device.Transfer.Upload<float>(bankRows, slab);
        device.Transfer.Upload<uint>(window, TopKOp.Window(count, first, resume: first > 0));
    }

    private void Collect(GpuDevice device, Neighbour[][] found, int first, int count)
    {
        var similarities = device.Transfer.Download(values, k * Queries);
        var rows = new uint[k * Queries];
        device.Transfer.Download<uint>(indices, rows);
        Parallel.For(0, count, q => found[first + q] = [.. Enumerable.Range(0, k)
            .Where(slot => rows[slot * Queries + q] != uint.MaxValue)
            .Select(slot => new Neighbour((int)rows[slot * Queries + q], similarities[slot * Queries + q]))
            .OrderByDescending(n => n.Similarity).ThenBy(n => n.Row)]);
    }

    public void Dispose()
    {
        foreach (var tensor in new[] { bankRows, queryColumns, window, values, indices })
        {
            tensor.View.Buffer.Dispose();
        }
    }
}
