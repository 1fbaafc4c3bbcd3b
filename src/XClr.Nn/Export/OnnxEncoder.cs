using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Nn.Export;

/// <summary>
/// A backbone as an ONNX model: input `images` float32 [N,3,H,W], normalised, N, H and W open; output `features` float32 [N,F]. Batch norm is folded into the convolutions:
/// w' = w gamma / sqrt(var + eps), b' = beta - mean gamma / sqrt(var + eps), in double precision.
/// </summary>
public static class OnnxEncoder
{
    /// <summary>Writes the model durably.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="spec">The network; its head is left out.</param>
    /// <param name="weights">The backbone's tensors under torchvision's names.</param>
    /// <param name="metadata">Becomes the model's metadata_props.</param>
    /// <exception cref="IOException">The disk is full or not writable; an older file of this name is intact.</exception>
    public static void Write(string path, ModelSpec spec, IEnumerable<NamedArray> weights, IReadOnlyDictionary<string, string> metadata)
    {
        var model = new Builder(weights.ToDictionary(w => w.Name)).Build(new ResNetBlueprint(spec), spec.FeatureWidth).Build(metadata);
        DurableFile.Write(path, model.CopyTo);
    }

    private sealed class Builder(IReadOnlyDictionary<string, NamedArray> weights)
    {
        private readonly OnnxGraph graph = new("encoder");

        public OnnxGraph Build(ResNetBlueprint network, int features)
        {
            var x = Conv(network.Stem, graph.Input("images", "N", ResNetBlueprint.ImageChannels, "H", "W"), relu: true);
            x = network.MaxPool ? graph.Node("MaxPool", "maxpool", [x], ("kernel_shape", [3, 3]), ("strides", [2, 2]), ("pads", [1, 1, 1, 1])) : x;
            x = network.Blocks.Aggregate(x, Block);
            graph.Node("Flatten", "features", [graph.Node("GlobalAveragePool", "avgpool", [x])], ("axis", [1]));
            graph.Output("features", "N", features);
            return graph;
        }

        private string Block(string x, BlockSpec block)
        {
            var hidden = block.Main.SkipLast(1).Aggregate(x, (y, layer) => Conv(layer, y, relu: true));
            var main = Conv(block.Main[^1], hidden, relu: false);
            var identity = block.Downsample is { } downsample ? Conv(downsample, x, relu: false) : x;
            return graph.Node("Relu", $"{block.Name}.relu", [graph.Node("Add", $"{block.Name}.add", [main, identity])]);
        }

        private string Conv(ConvBnSpec spec, string x, bool relu)
        {
            var (weight, bias) = Fold(spec);
            var y = graph.Node("Conv", spec.Conv, [x, graph.Constant(weight), graph.Constant(bias)],
                ("kernel_shape", [spec.Kernel, spec.Kernel]), ("strides", [spec.Stride, spec.Stride]), ("pads", [spec.Pad, spec.Pad, spec.Pad, spec.Pad]));
            return relu ? graph.Node("Relu", $"{spec.Conv}.relu", [y]) : y;
        }

        private (NamedArray Weight, NamedArray Bias) Fold(ConvBnSpec spec)
        {
            var (w, gamma, beta) = (weights[$"{spec.Conv}.weight"], weights[$"{spec.Norm}.weight"].Values, weights[$"{spec.Norm}.bias"].Values);
            var (mean, variance) = (weights[$"{spec.Norm}.running_mean"].Values, weights[$"{spec.Norm}.running_var"].Values);
            var (folded, bias, taps) = (new float[w.Values.Length], new float[gamma.Length], w.Values.Length / gamma.Length);
            for (var k = 0; k < gamma.Length; k++)
            {
                var scale = gamma[k] / Math.Sqrt(variance[k] + BatchNormState.DefaultEps);
                bias[k] = (float)(beta[k] - mean[k] * scale);
                for (var i = k * taps; i < (k + 1) * taps; i++)
                {
                    folded[i] = (float)(w.Values[i] * scale);
                }
            }
            return (w with { Values = folded }, new NamedArray($"{spec.Conv}.bias", [gamma.Length], bias));
        }
    }
}
