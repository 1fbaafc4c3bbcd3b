using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Optim;

/// <summary>
/// Updates all parameters of a set in a few dispatches over the flat buffers. Each step: norm and finiteness of the gradients, then the update, which is
/// skipped where any gradient, or their norm, is not finite. Parameters declared without decay (biases, batch norm) are excluded from weight decay and from adaptation.
/// The learning rate, loss scale and clipping norm come from <see cref="StepVariables"/>.
/// </summary>
public abstract class Optimizer : IDisposable
{
    private readonly record struct ChunkParams(uint FirstChunk, uint ChunkCount);

    private readonly record struct NormParams(uint ChunkCount);

    private readonly record struct ClampParams(uint Count, float Low, float High);

    private static readonly Kernel<ChunkParams> NormChunks = new("optim/gradnorm_chunks_update", reads: 3, writes: 1);
    private static readonly Kernel<ChunkParams> NormChunksWord = new("optim/gradnorm_chunks_update_word", reads: 3, writes: 1, texels: 1);
    private static readonly Kernel<NormParams> Norm = new("optim/gradnorm_update", reads: 3, writes: 2);
    private static readonly Kernel<ClampParams> ClampKernel = new("optim/clamp_update", reads: 0, writes: 1);

    private protected Optimizer(ParameterSet parameters, DeviceCaps caps, params ReadOnlySpan<string> states)
    {
        Parameters = parameters;
        Chunks = new ParameterChunks(parameters, caps);
        States = [.. states.ToArray().Select(name => (name, parameters.NewFlat(name)))];
        Result = Tensor.Persistent("optimizer_result", new Shape(4), MemoryCategory.Outputs);
        Updates = Tensor.Persistent("optimizer_updates", new Shape(1), MemoryCategory.OptimizerState, DType.UInt32);
    }

    public ParameterSet Parameters { get; }

    /// <summary>The optimiser's states by torch's names, in the layout of the parameters; zeros at the start.</summary>
    public IReadOnlyList<(string Name, GpuBuffer Flat)> States { get; }

    /// <summary>
    /// Out of each step, [4]: global L2 norm of the unscaled gradients before clipping; factor applied to stored gradients; index among Parameters.Parameters of the first
    /// tensor with a non-finite gradient, -1 where there is none; 1 where the update was made, 0 where it was skipped.
    /// </summary>
    public Tensor Result { get; }

    /// <summary>UInt32 [1]: updates made so far (AdamW's t). Part of the saved state.</summary>
    public Tensor Updates { get; }

    private protected ParameterChunks Chunks { get; }

    /// <summary>Places and fills the tables, and sets states and the count of updates to zero.</summary>
    public void Initialize(GpuDevice device)
    {
        Chunks.Upload(device);
        device.Place(Result.View.Buffer);
        foreach (var (_, flat) in States)
        {
            device.Transfer.Clear(flat);
        }
        device.Transfer.Upload<uint>(Updates, [0u]);
    }

    /// <summary>Records one step on the gradients in Parameters.Gradients. stepVariables: <see cref="StepVariables.NewTensor"/>.</summary>
    public void Record(Recorder gpu, Tensor stepVariables)
    {
        var partial = gpu.NewTensor("gradient_norms", new Shape(Chunks.Count, 2), MemoryCategory.Workspace);
        foreach (var range in Chunks.Ranges)
        {
            gpu.Dispatch(RowWork.Pick(gpu, NormChunks, NormChunksWord), range.Chunks, new ChunkParams((uint)range.FirstChunk, (uint)range.Chunks), reads: [range.Of(Parameters.Gradients), Chunks.Chunks, stepVariables], writes: [partial],
                new DispatchCost(2.0 * range.Count), $"{range.Count}");
        }
        gpu.Dispatch(Norm, 1, new NormParams((uint)Chunks.Count), reads: [partial, Chunks.Chunks, stepVariables], writes: [Result, Updates], detail: $"{Chunks.Count}");
        RecordUpdate(gpu, stepVariables);
    }

    /// <summary>x = clamp(x, low, high): for a parameter with a legal interval, such as CLIP's logit_scale in [0, ln 100], after the step.</summary>
    public static void Clamp(Recorder gpu, Tensor x, float low, float high) =>
        gpu.Dispatch(ClampKernel, OpMath.CeilDiv(x.Shape.Count, 64), new ClampParams((uint)x.Shape.Count, low, high), reads: [], writes: [x], detail: $"{x.Shape.Count}");

    public void Dispose()
    {
        Chunks.Chunks.View.Buffer.Dispose();
        Chunks.Tensors.View.Buffer.Dispose();
        Result.View.Buffer.Dispose();
        Updates.View.Buffer.Dispose();
        foreach (var (_, flat) in States)
        {
            flat.Dispose();
        }
        GC.SuppressFinalize(this);
    }

    private protected abstract void RecordUpdate(Recorder gpu, Tensor stepVariables);

    /// <summary>
    /// Records an update of one range. Both variants bind gradients and the small tables as reads and the updated buffers as writes; the CPU variant binds the updated
    /// buffers as texels besides, behind the gradients.
    /// </summary>
    private protected void Dispatch<TParams>(Recorder gpu, (Kernel<TParams> Portable, Kernel<TParams> Word) kernels, ParameterRange range, in TParams p, BufferView[] tables, GpuBuffer[] updated, double flops)
        where TParams : unmanaged
    {
        BufferView[] writes = [.. updated.Select(range.Of)];
        BufferView[] old = gpu.Caps.CpuKernels ? writes : [];
        gpu.Dispatch(RowWork.Pick(gpu, kernels.Portable, kernels.Word), range.Chunks, p, [range.Of(Parameters.Gradients), .. old, .. tables], writes,
            new DispatchCost(flops * range.Count, 4 * (1 + (2 * updated.Length)) * range.Count), $"{range.Count}");
    }

    // As the kernels have it: 0.99999999 is 1 in fp32.
    private protected static float Within(double value, double low, double high, string name) => (float)value is var single && single >= low && single < high
        ? single
        : throw new ArgumentException($"{name} must lie in [{low}, {high}), not {value}.");
}
