using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using XClr.Nn;
using XClr.Nn.Export;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Weights;

namespace XClr.Train.Tests;

public sealed class EncoderExportTests : IDisposable
{
    // compare.py's limit of features: the worse of relative L2 and of the largest deviation over the largest magnitude.
    private const double Limit = 1e-4;
    private static readonly NetworkOptions SmallStem = new() { Stem = Stem.Small, ImageSize = 48 };
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static string Torch => GoldenFile.PathOf("torch/resnet18.pth");

    private string PathOf(string name) => folder.File(name);

    [Theory]
    [InlineData(Arch.ResNet50, Stem.ImageNet, "w-tiny-bottleneck-7x-projector", "b-4x37x29")]
    [InlineData(Arch.ResNet18, Stem.ImageNet, "w-tiny-basic-7x-projector", "b-4x37x29")]
    [InlineData(Arch.ResNet18, Stem.Half, "w-tiny-basic-3x-projector", "b-3x11x13")]
    [InlineData(Arch.ResNet18, Stem.Small, "w-tiny-basic-3x-projector", "b-3x11x13")]
    public void Onnx_runtime_computes_the_devices_features(Arch arch, Stem stem, string weights, string batch)
    {
        var (w, b, output) = (GoldenFile.PathOf($"network/{weights}.safetensors"), GoldenFile.PathOf($"network/{batch}.safetensors"), PathOf("o.safetensors"));
        ParityRun.Run(new ParityRequest { Arch = arch, Stages = [1, 1, 1, 1], Stem = stem, Weights = w, Batch = b, Out = output, Loss = LossKind.SimClr, Mode = Mode.Eval });
        using var file = BackboneWeights.Open(w);
        var spec = new ModelSpec(arch, stem, file["conv1.weight"].Shape[0] / 64.0, HeadKind.None, Stages: [1, 1, 1, 1]);
        using var model = new Model(spec);
        OnnxEncoder.Write(PathOf("e.onnx"), spec, ModelFile.Read(model, Model.IsBackbone, [file]), new Dictionary<string, string>());
        using var given = SafetensorsFile.Open(b);
        using var measured = SafetensorsFile.Open(output);
        var (images, shape, features) = (given.ReadFloat32("images"), given["images"].Shape, measured.ReadFloat32("features"));
        using var session = new InferenceSession(PathOf("e.onnx"));
        RequireClose(features, Run(session, images, [.. shape.Select(d => (int)d)]));
        // The batch is open: the first image alone.
        RequireClose(features[..spec.FeatureWidth], Run(session, images[..(images.Length / (int)shape[0])], [1, 3, (int)shape[2], (int)shape[3]]));
    }

    [Fact]
    public void Pytorchs_features_are_those_of_the_onnx_file()
    {
        using var golden = GoldenFile.Open("network/bottleneck-eval.safetensors");
        using var file = BackboneWeights.Open(GoldenFile.PathOf($"network/{golden.Metadata["weights"]}"));
        using var batch = GoldenFile.Open($"network/{golden.Metadata["batch"]}");
        var spec = new ModelSpec(Arch.ResNet50, Stem.ImageNet, file["conv1.weight"].Shape[0] / 64.0, HeadKind.None, Stages: [1, 1, 1, 1]);
        using var model = new Model(spec);
        OnnxEncoder.Write(PathOf("e.onnx"), spec, ModelFile.Read(model, Model.IsBackbone, [file]), new Dictionary<string, string>());
        using var session = new InferenceSession(PathOf("e.onnx"));
        RequireClose(golden.ReadFloat32("features"), Run(session, batch.ReadFloat32("images"), [.. batch["images"].Shape.Select(d => (int)d)]));
    }

    /// <summary>An exported file is read as the run it came from: its metadata say what its tensors do not. What the user says goes before them.</summary>
    [Fact]
    public void Preprocessing_is_read_back_from_a_safetensors_files_metadata()
    {
        var asked = SmallStem with { Mean = new(0.5f, 0.4f, 0.3f), Std = new(0.2f, 0.25f, 0.125f), Filter = ResizeFilter.Bicubic };
        EncoderExport.Run(Torch, asked, ExportFormat.Safetensors, PathOf("e.safetensors"));
        var (written, read) = (CheckpointInfo.Read(Torch, asked), CheckpointInfo.Read(PathOf("e.safetensors"), new NetworkOptions()));
        Assert.Equal((48, asked.Mean), (read.Images.Size, (System.Numerics.Vector3?)read.Images.Mean));
        Assert.Equal((written.Images, written.Spec.Stem), (read.Images, read.Spec.Stem));
        Assert.Equal(ResizeFilter.Bicubic, read.Images.Filter);
        var said = CheckpointInfo.Read(PathOf("e.safetensors"), NetworkOptions.Parse(null, null, null, imageSize: "64", null, null, interpolation: "bilinear")).Images;
        Assert.Equal((64, ResizeFilter.Bilinear), (said.Size, said.Filter));
        Assert.Contains("allowed: bilinear|bicubic", Assert.Throws<UsageException>(() => NetworkOptions.Parse(null, null, null, null, null, null, "lanczos")).Message, StringComparison.Ordinal);
        SafetensorsWriter.Write(PathOf("bad.safetensors"), [SafetensorsEntry.Float32("conv1.weight", [1], new[] { 1f })], new Dictionary<string, string> { ["preprocessing"] = "", ["mean"] = "grey" });
        var error = Assert.Throws<CheckpointException>(() => CheckpointInfo.Read(PathOf("bad.safetensors"), new NetworkOptions()));
        Assert.Contains("'grey'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Preprocessing_is_in_the_onnx_files_metadata()
    {
        EncoderExport.Run(Torch, SmallStem, ExportFormat.Onnx, PathOf("e.onnx"));
        using var session = new InferenceSession(PathOf("e.onnx"));
        var metadata = session.ModelMetadata.CustomMetadataMap;
        Assert.Equal(("48", "0.485,0.456,0.406", "0.229,0.224,0.225", "bilinear", "resnet18"), (metadata["image_size"], metadata["mean"], metadata["std"], metadata["interpolation"], metadata["arch"]));
        Assert.Equal([-1, 3, -1, -1], session.InputMetadata["images"].Dimensions);
        Assert.Equal([-1, 32], session.OutputMetadata["features"].Dimensions);
    }

    [Fact]
    public void Safetensors_and_npz_hold_the_checkpoints_tensors()
    {
        EncoderExport.Run(Torch, SmallStem, ExportFormat.Safetensors, PathOf("e.safetensors"));
        EncoderExport.Run(Torch, SmallStem, ExportFormat.Npz, PathOf("e.npz"));
        using var original = BackboneWeights.Open(Torch);
        using var tensors = SafetensorsFile.Open(PathOf("e.safetensors"));
        using var arrays = ZipFile.OpenRead(PathOf("e.npz"));
        Assert.Equal(original.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal), tensors.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        foreach (var tensor in original.Tensors.Where(t => t.DType == SafetensorsDType.F16))
        {
            var values = original.ReadFloat32(tensor.Name);
            Assert.Equal(tensor.Shape, tensors[tensor.Name].Shape);
            Assert.Equal(values, tensors.ReadFloat32(tensor.Name));
            Assert.Equal(values, Npy(arrays, tensor.Name, $"({string.Concat(tensor.Shape.Select(d => $"{d},"))})"));
        }
        Assert.Equal([48f], Npy(arrays, "preprocessing.image_size", "()"));
        Assert.Equal([0f], Npy(arrays, "preprocessing.bicubic", "()"));
    }

    private static float[] Run(InferenceSession session, float[] images, int[] shape)
    {
        using var results = session.Run([NamedOnnxValue.CreateFromTensor("images", new DenseTensor<float>(images, shape))]);
        return [.. results[0].AsEnumerable<float>()];
    }

    private static void RequireClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var differences = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).ToArray();
        Assert.InRange(Math.Sqrt(differences.Sum(d => d * d) / expected.Sum(e => (double)e * e)), 0, Limit);
        Assert.InRange(differences.Max() / expected.Max(e => Math.Abs((double)e)), 0, Limit);
    }

    // numpy's format 1.0: magic and version, the header's length, a Python dictionary that ends on a multiple of 64 bytes, the data.
    private static float[] Npy(ZipArchive archive, string name, string shape)
    {
        using var stream = archive.GetEntry($"{name}.npy")!.Open();
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        var bytes = memory.ToArray();
        Assert.Equal([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0], bytes[..8]);
        var length = BitConverter.ToUInt16(bytes, 8);
        Assert.Equal(0, (10 + length) % 64);
        Assert.Equal($"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}", Encoding.ASCII.GetString(bytes, 10, length).TrimEnd());
        Assert.Equal((byte)'\n', bytes[9 + length]);
        return MemoryMarshal.Cast<byte, float>(bytes.AsSpan(10 + length)).ToArray();
    }
}
