using System.Numerics.Tensors;

namespace XClr.Train.Tests;

public class CaptionSourceTests
{
    [Fact]
    public void Classes_of_one_name_are_as_similar_as_a_class_is_to_itself()
    {
        using var source = CaptionSource.Open("static-minilm-128", "cpu", []);
        string[] words = ["cat", "dog", "house", "tree", "river", "ship", "apple", "bread", "snow", "king", "horse", "lamp"];
        var similarity = source.ClassSimilarity([.. words, .. words], "a photo of a {class}");
        for (var i = 0; i < 24; i++)
        {
            Assert.Equal(1, similarity[(i * 24) + i]);
            Assert.InRange(similarity[(i * 24) + ((i + 12) % 24)], 1 - 1e-6f, 1);
            for (var j = 0; j < 24; j++)
            {
                Assert.Equal(similarity[(i * 24) + j], similarity[(j * 24) + i], 1e-6f);
            }
        }
    }

    [Fact]
    public void The_share_of_pairs_above_a_cosine_counts_each_pair_once()
    {
        using var source = CaptionSource.Open("static-minilm-128", "cpu", []);
        Assert.Equal(1 / 3.0, source.ShareOfPairsAbove(["a red house", "the red house", "two dogs in the snow"], 0.9f));
        Assert.Equal(1, source.ShareOfPairsAbove(["a red house", "the red house", "two dogs in the snow"], -1.1f));
        Assert.Equal(0, source.ShareOfPairsAbove(["a red house"], -1.1f));
    }

    [Fact]
    public void The_mean_of_captions_has_their_direction_and_a_length_of_one()
    {
        using var source = CaptionSource.Open("static-minilm-128", "cpu", []);
        var both = source.Embed(["a dog", "a red house"]);
        var mean = source.EmbedMean([["a dog", "a red house"], ["a dog"], []]);
        var width = source.Width;
        float[] sum = [.. both[..width].Zip(both[width..], (a, b) => a + b)];
        Assert.Equal(1, TensorPrimitives.Norm<float>(mean.AsSpan(0, width)), 1e-5);
        Assert.Equal(1, TensorPrimitives.CosineSimilarity<float>(mean.AsSpan(0, width), sum), 1e-5);
        Assert.Equal(1, TensorPrimitives.CosineSimilarity<float>(mean.AsSpan(width, width), both.AsSpan(0, width)), 1e-5);
        // Nothing has no direction.
        Assert.All(mean[(2 * width)..], v => Assert.Equal(0, v));
    }
}
