using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;

namespace XClr.Train.Evaluation;

/// <summary>Rows first .. first + count - 1 of a choice of rows.</summary>
internal readonly record struct RowBlock(int First, int Count);

/// <summary>
/// Chosen rows of a matrix, standardised, on a device: in blocks of one height, and a lower last one, which are worked on in turn. For whoever passes over them again and again, blocks stay on the
/// device, up to half of its memory; the others come from the host each time.
/// </summary>
internal sealed class RowBlocks : IDisposable
{
    /// <summary>Bytes of a block, unless asked for otherwise.</summary>
    public const long MostBytes = 128L << 20;

    private const int KeptShare = 2;

    private readonly GpuDevice device;
    private readonly RowMatrix rows;
    private readonly IReadOnlyList<int> chosen;
    private readonly Standardizer standardizer;
    private readonly Dictionary<int, Tensor> tensors;
    private readonly int stored;
    private readonly Dictionary<int, Tensor> kept = [];
    private long room;
    private RowBlock? loaded;

    /// <param name="device">Where the rows go.</param>
    /// <param name="rows">Rows [n,F].</param>
    /// <param name="chosen">Those that count, in order.</param>
    /// <param name="standardizer">Applied to them.</param>
    /// <param name="passes">Whether there is more than one pass over them.</param>
    /// <param name="blockBytes">Most bytes of a block.</param>
    public RowBlocks(GpuDevice device, RowMatrix rows, IReadOnlyList<int> chosen, Standardizer standardizer, bool passes = false, long blockBytes = MostBytes)
    {
        (this.device, this.rows, this.chosen, this.standardizer, stored) = (device, rows, chosen, standardizer, ModelSpec.Stored(rows.Width));
        // Multiples of 64 rows begin where a binding may.
        var height = (int)Math.Clamp(blockBytes / (stored * sizeof(float)) / 64 * 64, 1, Math.Max(1, chosen.Count));
        Blocks = [.. Enumerable.Range(0, (chosen.Count + height - 1) / height).Select(b => new RowBlock(b * height, Math.Min(height, chosen.Count - (b * height))))];
        tensors = Blocks.Select(b => b.Count).Distinct().ToDictionary(h => h, h => Tensor.Persistent("rows", new Shape(h, stored), MemoryCategory.Inputs));
        room = passes && Blocks.Count > 1 ? device.Caps.DeviceLocalBytes / KeptShare : 0;
    }

    /// <summary>The blocks, in order.</summary>
    public IReadOnlyList<RowBlock> Blocks { get; }

    /// <summary>Heights that occur: at most two.</summary>
    public IEnumerable<int> Heights => tensors.Keys;

    /// <summary>Where blocks of a height lie: [height,F], F padded with zeros.</summary>
    public Tensor Rows(int height) => tensors[height];

    /// <summary>Brings a block to where plans read it, unless it is there.</summary>
    public void Load(RowBlock block)
    {
        if (loaded == block)
        {
            return;
        }
        loaded = block;
        if (kept.TryGetValue(block.First, out var copy))
        {
            device.Transfer.Copy(copy, tensors[block.Count]);
            return;
        }
        var numbers = new float[block.Count * stored];
        Parallel.For(0, block.Count, i => standardizer.Apply(rows[chosen[block.First + i]], numbers.AsSpan(i * stored, rows.Width)));
        device.Transfer.Upload<float>(tensors[block.Count], numbers);
        Keep(block);
    }

    private void Keep(RowBlock block)
    {
        var bytes = (long)block.Count * stored * sizeof(float);
        if (bytes > room)
        {
            return;
        }
        var copy = Tensor.Persistent("kept_rows", new Shape(block.Count, stored), MemoryCategory.Inputs);
        try
        {
            device.Transfer.Copy(tensors[block.Count], copy);
        }
        catch (GpuOutOfMemoryException)
        {
            // Others use the memory: this block and those after it come from the host.
            room = 0;
            copy.View.Buffer.Dispose();
            return;
        }
        room -= bytes;
        kept.Add(block.First, copy);
    }

    public void Dispose()
    {
        foreach (var tensor in tensors.Values.Concat(kept.Values))
        {
            tensor.View.Buffer.Dispose();
        }
    }
}
