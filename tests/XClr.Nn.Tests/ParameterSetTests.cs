namespace XClr.Nn.Tests;

public class ParameterSetTests
{
    private static ParameterSet Small() => new(
        [new("conv1.weight", new Shape(3, 3, 4, 8)), new("bn1.weight", new Shape(7)), new("fc.weight", new Shape(4, 5))],
        [new("bn1.running_mean", new Shape(7)), new("bn1.running_var", new Shape(7))]);

    [Fact]
    public void Tensors_lie_in_order_at_multiples_of_256_bytes_without_overlap()
    {
        using var set = Small();
        long end = 0;
        foreach (var parameter in set.Parameters)
        {
            Assert.Equal(0, parameter.Offset * 4 % ParameterSet.Alignment);
            Assert.True(parameter.Offset >= end, $"{parameter.Name} starts at {parameter.Offset}, before {end}");
            end = parameter.Offset + parameter.Count;
        }
        Assert.Equal((3 * 3 * 4 * 8) + 7 + 20, set.Count);
        Assert.Equal(set.FlatCount * 4, set.Values.Bytes);
        Assert.Equal(set.Values.Bytes, set.Gradients.Bytes);
    }

    [Fact]
    public void Views_have_the_declared_shape_and_share_one_layout()
    {
        using var set = Small();
        using var momentum = set.NewFlat("momentum");
        var value = set.Value("fc.weight");
        Assert.Equal(new Shape(4, 5), value.Shape);
        Assert.Same(set.Values, value.View.Buffer);
        Assert.Equal(value.View.Offset, set.Gradient("fc.weight").View.Offset);
        Assert.Equal(value.View.Offset, set.In(momentum, "fc.weight").View.Offset);
        Assert.Equal(ParameterSet.Alignment, set.Buffer("bn1.running_var").View.Offset);
    }

    [Fact]
    public void Only_tensors_of_more_than_one_dimension_decay_unless_told()
    {
        using var set = Small();
        Assert.True(set.Find("fc.weight").Decay);
        Assert.False(set.Find("bn1.weight").Decay);
        Assert.True(new ParameterSpec("gain", new Shape(3), Decay: true).Decay);
    }

    [Fact]
    public void Unknown_and_repeated_names_are_refused_by_name()
    {
        using var set = Small();
        Assert.Contains("'layer9.weight'", Assert.Throws<ShapeException>(() => set.Value("layer9.weight")).Message);
        Assert.Contains("'bn1.weight'", Assert.Throws<ShapeException>(() => set.Buffer("bn1.weight")).Message);
        Assert.Contains("'a'", Assert.Throws<ShapeException>(() => new ParameterSet([new("a", new Shape(1)), new("a", new Shape(2))])).Message);
    }
}
