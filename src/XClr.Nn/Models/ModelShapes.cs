using System.Globalization;
using XClr.Nn.Weights;

namespace XClr.Nn.Models;

/// <summary>Tells a network from the names and shapes of its tensors, for files of weights that come without a description.</summary>
public static class ModelShapes
{
    private const string FirstConv = "conv1.weight";
    private const int StandardChannels = 64;

    private static readonly IReadOnlyList<Arch> Known = Enum.GetValues<Arch>();

    /// <summary>
    /// The backbone of a file with torchvision's names, without a head. What is given (not null) is taken as it is; the rest is read off: the depth from the blocks, the width from
    /// conv1's channels, the stem from conv1's kernel where that decides it.
    /// </summary>
    /// <exception cref="SafetensorsException">The file holds no such network, or its stem could be either of two; the message names the tensor and what is expected.</exception>
    public static ModelSpec Backbone(IWeightFile file, Arch? arch, Stem? stem, double? width)
    {
        var conv = file.Tensors.FirstOrDefault(t => t.Name == FirstConv)
            ?? throw new SafetensorsException($"{file.Path}: has no tensor '{FirstConv}'; expected torchvision's names of a ResNet ({FirstConv}, bn1.*, layer1.0.conv1.weight, ...), found {First(file)}.");
        if (conv.Shape is not [> 0, ResNetBlueprint.ImageChannels, 7 or 3, 7 or 3] || conv.Shape[2] != conv.Shape[3])
        {
            throw new SafetensorsException($"{file.Path}: '{FirstConv}' has shape {conv.ShapeText}; expected [64 x width,3,7,7] or [64 x width,3,3,3].");
        }
        return new ModelSpec(arch ?? ArchOf(file), stem ?? StemOf(file, conv), width ?? conv.Shape[0] / (double)StandardChannels, HeadKind.None);
    }

    /// <summary>A backbone with the head whose tensors a file holds; the backbone alone where it holds none.</summary>
    /// <exception cref="SafetensorsException">A tensor of the head has an impossible shape.</exception>
    public static ModelSpec WithHead(ModelSpec backbone, IWeightFile file)
    {
        if (file.Contains(Model.TextMap))
        {
            var (p, d) = Matrix(file, Model.TextMap);
            return backbone with { Head = HeadKind.Clip, ProjectionWidth = p, TextWidth = d };
        }
        if (!file.Contains(Model.ProjectorMap))
        {
            return file.Contains(Model.ClassifierWeight)
                ? backbone with { Head = HeadKind.Classifier, ProjectionWidth = Matrix(file, Model.ClassifierWeight).Rows }
                : backbone with { Head = HeadKind.None };
        }
        var (first, _) = Matrix(file, Model.ProjectorMap);
        return file.Contains(Layers.Projector.SecondWeight)
            ? backbone with { Head = HeadKind.Mlp, HiddenWidth = first, ProjectionWidth = Matrix(file, Layers.Projector.SecondWeight).Rows }
            : backbone with { Head = HeadKind.Linear, ProjectionWidth = first };
    }

    private static Arch ArchOf(IWeightFile file)
    {
        var blocks = Enumerable.Range(1, 4).Select(stage => BlocksOf(file, $"layer{stage}.")).ToArray();
        var bottleneck = file.Contains("layer1.0.conv3.weight");
        foreach (var arch in Known)
        {
            var spec = new ModelSpec(arch);
            if (spec.Bottleneck == bottleneck && spec.Blocks.SequenceEqual(blocks))
            {
                return arch;
            }
        }
        var known = Known.Select(a => new ModelSpec(a)).Select(s => $"{s.Arch.ToString().ToLowerInvariant()} {Describe(s.Blocks, s.Bottleneck)}");
        throw new SafetensorsException($"{file.Path}: has blocks {Describe(blocks, bottleneck)} in layer1 to layer4; expected one of: {string.Join(", ", known)}.");
    }

    private static string Describe(IEnumerable<int> blocks, bool bottleneck) => $"[{string.Join(',', blocks)}] of {(bottleneck ? 3 : 2)} convolutions";

    // layer1.0.*, layer1.1.*, ...: as many as there are different numbers.
    private static int BlocksOf(IWeightFile file, string stage) => file.Tensors.Where(t => t.Name.StartsWith(stage, StringComparison.Ordinal))
        .Select(t => t.Name[stage.Length..].Split('.')[0]).Where(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out _)).Distinct().Count();

    private static Stem StemOf(IWeightFile file, WeightTensor conv) => conv.Shape[2] == 7
        ? Stem.ImageNet
        : throw new SafetensorsException($"{file.Path}: '{FirstConv}' of shape {conv.ShapeText} is that of two stems; say which by --stem half (stride 2) or --stem small (stride 1).");

    private static (int Rows, int Columns) Matrix(IWeightFile file, string name) => file[name].Shape is [> 0 and <= int.MaxValue and var rows, > 0 and <= int.MaxValue and var columns]
        ? ((int)rows, (int)columns)
        : throw new SafetensorsException($"{file.Path}: '{name}' has shape {file[name].ShapeText}, expected two dimensions.");

    private static string First(IWeightFile file) => file.Tensors.Count == 0 ? "no tensor at all" : $"'{file.Tensors[0].Name}' and {file.Tensors.Count - 1} more";
}
