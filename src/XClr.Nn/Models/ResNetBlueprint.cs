using XClr.Nn.Ops;

namespace XClr.Nn.Models;

/// <summary>Declarations of tensors whose channels are stored padded to a multiple of 4.</summary>
internal static class ModelTensor
{
    /// <summary>A convolution's weight, [R,S,C,K].</summary>
    public static ParameterSpec Weight(string name, int kernel, int input, int output) =>
        new(name, new Shape(kernel, kernel, ModelSpec.Stored(input), ModelSpec.Stored(output)), Decay: true, new Shape(kernel, kernel, input, output));

    /// <summary>A linear map's weight, [in,out].</summary>
    public static ParameterSpec Linear(string name, int input, int output) => new(name, new Shape(ModelSpec.Stored(input), ModelSpec.Stored(output)), Decay: true, new Shape(input, output));

    /// <summary>A value per channel.</summary>
    public static ParameterSpec Vector(string name, int channels) => new(name, new Shape(ModelSpec.Stored(channels)), Decay: false, new Shape(channels));
}

/// <summary>One convolution without bias and the batch norm behind it, under torchvision's names.</summary>
public sealed record ConvBnSpec(string Conv, string Norm, int InChannels, int OutChannels, int Kernel, int Stride)
{
    public int Pad => Kernel / 2;

    /// <summary>The convolution of images [N,H,W,C].</summary>
    internal ConvGeometry Geometry(Tensor x)
    {
        var (n, h, w, c) = x.Shape.AsNhwc();
        return new(n, h, w, c, ModelSpec.Stored(OutChannels), Kernel, Kernel, Stride, Pad);
    }

    /// <summary>The tensors: the convolution's weight [R,S,C,K], the norm's weight and bias [K].</summary>
    public IEnumerable<ParameterSpec> Parameters => [
        ModelTensor.Weight($"{Conv}.weight", Kernel, InChannels, OutChannels), ModelTensor.Vector($"{Norm}.weight", OutChannels), ModelTensor.Vector($"{Norm}.bias", OutChannels)];

    public IEnumerable<ParameterSpec> Buffers => [ModelTensor.Vector($"{Norm}.running_mean", OutChannels), ModelTensor.Vector($"{Norm}.running_var", OutChannels)];
}

/// <summary>One residual block: its convolutions in order, and the projection of its input where shapes differ.</summary>
public sealed record BlockSpec(string Name, IReadOnlyList<ConvBnSpec> Main, ConvBnSpec? Downsample);

/// <summary>
/// A ResNet's layers as torchvision v1.5 builds them (the stride of a bottleneck sits in its 3x3 convolution), in the order of torchvision's
/// state dict. Input images have 3 channels, stored as 4 with a zero.
/// </summary>
public sealed class ResNetBlueprint
{
    /// <summary>Channels of an input image; stored as 4, the fourth zero.</summary>
    public const int ImageChannels = 3;

    public ResNetBlueprint(ModelSpec spec)
    {
        var (kernel, stride) = spec.Stem switch { Models.Stem.ImageNet => (7, 2), Models.Stem.Half => (3, 2), _ => (3, 1) };
        Stem = new ConvBnSpec("conv1", "bn1", ImageChannels, spec.BaseChannels, kernel, stride);
        MaxPool = spec.Stem == Models.Stem.ImageNet;
        var channels = spec.BaseChannels;
        var blocks = new List<BlockSpec>();
        for (var stage = 0; stage < 4; stage++)
        {
            for (var i = 0; i < spec.Blocks[stage]; i++)
            {
                var planes = spec.Channels(64 << stage);
                blocks.Add(Block($"layer{stage + 1}.{i}", spec, channels, planes, i == 0 && stage > 0 ? 2 : 1));
                channels = planes * spec.Expansion;
            }
        }
        Blocks = blocks;
    }

    public ConvBnSpec Stem { get; }
    public bool MaxPool { get; }
    public IReadOnlyList<BlockSpec> Blocks { get; }

    /// <summary>All convolution and norm pairs in state-dict order.</summary>
    public IEnumerable<ConvBnSpec> Layers => Blocks.SelectMany(b => b.Downsample is { } d ? b.Main.Append(d) : b.Main).Prepend(Stem);

    /// <summary>Names of the batch-norm weights that start at zero (the last of each block), so that blocks start as the identity.</summary>
    public IEnumerable<string> LastGammas => Blocks.Select(b => $"{b.Main[^1].Norm}.weight");

    private static BlockSpec Block(string name, ModelSpec spec, int input, int planes, int stride)
    {
        var output = planes * spec.Expansion;
        IReadOnlyList<ConvBnSpec> main = spec.Bottleneck
            ? [Layer(1, input, planes, 1, 1), Layer(2, planes, planes, 3, stride), Layer(3, planes, output, 1, 1)]
            : [Layer(1, input, planes, 3, stride), Layer(2, planes, planes, 3, 1)];
        var downsample = stride != 1 || input != output ? new ConvBnSpec($"{name}.downsample.0", $"{name}.downsample.1", input, output, 1, stride) : null;
        return new BlockSpec(name, main, downsample);
        ConvBnSpec Layer(int i, int from, int to, int kernel, int step) => new($"{name}.conv{i}", $"{name}.bn{i}", from, to, kernel, step);
    }
}
