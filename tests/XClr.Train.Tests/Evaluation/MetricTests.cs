using XClr.Train.Evaluation;
using Xunit;

namespace XClr.Train.Tests.Evaluation;

public class MetricTests
{
    [Fact]
    public void Neighbours_vote_with_their_similarity()
    {
        // The nearest row has label 1; two rows of label 0 lie at 60 degrees: exp(10) against 2 exp(5).
        float[] bank = [1, 0, 0.5f, 0.8660254f, 0.5f, -0.8660254f];
        Assert.Equal([1], KnnClassifier.Predict(bank, [1, 0, 0], [3, 0], width: 2, k: 3));
        // At a similarity of 0.56 it has exp(5.6), less than the two together.
        Assert.Equal([0], KnnClassifier.Predict([0.56f, 0.82849f, 0.5f, 0.8660254f, 0.5f, -0.8660254f], [1, 0, 0], [3, 0], width: 2, k: 3));
    }

    [Fact]
    public void Top1_counts_the_right_predictions()
    {
        float[] bank = [1, 0, 0, 1];
        Assert.Equal(0.75, KnnClassifier.Top1(bank, [0, 1], [2, 0.1f, 5, 1, 0, 3, 1, 0], [0, 0, 1, 1], width: 2, k: 1));
    }

    [Theory]
    [InlineData(50, 20)]
    [InlineData(7, 7)]
    [InlineData(100_000, 200)]
    public void The_number_of_neighbours_follows_the_bank(int bank, int k) => Assert.Equal(k, KnnClassifier.NeighboursFor(bank));

    [Fact]
    public void Fidelity_is_the_rank_correlation_of_pairs()
    {
        var random = new Random(3);
        var images = Enumerable.Range(0, 60 * 5).Select(_ => random.NextSingle() - 0.5f).ToArray();
        var scaled = images.Select(v => 7 * v).ToArray();
        Assert.Equal(1, SimilarityFidelity.Compute(images, 5, scaled, 5), 12);
        var others = Enumerable.Range(0, 60 * 4).Select(_ => random.NextSingle() - 0.5f).ToArray();
        Assert.InRange(SimilarityFidelity.Compute(images, 5, others, 4), -0.15, 0.15);
    }

    [Fact]
    public void Ties_get_average_ranks()
    {
        // Cosines of the pairs (01, 02, 12): images 1, 0, 0 have ranks 2, 0.5, 0.5; texts 0.8, 0.6, 0.96 have 1, 0, 2: uncorrelated.
        Assert.Equal(0, SimilarityFidelity.Compute([1, 0, 1, 0, 0, 1], 2, [1, 0, 0, 0.8f, 0.6f, 0, 0.6f, 0.8f, 0], 3), 12);
        // Equal cosines on both sides tie on both sides.
        float[] texts = [1, 0, 1, 0, 0.6f, 0.8f];
        Assert.Equal(1, SimilarityFidelity.Compute([1, 0, 1, 0, 0, 1], 2, texts, 2), 12);
    }
}
