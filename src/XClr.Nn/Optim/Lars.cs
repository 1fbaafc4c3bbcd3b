using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Optim;

/// <summary>
/// LARS: g += decay w; ratio = trust |w| / |g| per tensor, 1 where either norm is 0; v = momentum v + lr ratio g; w -= v. Parameters without decay are not adapted.
/// </summary>
public sealed class Lars : Optimizer
{
    private readonly record struct ChunkParams(uint FirstChunk, uint ChunkCount, float Decay);

    private readonly record struct RatioParams(uint TensorCount, float Trust);

    private readonly record struct UpdateParams(uint FirstChunk, uint ChunkCount, float Momentum, float Decay);

    private static readonly Kernel<ChunkParams> Norms = new("optim/lars_chunks_update", reads: 4, writes: 1);
    private static readonly Kernel<ChunkParams> NormsWord = new("optim/lars_chunks_update_word", reads: 4, writes: 1, texels: 2);
    private static readonly Kernel<RatioParams> Ratio = new("optim/lars_ratio_update", reads: 2, writes: 1);
    private static readonly Kernel<UpdateParams> Update = new("optim/lars_update", reads: 5, writes: 2);
    private static readonly Kernel<UpdateParams> UpdateWord = new("optim/lars_update_word", reads: 7, writes: 2, texels: 3);
    private readonly float momentum;
    private readonly float decay;
    private readonly float trust;

    /// <exception cref="ArgumentException">A coefficient out of range.</exception>
    public Lars(ParameterSet parameters, DeviceCaps caps, double momentum = 0.9, double weightDecay = 0, double trust = 0.001)
        : base(parameters, caps, "momentum")
    {
        this.momentum = Within(momentum, 0, 1, "momentum");
        decay = Within(weightDecay, 0, double.PositiveInfinity, "weight decay");
        this.trust = Within(trust, double.Epsilon, double.PositiveInfinity, "trust");
    }

    private protected override void RecordUpdate(Recorder gpu, Tensor stepVariables)
    {
        var partial = gpu.NewTensor("lars_norms", new Shape(Chunks.Count, 2), MemoryCategory.Workspace);
        var tensors = Parameters.Parameters.Count;
        var ratio = gpu.NewTensor("lars_ratio", new Shape(tensors), MemoryCategory.Workspace);
        foreach (var range in Chunks.Ranges)
        {
            gpu.Dispatch(RowWork.Pick(gpu, Norms, NormsWord), range.Chunks, new ChunkParams((uint)range.FirstChunk, (uint)range.Chunks, decay),
                reads: [range.Of(Parameters.Gradients), range.Of(Parameters.Values), Chunks.Chunks, Result], writes: [partial], new DispatchCost(7.0 * range.Count), $"{range.Count}");
        }
        gpu.Dispatch(Ratio, tensors, new RatioParams((uint)tensors, trust), reads: [partial, Chunks.Tensors], writes: [ratio], detail: $"{tensors}");
        foreach (var range in Chunks.Ranges)
        {
            var p = new UpdateParams((uint)range.FirstChunk, (uint)range.Chunks, momentum, decay);
            Dispatch(gpu, (Update, UpdateWord), range, p, [Chunks.Chunks, Result, stepVariables, ratio], [Parameters.Values, States[0].Flat], flops: 7);
        }
    }
}
