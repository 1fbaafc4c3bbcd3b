using XClr.Nn.Weights;

namespace XClr.Nn.Tests.Weights;

/// <summary>Which of the networks in a file is meant.</summary>
public sealed class BackboneWeightsTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Written(params string[] names)
    {
        var path = folder.File("w.safetensors");
        SafetensorsWriter.Write(path, names.Select((n, i) => SafetensorsEntry.Float32(n, [1], new float[] { i })));
        return path;
    }

    [Theory]
    [InlineData("", "conv1.weight", "fc.weight")]
    [InlineData("encoder.", "encoder.conv1.weight", "predictor.0.weight")]
    [InlineData("module.encoder.", "module.encoder.conv1.weight", "module.predictor.0.weight")]
    [InlineData("model.", "model.conv1.weight", "criterion.conv1.weight")]
    [InlineData("module.encoder_q.", "module.encoder_q.conv1.weight", "module.encoder_k.conv1.weight")]
    [InlineData("_orig_mod.module.", "_orig_mod.module.conv1.weight", "_orig_mod.module.fc.weight")]
    [InlineData("visual.trunk.", "visual.trunk.conv1.weight", "text.conv1.weight")]
    // A network that has one under another name in it is meant itself.
    [InlineData("", "conv1.weight", "encoder.conv1.weight")]
    // These are no networks: other words before, or the end of a longer name.
    [InlineData("encoder.", "encoder.conv1.weight", "teacher.conv1.weight", "encoder.layer1.0.conv1.weight")]
    public void A_prefix_that_is_known_is_removed(string prefix, params string[] names)
    {
        using var file = BackboneWeights.Open(Written(names));
        Assert.Equal(prefix, file.Prefix);
        Assert.Equal(Array.IndexOf(names, prefix + "conv1.weight"), file.ReadFloat32("conv1.weight")[0]);
    }

    [Fact]
    public void An_unknown_prefix_is_named()
    {
        var error = Assert.Throws<SafetensorsException>(() => BackboneWeights.Open(Written("student.conv1.weight", "student.layer1.0.conv1.weight")));
        // A stem of three convolutions is what such a file has in place of conv1, not another prefix.
        using var deep = BackboneWeights.Open(Written("module.conv1.0.weight", "module.layer1.0.conv1.weight"));
        Assert.Equal("", deep.Prefix);
        Assert.Contains("has a network under 'student.', which is none of the prefixes that are removed (module. _orig_mod. ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_two_networks_none_is_taken()
    {
        var error = Assert.Throws<SafetensorsException>(() => BackboneWeights.Open(Written("module.conv1.weight", "backbone.conv1.weight")));
        Assert.Contains("has 2 networks, under 'module.' and 'backbone.'", error.Message, StringComparison.Ordinal);
    }
}
