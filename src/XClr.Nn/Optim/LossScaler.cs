using System.Globalization;
using XClr.Gpu;

namespace XClr.Nn.Optim;

/// <summary>
/// Dynamic loss scaling, decided on the device without a read-back: the loss's gradient is multiplied by a scale that lifts small fp16 gradients above underflow; the optimiser divides. A
/// step with a gradient that is not finite is skipped and halves the scale; <see cref="GrowthInterval"/> steps in a row without one double it (torch's GradScaler). bf16 has fp32's range and
/// needs no scale: there it stays 1, and such steps are skipped and counted all the same.
/// </summary>
public sealed class LossScaler(DType storage) : IDisposable
{
    private const float Initial = 65536, Largest = 16777216;

    // Far below where a run ends (LossScale.Problem), which is seen at the next look only: at 0 a finite gradient would come out as 0 / 0.
    private const float Floor = 1f / (1 << 30);

    /// <summary>Updates in a row after which the scale is doubled.</summary>
    public const uint GrowthInterval = 2000;

    private readonly record struct BeginParams(uint Word);

    private readonly record struct UpdateParams(uint GrowthInterval, float Smallest, float Largest);

    private static readonly Kernel<BeginParams> BeginKernel = new("optim/lossscale_begin_update", reads: 1, writes: 1);
    private static readonly Kernel<UpdateParams> UpdateKernel = new("optim/lossscale_update", reads: 1, writes: 1);

    /// <summary>Whether the scale changes at all.</summary>
    public bool IsDynamic => storage == DType.Float16;

    /// <summary>State of a new run.</summary>
    public LossScale First => new(IsDynamic ? Initial : 1);

    /// <summary>UInt32 [4]: the scale's bits (fp32), updates since it changed, steps skipped so far, steps skipped in a row. All but the last are part of the saved state.</summary>
    public Tensor State { get; } = Tensor.Persistent("loss_scale", new Shape(4), MemoryCategory.OptimizerState, DType.UInt32);

    /// <summary>Records, before anything reads them, that the step's variables get the scale.</summary>
    public void Begin(Recorder gpu, Tensor stepVariables) => gpu.Dispatch(BeginKernel, 1, new BeginParams(StepVariables.LossScaleWord), reads: [State], writes: [stepVariables]);

    /// <summary>Records the scale of the next step. optimizerResult: <see cref="Optimizer.Result"/> of this one.</summary>
    public void Update(Recorder gpu, Tensor optimizerResult) => gpu.Dispatch(UpdateKernel, 1, IsDynamic ? new UpdateParams(GrowthInterval, Floor, Largest) : new UpdateParams(GrowthInterval, 1, 1), reads: [optimizerResult], writes: [State]);

    /// <summary>Reads the state after all steps so far.</summary>
    public LossScale Download(GpuDevice device)
    {
        Span<uint> words = stackalloc uint[4];
        device.Transfer.Download(State, words);
        return new LossScale(BitConverter.UInt32BitsToSingle(words[0]), words[1], words[2], words[3]);
    }

    /// <summary>Sets the state.</summary>
    public void Upload(GpuDevice device, LossScale scale) =>
        device.Transfer.Upload<uint>(State, [BitConverter.SingleToUInt32Bits(scale.Scale), checked((uint)scale.GrowthCount), checked((uint)scale.Skipped), checked((uint)scale.SkippedInRow)]);

    public void Dispose() => State.View.Buffer.Dispose();
}

/// <summary>State of a <see cref="LossScaler"/>.</summary>
/// <param name="Scale">Gradients hold this times the gradient of the loss.</param>
/// <param name="GrowthCount">Updates made since the scale changed.</param>
/// <param name="Skipped">Steps of the run whose update was skipped.</param>
/// <param name="SkippedInRow">The last of them, without an update in between.</param>
public readonly record struct LossScale(float Scale, long GrowthCount = 0, long Skipped = 0, long SkippedInRow = 0)
{
    // Where the first scale of fp16 falls to; as many steps without an update are too many at any scale.
    private const float Smallest = 1f / 1024;
    private const int MostInRow = 26;

    /// <summary>Why training cannot go on; null while it can.</summary>
    public string? Problem => Scale < Smallest || SkippedInRow > MostInRow
        ? string.Create(CultureInfo.InvariantCulture, $"the loss, its gradient or that one's norm is not finite, {SkippedInRow} steps in a row, at a loss scale of {Scale:0.0e0} ({Skipped} steps of the run were skipped).")
        : null;
}
