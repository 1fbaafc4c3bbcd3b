using XClr.Nn.Models;

namespace XClr.Nn.Tests;

/// <summary>Networks told from files: torchvision's names with one channel where it has 64, so that the files are small.</summary>
public sealed class ModelShapesTests : IDisposable
{
    private const double OneChannel = 1 / 64.0;
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Arch.ResNet18)]
    [InlineData(Arch.ResNet34)]
    [InlineData(Arch.ResNet50)]
    [InlineData(Arch.ResNet101)]
    public void Depth_width_and_an_imagenet_stem_are_told_from_the_tensors(Arch arch)
    {
        using var file = Write(new ModelSpec(arch, Stem.ImageNet, OneChannel, HeadKind.None));
        Assert.Equal(new ModelSpec(arch, Stem.ImageNet, OneChannel, HeadKind.None), ModelShapes.Backbone(file, null, null, null));
    }

    [Fact]
    public void A_3x3_stem_may_be_either_and_must_be_named()
    {
        using var file = Write(new ModelSpec(Arch.ResNet18, Stem.Small, OneChannel, HeadKind.None));
        var error = Assert.Throws<SafetensorsException>(() => ModelShapes.Backbone(file, null, null, null));
        Assert.Contains($"{file.Path}: 'conv1.weight' of shape [1,3,3,3] is that of two stems; say which by --stem half (stride 2) or --stem small", error.Message, StringComparison.Ordinal);
        Assert.Equal(Stem.Half, ModelShapes.Backbone(file, null, Stem.Half, null).Stem);
    }

    [Fact]
    public void What_is_given_comes_before_what_is_told()
    {
        using var file = Write(new ModelSpec(Arch.ResNet50, Stem.ImageNet, OneChannel, HeadKind.None));
        Assert.Equal((Arch.ResNet34, 0.5), (ModelShapes.Backbone(file, Arch.ResNet34, null, 0.5) is var s ? s.Arch : default, s.Width));
    }

    [Fact]
    public void A_depth_that_no_architecture_has_is_refused_with_those_there_are()
    {
        using var file = Write(new ModelSpec(Arch.ResNet50, Stem.ImageNet, OneChannel, HeadKind.None, Stages: [3, 8, 36, 3]));
        var error = Assert.Throws<SafetensorsException>(() => ModelShapes.Backbone(file, null, null, null));
        Assert.Contains("has blocks [3,8,36,3] of 3 convolutions", error.Message, StringComparison.Ordinal);
        Assert.Contains("resnet50 [3,4,6,3] of 3 convolutions", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("patch_embed.proj.weight", new long[] { 2, 3, 4, 4 }, "has no tensor 'conv1.weight'; expected torchvision's names of a ResNet", "found 'patch_embed.proj.weight' and 0 more")]
    [InlineData("conv1.weight", new long[] { 64, 1, 7, 7 }, "'conv1.weight' has shape [64,1,7,7]; expected [64 x width,3,7,7]", "")]
    [InlineData("conv1.weight", new long[] { 0, 3, 7, 7 }, "'conv1.weight' has shape [0,3,7,7]", "")]
    [InlineData("conv1.weight", new long[] { 64, 3, 3, 7 }, "'conv1.weight' has shape [64,3,3,7]", "")]
    public void Another_kind_of_file_is_refused_by_name_and_shape(string name, long[] shape, string expected, string alsoExpected)
    {
        using var file = Write([SafetensorsEntry.Float32(name, shape, new float[shape.Aggregate(1L, (n, d) => n * d)])]);
        var error = Assert.Throws<SafetensorsException>(() => ModelShapes.Backbone(file, null, null, null));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(alsoExpected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(HeadKind.Mlp)]
    [InlineData(HeadKind.Linear)]
    [InlineData(HeadKind.Clip)]
    [InlineData(HeadKind.Classifier)]
    [InlineData(HeadKind.None)]
    public void The_head_is_told_from_its_tensors(HeadKind head)
    {
        var spec = new ModelSpec(Arch.ResNet18, Stem.ImageNet, OneChannel, head, ProjectionWidth: 6, TextWidth: head == HeadKind.Clip ? 10 : 0, HiddenWidth: head == HeadKind.Mlp ? 12 : null);
        using var file = Write(spec);
        var backbone = new ModelSpec(Arch.ResNet18, Stem.ImageNet, OneChannel, HeadKind.None);
        Assert.Equal(head == HeadKind.None ? backbone : spec, ModelShapes.WithHead(backbone, file));
    }

    private SafetensorsFile Write(ModelSpec spec)
    {
        using var model = new Model(spec);
        return Write(model.Parameters.Parameters.Concat(model.Parameters.Buffers)
            .Select(p => (p.Name, Shape: StateDict.TorchShape(p).Select(d => (long)d).ToArray()))
            .Select(p => SafetensorsEntry.Float32(p.Name, p.Shape, new float[p.Shape.Aggregate(1L, (n, d) => n * d)])));
    }

    private SafetensorsFile Write(IEnumerable<SafetensorsEntry> entries)
    {
        var path = folder.File("w.safetensors");
        SafetensorsWriter.Write(path, entries);
        return SafetensorsFile.Open(path);
    }
}
