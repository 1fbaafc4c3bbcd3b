using XClr.Gpu;

namespace XClr.Nn.Optim;

/// <summary>A part of the flat buffers that one dispatch binds. Offset and Count are elements; its chunks are FirstChunk .. FirstChunk + Chunks - 1 of the table.</summary>
public readonly record struct ParameterRange(long Offset, long Count, int FirstChunk, int Chunks)
{
    /// <summary>This range of a flat buffer.</summary>
    public BufferView Of(GpuBuffer flat) => flat.Slice(Offset * sizeof(float), Count * sizeof(float));
}

/// <summary>
/// How the multi-tensor kernels cut a ParameterSet: into ranges of at most maxStorageBufferRange (at tensor boundaries where possible) and chunks of at most
/// <see cref="ChunkElements"/> elements of one tensor, one workgroup each. The tables are uploaded once.
/// </summary>
public sealed class ParameterChunks
{
    /// <summary>Elements per workgroup.</summary>
    public const int ChunkElements = 8192;

    private const int Aligned = ParameterSet.Alignment / sizeof(float);
    private readonly List<ParameterRange> ranges = [];
    private readonly List<uint> chunks = [];
    private readonly List<uint> tensors = [];

    public ParameterChunks(ParameterSet parameters, DeviceCaps caps)
    {
        var limit = caps.MaxStorageBufferRange / sizeof(float) / Aligned * Aligned;
        if (limit < ChunkElements)
        {
            throw new ShapeException($"Optimisers need a maxStorageBufferRange of at least {ChunkElements * sizeof(float)} bytes, the device has {caps.MaxStorageBufferRange}.");
        }
        Cut(parameters, limit);
        Chunks = Tensor.Persistent("optimizer_chunks", new Shape(chunks.Count / 4, 4), MemoryCategory.OptimizerState, DType.UInt32);
        Tensors = Tensor.Persistent("optimizer_tensors", new Shape(tensors.Count / 4, 4), MemoryCategory.OptimizerState, DType.UInt32);
    }

    public IReadOnlyList<ParameterRange> Ranges => ranges;

    /// <summary>UInt32 [chunks,4]: first vec4 in the range, elements, index of the tensor, 1 where decay and adaptation apply.</summary>
    public Tensor Chunks { get; }

    /// <summary>UInt32 [tensors,4]: first chunk, number of chunks, 1 where decay and adaptation apply, 0.</summary>
    public Tensor Tensors { get; }

    /// <summary>Number of chunks in all.</summary>
    public int Count => Chunks.Shape[0];

    /// <summary>Rows of <see cref="Chunks"/>.</summary>
    public ReadOnlySpan<uint> ChunkTable => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(chunks);

    /// <summary>Uploads both tables.</summary>
    public void Upload(GpuDevice device)
    {
        device.Place([Chunks.View.Buffer, Tensors.View.Buffer]);
        device.Transfer.Upload<uint>(Chunks, [.. chunks]);
        device.Transfer.Upload<uint>(Tensors, [.. tensors]);
    }

    private void Cut(ParameterSet parameters, long limit)
    {
        long start = 0;
        long end = 0;
        var firstChunk = 0;
        void Close()
        {
            ranges.Add(new ParameterRange(start, end - start, firstChunk, (chunks.Count / 4) - firstChunk));
            (start, firstChunk) = (end, chunks.Count / 4);
        }
        foreach (var parameter in parameters.Parameters)
        {
            var flag = parameter.Decay ? 1u : 0u;
            var tensorChunk = chunks.Count / 4;
            if (end > start && Tensor.RoundUp(parameter.Offset + parameter.Count, Aligned) - start > limit)
            {
                Close();
            }
            for (long done = 0; done < parameter.Count; done += ChunkElements)
            {
                var count = Math.Min(ChunkElements, parameter.Count - done);
                var chunkEnd = Tensor.RoundUp(parameter.Offset + done + count, Aligned);
                if (chunkEnd - start > limit)
                {
                    Close();
                }
                chunks.AddRange([(uint)((parameter.Offset + done - start) / 4), (uint)count, (uint)parameter.Index, flag]);
                end = chunkEnd;
            }
            tensors.AddRange([(uint)tensorChunk, (uint)((chunks.Count / 4) - tensorChunk), flag, 0]);
        }
        Close();
    }
}
