namespace XClr.Train;

/// <summary>The backbones. A value's option text is its name in lower case, as with every enum here.</summary>
public enum Arch
{
    ResNet18,
    ResNet34,
    ResNet50,
    ResNet101,
}

/// <summary>First layers of the backbone: ImageNet's 7x7 stride 2 and pool; half: 3x3 stride 2; small: 3x3 stride 1 (32 to 64 pixels).</summary>
public enum Stem
{
    ImageNet,
    Half,
    Small,
}

/// <summary>The projection head.</summary>
public enum Projector
{
    Mlp,
    Linear,
}

/// <summary>The training objective; Supervised is softmax cross-entropy on the labels.</summary>
public enum LossKind
{
    Xclr,
    SimClr,
    SupCon,
    Clip,
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
}

/// <summary>Augmentation presets; each strength is an option of its own.</summary>
public enum AugmentPreset
{
    SimClr,
    Light,
    None,
}
