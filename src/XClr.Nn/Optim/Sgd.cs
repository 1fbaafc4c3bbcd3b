using XClr.Gpu;

namespace XClr.Nn.Optim;

/// <summary>SGD in torch's sense: v = momentum v + g, w -= lr v, or with Nesterov w -= lr (g + momentum v); g holds the weight decay.</summary>
public sealed class Sgd : Optimizer
{
    private readonly record struct UpdateParams(uint FirstChunk, uint ChunkCount, float Momentum, float Decay, uint Nesterov);

    private static readonly Kernel<UpdateParams> Update = new("optim/sgd_update", reads: 4, writes: 2);
    private static readonly Kernel<UpdateParams> UpdateWord = new("optim/sgd_update_word", reads: 6, writes: 2, texels: 3);
    private readonly float momentum;
    private readonly float decay;
    private readonly bool nesterov;

    /// <exception cref="ArgumentException">A coefficient out of range, or Nesterov without momentum.</exception>
    public Sgd(ParameterSet parameters, DeviceCaps caps, double momentum = 0.9, double weightDecay = 0, bool nesterov = false)
        : base(parameters, caps, "momentum")
    {
        this.momentum = Within(momentum, 0, 1, "momentum");
        decay = Within(weightDecay, 0, double.PositiveInfinity, "weight decay");
        this.nesterov = !nesterov || momentum > 0 ? nesterov : throw new ArgumentException("Nesterov's step needs a momentum above 0.");
    }

    private protected override void RecordUpdate(Recorder gpu, Tensor stepVariables)
    {
        foreach (var range in Chunks.Ranges)
        {
            var p = new UpdateParams((uint)range.FirstChunk, (uint)range.Chunks, momentum, decay, nesterov ? 1u : 0u);
            Dispatch(gpu, (Update, UpdateWord), range, p, [Chunks.Chunks, Result, stepVariables], [Parameters.Values, States[0].Flat], flops: 6);
        }
    }
}
