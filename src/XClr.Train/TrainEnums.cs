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
internal static class PrecisionStorage
{
    /// <summary>How activations and working weights are stored.</summary>
    public static DType Storage(this Precision precision) => precision == Precision.Amp ? DType.Float16 : DType.Float32;

    /// <summary>Images as the network of this precision takes them: fp32 as they are, or cast to fp16.</summary>
    public static Tensor Stored(this Precision precision, Recorder gpu, Tensor images) => precision == Precision.Amp ? CastOp.ToHalf(gpu, images) : images;
}
