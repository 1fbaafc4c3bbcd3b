using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests.Evaluation;

public class MetricTests
{
    [SkippableFact]
    public void Neighbours_vote_with_their_similarity()
    {
        // The nearest row has label 1; two rows of label 0 lie at 60 degrees: exp(10) against 2 exp(5).
        float[] bank = [1, 0, 0.5f, 0.8660254f, 0.5f, -0.8660254f];
        Assert.Equal([1], Predict(Pairs(bank), [1, 0, 0], Pairs(3, 0), k: 3));
        // At a similarity of 0.56 it has exp(5.6), less than the two together.
        Assert.Equal([0], Predict(Pairs(0.56f, 0.82849f, 0.5f, 0.8660254f, 0.5f, -0.8660254f), [1, 0, 0], Pairs(3, 0), k: 3));
    }

    [SkippableFact]
    public void Rows_in_several_pieces_are_the_rows_of_one()
    {
        var random = new Random(5);
        var (width, rows) = (7, 23);
        var numbers = RandomValues.Uniform(random, rows * width);
        var labels = Enumerable.Range(0, rows).Select(i => i % 3).ToArray();
        // Three rows a piece, appended in runs that end within pieces, at their ends and beyond.
        var pieces = new RowMatrix(width, rowsPerPiece: 3);
        foreach (var (start, count) in new[] { (0, 2), (2, 1), (3, 8), (11, 12) })
        {
            pieces.Add(numbers.AsSpan(start * width, count * width));
        }
        Assert.Equal(rows, pieces.Count);
        Assert.Equal(numbers[(10 * width)..(11 * width)], pieces[10]);
        Assert.Equal(numbers[..(13 * width)], pieces.First(13));
        Assert.Equal(numbers, pieces.First(1000));
        using var written = new MemoryStream();
        pieces.Write(written);
        Assert.True(MemoryMarshal.AsBytes<float>(numbers).SequenceEqual(written.ToArray()));
        var queries = RowMatrix.Of(numbers.AsSpan(0, 5 * width), width);
        Assert.Equal(Predict(RowMatrix.Of(numbers, width), labels, queries, k: 4), Predict(pieces, labels, queries, k: 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => pieces[rows].Length);
        Assert.Throws<ArgumentException>(() => pieces.Add(new float[width + 1]));
    }

    [Fact]
    public void Features_that_no_memory_holds_are_refused_before_any_is_computed()
    {
        // ImageNet through a ResNet-50 and its projector: more bytes than an int counts, 10.4 GiB.
        Assert.Equal(4L * 1_281_167 * 2176, RowMatrix.BytesFor(1_281_167, 2048 + 128));
        FeatureSet.RequireMemory("imagenet", 1_281_167, 2176, 16L << 30);
        var error = Assert.Throws<Data.DataException>(() => FeatureSet.RequireMemory("imagenet", 1_281_167, 2176, 8L << 30));
        Assert.Contains("'imagenet': the features of 1281167 images take 10.4 GiB", error.Message, StringComparison.Ordinal);
        Assert.Contains("--limit", error.Message, StringComparison.Ordinal);
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
        var images = RandomValues.Uniform(random, 60 * 5);
        var scaled = images.Select(v => 7 * v).ToArray();
        Assert.Equal(1, SimilarityFidelity.Compute(images, 5, scaled, 5), 12);
        var others = RandomValues.Uniform(random, 60 * 4);
        Assert.InRange(SimilarityFidelity.Compute(images, 5, others, 4), -0.15, 0.15);
    }

    [Fact]
    public void Ties_get_average_ranks()
    {
        // Cosines of the pairs (01, 02, 12): images 1, 0, 0 have ranks 2, 0.5, 0.5; texts 0.8, 0.6, 0.96 have 1, 0, 2: uncorrelated.
        Assert.Equal(0, SimilarityFidelity.Compute([1, 0, 1, 0, 0, 1], 2, [1, 0, 0, 0.8f, 0.6f, 0, 0.6f, 0.8f, 0], 3), 12);
        // Texts at 0, 10 and 60 degrees have the ranks 2, 0, 1: deviations of 1, -0.5, -0.5 against 1, -1, 0.
        float[] angles = [.. new[] { 0, 10, 60 }.SelectMany(d => new[] { (float)Math.Cos(d * Math.PI / 180), (float)Math.Sin(d * Math.PI / 180) })];
        Assert.Equal(1.5 / Math.Sqrt(1.5 * 2), SimilarityFidelity.Compute([1, 0, 1, 0, 0, 1], 2, angles, 2), 12);
        // Equal cosines on both sides tie on both sides.
        float[] texts = [1, 0, 1, 0, 0.6f, 0.8f];
        Assert.Equal(1, SimilarityFidelity.Compute([1, 0, 1, 0, 0, 1], 2, texts, 2), 12);
    }

    [Fact]
    public void Columns_are_divided_by_the_deviation_of_all_rows()
    {
        // Of 1, 3 and 5 about 3: sqrt(8 / 3). The second column stands still; the fourth row is left out.
        var standardizer = Standardizer.Of(RowMatrix.Of([1, 7, 3, 7, 5, 7, 100, 100], 2), [0, 1, 2]);
        Assert.Equal([3, 7], standardizer.Shift);
        Assert.Equal(1 / Math.Sqrt(8 / 3.0), standardizer.Scale[0], 1e-6);
        var row = new float[2];
        standardizer.Apply([5, 8], row);
        Assert.Equal(2 / Math.Sqrt(8 / 3.0), row[0], 1e-6);
        Assert.Equal(1, row[1]);
    }

    private static int[] Predict(RowMatrix bank, int[] labels, RowMatrix queries, int k)
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            var votes = KnnClassifier.Votes(device, bank, labels, labels.Max() + 1, queries, k);
            return [.. Enumerable.Range(0, votes.Count).Select(i => TensorPrimitives.IndexOfMax(votes[i]))];
        }
    }

    private static RowMatrix Pairs(params float[] numbers) => RowMatrix.Of(numbers, 2);
}
