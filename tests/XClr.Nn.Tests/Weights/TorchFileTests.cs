using XClr.Nn.Models;
using XClr.Nn.Weights;

namespace XClr.Nn.Tests.Weights;

/// <summary>Files that Debian's PyTorch wrote (tests/Golden/torch_files.py).</summary>
public sealed class TorchFileTests
{
    private const string Truth = "network/w-tiny-basic-3x-projector.safetensors";

    private static string PathOf(string name) => GoldenFile.PathOf($"torch/{name}");

    private static void RequireValues(string name, Func<float, float> stored)
    {
        using var expected = GoldenFile.Open(Truth);
        using var actual = BackboneWeights.Open(PathOf(name));
        foreach (var tensor in expected.Tensors.Where(t => t.DType == SafetensorsDType.F32 && Model.IsBackbone(t.Name)))
        {
            Assert.Equal(tensor.Shape, actual[tensor.Name].Shape);
            Assert.Equal(expected.ReadFloat32(tensor.Name).Select(stored), actual.ReadFloat32(tensor.Name));
        }
    }

    [Fact]
    public void A_state_dict_with_views_and_parameters_has_torchs_values() => RequireValues("plain.pth", v => v);

    [Fact]
    public void Half_precision_under_a_wrapper_and_two_prefixes_is_converted_and_reported()
    {
        RequireValues("half.pth", v => (float)(Half)v);
        using var file = BackboneWeights.Open(PathOf("half.pth"));
        Assert.Equal("module.backbone.", file.Prefix);
        Assert.Matches(@"^\d+ tensors; found under 'state_dict'; prefix 'module\.backbone\.' removed; F16 converted to F32; left out: .*module\.backbone\.fc\.bias.*module\.predictor\.0\.weight", file.Describe());
    }

    [Fact]
    public void Bfloat16_of_pickle_protocol_4_is_converted()
    {
        // torch rounds to nearest even.
        RequireValues("brain.pth", v => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(v) + 0x7fff + (BitConverter.SingleToUInt32Bits(v) >> 16 & 1)) & 0xffff0000));
        using var file = BackboneWeights.Open(PathOf("brain.pth"));
        Assert.Contains("found under 'model'; prefix 'encoder.' removed; BF16 converted to F32", file.Describe(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("malicious.pth", "names posix.system, which no state dict needs; it is refused, nothing was run")]
    [InlineData("namespace.pth", "names argparse.Namespace, which no state dict needs; it is refused, nothing was run. If you trust the file, save its tensors alone: python3 -c ")]
    [InlineData("legacy.pth", "from before PyTorch 1.6, a bare pickle, which is not read here. Save it anew as a zip file: python3 -c \"import torch; torch.save(torch.load('")]
    [InlineData("script.pth", "is a TorchScript archive; save its weights")]
    [InlineData("numbers.pth", "holds no weights: a dictionary of 'epoch', 'history', none of it a tensor")]
    public void What_is_no_state_dict_is_refused_with_the_remedy(string name, string expected)
    {
        var error = Assert.Throws<CheckpointException>(() => BackboneWeights.Open(PathOf(name)));
        Assert.Contains($"{PathOf(name)}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_extra_and_misshaped_names_are_listed()
    {
        using var file = BackboneWeights.Open(PathOf("resnet18.pth"));
        using var deeper = new Model(new ModelSpec(Arch.ResNet34, Stem.Small, 0.0625, HeadKind.None));
        Assert.Contains(" missing: layer1.2.conv1.weight, ", Misfit(deeper, file), StringComparison.Ordinal);
        using var shallower = new Model(new ModelSpec(Arch.ResNet18, Stem.Small, 0.0625, HeadKind.None, Stages: [2, 2, 2, 1]));
        Assert.Contains(" 10 unknown to it: layer4.1.conv1.weight, ", Misfit(shallower, file), StringComparison.Ordinal);
        using var other = new Model(new ModelSpec(Arch.ResNet18, Stem.ImageNet, 0.0625, HeadKind.None));
        Assert.Contains(" 1 of another shape: conv1.weight is [4,3,3,3], the model needs [4,3,7,7]", Misfit(other, file), StringComparison.Ordinal);
    }

    private static string Misfit(Model model, IWeightFile file) => Assert.Throws<SafetensorsException>(() => ModelFile.Read(model, Model.IsBackbone, [file])).Message;
}
