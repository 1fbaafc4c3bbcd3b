using XClr.Gpu;

namespace XClr.Nn.Optim;

/// <summary>
/// Dynamic loss scaling, decided on the device without a read-back: the loss's gradient is multiplied by a scale that lifts small fp16 gradients above underflow; the optimiser divides. A
/// step with a gradient that is not finite is skipped and halves the scale; <see cref="GrowthInterval"/> steps in a row without one double it (torch's GradScaler).
/// </summary>
public sealed class LossScaler : IDisposable
{
    /// <summary>Scale of the first step, and the largest.</summary>
    public const float Initial = 65536, Largest = 16777216;

    /// <summary>Below it gradients are not finite at any scale: 26 steps in a row without an update, from the first scale.</summary>
    public const float Smallest = 1f / 1024;

    /// <summary>Updates in a row after which the scale is doubled.</summary>
    public const uint GrowthInterval = 2000;

    private readonly record struct BeginParams(uint Word);

    private readonly record struct UpdateParams(uint GrowthInterval, float Largest);

    private static readonly Kernel<BeginParams> BeginKernel = new("optim/lossscale_begin_update", reads: 1, writes: 1);
    private static readonly Kernel<UpdateParams> UpdateKernel = new("optim/lossscale_update", reads: 1, writes: 1);

    /// <summary>UInt32 [4]: the scale's bits (fp32), updates since it changed, steps skipped so far, 0. Part of the saved state.</summary>
    public Tensor State { get; } = Tensor.Persistent("loss_scale", new Shape(4), MemoryCategory.OptimizerState, DType.UInt32);

    /// <summary>Records, before anything reads them, that the step's variables get the scale.</summary>
    public void Begin(Recorder gpu, Tensor stepVariables) => gpu.Dispatch(BeginKernel, 1, new BeginParams(StepVariables.LossScaleWord), reads: [State], writes: [stepVariables]);

    /// <summary>Records the scale of the next step. optimizerResult: <see cref="Optimizer.Result"/> of this one.</summary>
    public void Update(Recorder gpu, Tensor optimizerResult) => gpu.Dispatch(UpdateKernel, 1, new UpdateParams(GrowthInterval, Largest), reads: [optimizerResult], writes: [State]);

    /// <summary>Reads the state after all steps so far.</summary>
    public LossScale Download(GpuDevice device)
    {
        Span<uint> words = stackalloc uint[4];
        device.Transfer.Download(State, words);
        return new LossScale(BitConverter.UInt32BitsToSingle(words[0]), words[1], words[2]);
    }

    /// <summary>Sets the state.</summary>
    public void Upload(GpuDevice device, LossScale scale) =>
        device.Transfer.Upload<uint>(State, [BitConverter.SingleToUInt32Bits(scale.Scale), checked((uint)scale.GrowthCount), checked((uint)scale.Skipped), 0]);

    public void Dispose() => State.View.Buffer.Dispose();
}

/// <summary>State of a <see cref="LossScaler"/>.</summary>
/// <param name="Scale">Gradients hold this times the gradient of the loss.</param>
/// <param name="GrowthCount">Updates made since the scale changed.</param>
/// <param name="Skipped">Steps of the run whose update was skipped.</param>
public readonly record struct LossScale(float Scale, long GrowthCount = 0, long Skipped = 0);
