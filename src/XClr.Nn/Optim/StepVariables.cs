using System.Runtime.InteropServices;
using XClr.Gpu;

namespace XClr.Nn.Optim;

/// <summary>
/// What changes from step to step while the recorded plan stays the same: written to the device before each step, read by kernels as 32-bit
/// words in this order (shaders/common/step.glsl).
/// </summary>
/// <param name="LearningRate">The step's learning rate, scaling and schedule applied.</param>
/// <param name="LossScale">Gradients hold LossScale times the gradient of the loss; the optimiser divides. 1 in fp32; under a <see cref="LossScaler"/> the device overwrites it.</param>
/// <param name="ClipNorm">Largest global L2 norm of the unscaled gradients; 0 switches clipping off.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct StepVariables(float LearningRate, float LossScale = 1, float ClipNorm = 0)
{
    private readonly uint padding;

    /// <summary>32-bit words of the structure.</summary>
    public const int Words = 4;

    /// <summary>Index of the word that holds LossScale.</summary>
    internal const uint LossScaleWord = 1;

    /// <summary>The persistent tensor [4] that holds a StepVariables on the device.</summary>
    public static Tensor NewTensor() => Tensor.Persistent("step_variables", new Shape(Words), MemoryCategory.Inputs, DType.UInt32);

    /// <summary>Copies it to the device; to: made by <see cref="NewTensor"/>.</summary>
    public void Upload(GpuDevice device, Tensor to) => device.Transfer.Upload<byte>(to, ToBytes());

    /// <summary>The bytes that the device reads.</summary>
    public byte[] ToBytes() => MemoryMarshal.AsBytes(new ReadOnlySpan<StepVariables>(in this)).ToArray();
}
