using XClr.Gpu;

namespace XClr.Nn.Optim;

/// <summary>AdamW: decoupled decay w *= 1 - lr decay, moments with bias correction by the number of updates made (kept on the device).</summary>
public sealed class AdamW : Optimizer
{
    private readonly record struct UpdateParams(
        uint FirstChunk, uint ChunkCount, float Decay, float Epsilon, float Beta1, float Rest1, float Log1, float Beta2, float Rest2, float Log2);

    private static readonly Kernel<UpdateParams> Update = new("optim/adamw_update", reads: 5, writes: 3);
    private static readonly Kernel<UpdateParams> UpdateWord = new("optim/adamw_update_word", reads: 8, writes: 3, texels: 4);
    private readonly UpdateParams coefficients;

    /// <exception cref="ArgumentException">A coefficient out of range.</exception>
    public AdamW(ParameterSet parameters, DeviceCaps caps, double weightDecay = 0.01, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
        : base(parameters, caps, "exp_avg", "exp_avg_sq")
    {
        coefficients = new UpdateParams(
            0, 0, Within(weightDecay, 0, double.PositiveInfinity, "weight decay"), Within(epsilon, double.Epsilon, double.PositiveInfinity, "epsilon"),
            Within(beta1, double.Epsilon, 1, "beta1"), (float)(1 - beta1), (float)Math.Log(beta1), Within(beta2, double.Epsilon, 1, "beta2"), (float)(1 - beta2), (float)Math.Log(beta2));
    }

    private protected override void RecordUpdate(Recorder gpu, Tensor stepVariables)
    {
        foreach (var range in Chunks.Ranges)
        {
            var p = coefficients with { FirstChunk = (uint)range.FirstChunk, ChunkCount = (uint)range.Chunks };
            Dispatch(gpu, (Update, UpdateWord), range, p, [Chunks.Chunks, Result, stepVariables, Updates], [Parameters.Values, States[0].Flat, States[1].Flat], flops: 14);
        }
    }
}
