using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>
/// A batch cut into micro-batches of the same number of samples, which a loop of a plan (<see cref="Recorder.Repeat"/>) goes through. The batch's rows are view 1 of all samples, then view 2; a
/// micro-batch has both views of its samples, in the same order. Which one it is stands in a word on the device.
/// </summary>
public sealed class MicroBatches : IDisposable
{
    private const int Views = 2;

    private readonly record struct RowsParams(uint Rows, uint Words, uint PerView, uint Samples);

    private readonly record struct NextParams(uint By);

    private static readonly Kernel<RowsParams> TakeRows = new("rows/rows_take_fwd", reads: 2, writes: 1);
    private static readonly Kernel<RowsParams> PutRows = new("rows/rows_put_fwd", reads: 2, writes: 1);
    private static readonly Kernel<NextParams> NextIndex = new("rows/rows_next_update", reads: 0, writes: 1);
    private readonly Tensor index = Tensor.Persistent("micro_batch", new Shape(4), MemoryCategory.Inputs, DType.UInt32);

    /// <param name="samples">N, samples of the batch.</param>
    /// <param name="size">M, samples of a micro-batch.</param>
    /// <exception cref="ShapeException">M does not divide N.</exception>
    public MicroBatches(int samples, int size)
    {
        (Samples, Size) = (samples, size);
        if (size < 1 || samples % size != 0)
        {
            throw new ShapeException($"A batch of {samples} samples has no micro-batches of {size}.");
        }
    }

    /// <summary>N.</summary>
    public int Samples { get; }

    /// <summary>M.</summary>
    public int Size { get; }

    /// <summary>Rows of a micro-batch, 2M.</summary>
    public int Rows => Views * Size;

    /// <summary>N / M.</summary>
    public int Count => Samples / Size;

    /// <summary>Records, before a loop of <see cref="Count"/> times, that it begins with the first micro-batch.</summary>
    public void Begin(Recorder gpu) => ZeroOp.Forward(gpu, index.View.Buffer);

    /// <summary>Records, at the end of the loop, that the next micro-batch follows.</summary>
    public void Next(Recorder gpu) => gpu.Dispatch(NextIndex, 1, new NextParams(1), reads: [], writes: [index]);

    /// <summary>Records a copy of the micro-batch's rows, [2M,...], of a tensor [2N,...] of 4-byte elements.</summary>
    public Tensor Take(Recorder gpu, Tensor whole)
    {
        var part = gpu.NewTensor($"{whole.Name}.micro", new Shape([Rows, .. whole.Shape.Dims[1..]]), type: whole.Type);
        gpu.Dispatch(TakeRows, Groups(part), Params(whole), reads: [whole, index], writes: [part], new DispatchCost(0, 2 * part.Bytes), $"{part.Shape}");
        return part;
    }

    /// <summary>Records that the micro-batch's rows of <paramref name="whole"/> [2N,...] become <paramref name="part"/> [2M,...]; 4-byte elements.</summary>
    public void Put(Recorder gpu, Tensor part, Tensor whole)
    {
        Shape.Require([Rows, .. whole.Shape.Dims[1..]], part);
        gpu.Dispatch(PutRows, Groups(part), Params(whole), reads: [part, index], writes: [whole], new DispatchCost(0, 2 * part.Bytes), $"{part.Shape}");
    }

    private static long Groups(Tensor part) => OpMath.CeilDiv(part.Shape.Count, 64);

    private RowsParams Params(Tensor whole)
    {
        Shape.Require([Views * Samples, .. whole.Shape.Dims[1..]], whole);
        if (Tensor.SizeOf(whole.Type) != sizeof(uint))
        {
            throw new ShapeException($"'{whole.Name}' is stored as {whole.Type}; micro-batches are cut from elements of four bytes.");
        }
        return new((uint)Rows, (uint)whole.RowCount, (uint)Size, (uint)Samples);
    }

    public void Dispose() => index.View.Buffer.Dispose();
}
