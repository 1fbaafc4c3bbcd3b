namespace XClr.Nn.Models;

/// <summary>Depth of the residual network, torchvision's four.</summary>
public enum Arch
{
    ResNet18 = 18,
    ResNet34 = 34,
    ResNet50 = 50,
    ResNet101 = 101,
}

/// <summary>First layer: imagenet = 7x7 stride 2 and max pool; half = 3x3 stride 2, no pool; small = 3x3 stride 1, no pool.</summary>
public enum Stem
{
    ImageNet,
    Half,
    Small,
}

/// <summary>What stands behind the backbone: an MLP or linear projector (X-CLR, SimCLR, SupCon), CLIP's two maps, a classifier (supervised), or nothing.</summary>
public enum HeadKind
{
    None,
    Mlp,
    Linear,
    Clip,
    Classifier,
}

/// <summary>Everything that decides the names and shapes of a model's tensors.</summary>
/// <param name="Arch">Depth.</param>
/// <param name="Stem">First layer.</param>
/// <param name="Width">Multiple of the standard channel counts; every resulting count must be a whole number (stored padded to a multiple of 4).</param>
/// <param name="Head">What stands behind the backbone.</param>
/// <param name="ProjectionWidth">P: numbers per projection, or a classifier's classes; any number, stored padded to a multiple of 4.</param>
/// <param name="TextWidth">D: numbers per text embedding (CLIP only).</param>
/// <param name="HiddenWidth">Hidden width of the MLP projector; null = FeatureWidth.</param>
/// <param name="Stages">Blocks of the four stages; null = the architecture's.</param>
public sealed record ModelSpec(Arch Arch, Stem Stem = Stem.ImageNet, double Width = 1, HeadKind Head = HeadKind.Mlp, int ProjectionWidth = 128, int TextWidth = 0, int? HiddenWidth = null, IReadOnlyList<int>? Stages = null)
{
    /// <summary>Channels of the stem's output and of layer1's convolutions, before expansion.</summary>
    public int BaseChannels => Channels(64);

    /// <summary>F: numbers per image after the global average pool.</summary>
    public int FeatureWidth => Channels(512) * Expansion;

    /// <summary>True for 50 and 101: blocks of 1x1, 3x3, 1x1 with four times the channels at the end.</summary>
    public bool Bottleneck => Arch is Arch.ResNet50 or Arch.ResNet101;
    public int Expansion => Bottleneck ? 4 : 1;
    public int ProjectorHidden => HiddenWidth ?? FeatureWidth;

    /// <summary>Blocks of the four stages.</summary>
    public IReadOnlyList<int> Blocks => Stages ?? Arch switch
    {
        Arch.ResNet18 => [2, 2, 2, 2],
        Arch.ResNet34 or Arch.ResNet50 => [3, 4, 6, 3],
        _ => [3, 4, 23, 3],
    };

    /// <summary>Channels as stored: padded with zeros to a multiple of 4.</summary>
    public static int Stored(int channels) => (channels + 3) / 4 * 4;

    /// <summary>A standard channel count times Width.</summary>
    /// <exception cref="ShapeException">The product is no positive whole number.</exception>
    public int Channels(int standard)
    {
        var channels = standard * Width;
        return channels >= 1 && channels == Math.Floor(channels)
            ? (int)channels
            : throw new ShapeException($"--width {Width} makes {channels} channels of {standard}; every count must be a positive whole number (try 0.25, 0.5 or 1).");
    }
}
