using System.Globalization;
using System.Numerics;
using XClr.Nn;
using XClr.Nn.Export;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Weights;

namespace XClr.Train;

/// <summary>Forms in which an encoder leaves the program.</summary>
public enum ExportFormat
{
    /// <summary>A graph with batch norm folded into the convolutions.</summary>
    Onnx,

    /// <summary>torchvision's state dict without fc.</summary>
    Safetensors,

    /// <summary>The same tensors for numpy.</summary>
    Npz,
}

/// <summary>The `export` verb's work: writes a checkpoint's backbone, and beside the weights how its images are made. Needs no device.</summary>
public static class EncoderExport
{
    /// <summary>Writes the file; returns what was written.</summary>
    /// <exception cref="SafetensorsException">The checkpoint holds no network, or one that does not fit.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static CheckpointInfo Run(string checkpoint, NetworkOptions options, ExportFormat format, string path)
    {
        var info = CheckpointInfo.Read(checkpoint, options);
        using var model = new Model(info.Spec with { Head = HeadKind.None });
        using var file = BackboneWeights.Open(info.Path.Model);
        var weights = ModelFile.Read(model, Model.IsBackbone, [file]);
        var metadata = Metadata(info.Spec, info.Images);
        switch (format)
        {
            case ExportFormat.Onnx:
                OnnxEncoder.Write(path, model.Spec, weights, metadata);
                break;
            case ExportFormat.Safetensors:
                var counters = ModelFile.TrackedNames(model).Select(name => SafetensorsEntry.Int64(name, [], new[] { info.Steps }));
                SafetensorsWriter.Write(path, weights.Select(w => ModelFile.Float(w)).Concat(counters), metadata);
                break;
            default:
                NpzFile.Write(path, weights.Concat(Preprocessing(info)));
                break;
        }
        return info;
    }

    /// <summary>What a reader needs to make images as the network expects them, in words and numbers (<see cref="NetworkOptions.OrOf"/>).</summary>
    internal static Dictionary<string, string> Metadata(ModelSpec spec, AugmentSpec images) => new()
    {
        ["format"] = "pt", // safetensors' readers ask for it
        ["arch"] = spec.Arch.LowerName(),
        ["stem"] = spec.Stem.LowerName(),
        ["width"] = spec.Width.ToString(CultureInfo.InvariantCulture),
        ["features"] = spec.FeatureWidth.ToString(CultureInfo.InvariantCulture),
        ["image_size"] = images.Size.ToString(CultureInfo.InvariantCulture),
        ["mean"] = Numbers(images.Mean),
        ["std"] = Numbers(images.Std),
        ["interpolation"] = images.Filter.LowerName(),
        ["preprocessing"] = "RGB; short side to floor(image_size / 0.875), antialiased; centre crop of image_size; (value / 255 - mean) / std per channel; [N,3,H,W]",
    };

    // An .npz has no metadata: the numbers are arrays of their own, the filter 0 for bilinear and 1 for bicubic.
    private static IEnumerable<NamedArray> Preprocessing(CheckpointInfo info) =>
    [
        new("preprocessing.image_size", [], [info.Images.Size]),
        new("preprocessing.mean", [3], [info.Images.Mean.X, info.Images.Mean.Y, info.Images.Mean.Z]),
        new("preprocessing.std", [3], [info.Images.Std.X, info.Images.Std.Y, info.Images.Std.Z]),
        new("preprocessing.bicubic", [], [info.Images.Filter == ResizeFilter.Bicubic ? 1 : 0]),
    ];

    private static string Numbers(Vector3 v) => string.Create(CultureInfo.InvariantCulture, $"{v.X},{v.Y},{v.Z}");
}
