using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>The projection head.</summary>
public enum Projector
{
    Mlp,
    Linear,
}

/// <summary>The training objective.</summary>
public enum LossKind
{
    Xclr,
    SimClr,
    SupCon,
    Clip,

    /// <summary>Softmax cross-entropy of class labels: no comparison of samples.</summary>
    Supervised,
}

/// <summary>The optimisers.</summary>
public enum OptimizerKind
{
    Sgd,
    Lars,
    AdamW,
}

/// <summary>How activations and working weights are stored.</summary>
public enum Precision
{
    Fp32,

    /// <summary>Mixed: fp16 activations and working weights; fp32 sums, master weights, statistics, loss and weight gradients; dynamic loss scaling.</summary>
    Amp,

    /// <summary>The same with bf16 in the place of fp16, and no loss scaling.</summary>
    Bf16,
}

/// <summary>Form of a data set on disk; Auto tells it from names and contents.</summary>
public enum DataFormat
{
    Auto,
    WebDataset,
    ImageFolder,
    Csv,
    Tsv,
    Jsonl,
    Idx,
    Parquet,
}

/// <summary>Augmentation presets; each strength is an option of its own.</summary>
public enum AugmentPreset
{
    SimClr,
    Light,
    None,
}

/// <summary>What a precision means for tensors.</summary>
public static class PrecisionStorage
{
    /// <summary>How activations and working weights are stored.</summary>
    /// <exception cref="GpuException">The device does not report bfloat16.</exception>
    public static DType Storage(this Precision precision, DeviceCaps caps) => precision switch
    {
        Precision.Amp => DType.Float16,
        Precision.Bf16 when caps.NeedsBFloat16 && !caps.BFloat16 => throw new GpuException(
            $"{caps.FullName} does not report bfloat16 (VK_KHR_shader_bfloat16, shaderBFloat16Type), which --precision bf16 is for; use --precision amp or fp32, or --device with one that 'xclr devices' lists with bf16."),
        Precision.Bf16 => DType.BFloat16,
        _ => DType.Float32,
    };

    /// <summary>Images as the network of this precision takes them: fp32 as they are, or cast.</summary>
    /// <inheritdoc cref="Storage" path="/exception"/>
    public static Tensor Stored(this Precision precision, Recorder gpu, Tensor images) => CastOp.To(gpu, images, precision.Storage(gpu.Caps));
}
