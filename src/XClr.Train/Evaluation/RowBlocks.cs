using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;

namespace XClr.Train.Evaluation;

/// <summary>Rows first .. first + count - 1 of a choice of rows.</summary>
internal readonly record struct RowBlock(int First, int Count);

/// <summary>Chosen rows of a matrix, standardised, on a device: in blocks of one height, and a lower last one. A single block stays there; several are loaded in turn.</summary>
internal sealed class RowBlocks : IDisposable
{
    private const long MostBytes = 128L << 20;

    private readonly GpuDevice device;
    private readonly RowMatrix rows;
    private readonly IReadOnlyList<int> chosen;
    private readonly Standardizer standardizer;
    private readonly Dictionary<int, Tensor> tensors;
    private readonly int stored;
    private bool resident;

    public RowBlocks(GpuDevice device, RowMatrix rows, IReadOnlyList<int> chosen, Standardizer standardizer)
    {
        (this.device, this.rows, this.chosen, this.standardizer, stored) = (device, rows, chosen, standardizer, ModelSpec.Stored(rows.Width));
        // Multiples of 64 rows begin where a binding may.
        var height = (int)Math.Clamp(MostBytes / (stored * sizeof(float)) / 64 * 64, 1, Math.Max(1, chosen.Count));
        Blocks = [.. Enumerable.Range(0, (chosen.Count + height - 1) / height).Select(b => new RowBlock(b * height, Math.Min(height, chosen.Count - (b * height))))];
        tensors = Blocks.Select(b => b.Count).Distinct().ToDictionary(h => h, h => Tensor.Persistent("rows", new Shape(h, stored), MemoryCategory.Inputs));
    }

    /// <summary>The blocks, in order.</summary>
    public IReadOnlyList<RowBlock> Blocks { get; }

    /// <summary>Heights that occur: at most two.</summary>
    public IEnumerable<int> Heights => tensors.Keys;

    /// <summary>Where blocks of a height lie: [height,F], F padded with zeros.</summary>
    public Tensor Rows(int height) => tensors[height];

    /// <summary>Brings a block to the device, unless it is there.</summary>
    public void Load(RowBlock block)
    {
        if (resident)
        {
            return;
        }
        var numbers = new float[block.Count * stored];
        Parallel.For(0, block.Count, i => standardizer.Apply(rows[chosen[block.First + i]], numbers.AsSpan(i * stored, rows.Width)));
        device.Transfer.Upload<float>(tensors[block.Count], numbers);
        resident = Blocks.Count == 1;
    }

    public void Dispose()
    {
        foreach (var tensor in tensors.Values)
        {
            tensor.View.Buffer.Dispose();
        }
    }
}
