
namespace XClr.Text.Tests;

public class GoldenEmbeddingsTests
{
    // The goldens are rounded to 7 digits and move by 2e-7 with batch and padding; 1e-5 is the bound the project promises.
    private const float Tolerance = 1e-5f;

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(64)]
    public void Mini_lm_embeddings_equal_the_reference(int batchSize) =>
        Check(TextModels.TextEncoder("all-MiniLM-L6-v2"), TextModels.TextEncoder("goldens.json"), batchSize, dimension: 384);

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(64)]
    public void Built_in_embeddings_equal_its_goldens(int batchSize) =>
        Check(CaptionEmbedder.Default, Path.Combine(TextModels.StaticModel, "goldens.json"), batchSize, dimension: 128);

    private static void Check(string model, string goldensFile, int batchSize, int dimension)
    {
        var goldens = TextModels.ReadGoldens(goldensFile);
        using var embedder = CaptionEmbedder.Open(model, new EmbedderOptions { BatchSize = batchSize, Threads = 2 });
        Assert.Equal(dimension, embedder.Dimension);
        Assert.Equal(256, embedder.MaxLength);
        var embeddings = new float[goldens.Count * dimension];
        embedder.Embed([.. goldens.Select(g => g.Text)], embeddings);
        for (var i = 0; i < goldens.Count; i++)
        {
            for (var j = 0; j < dimension; j++)
            {
                var difference = MathF.Abs(embeddings[i * dimension + j] - goldens[i].Embedding[j]);
                Assert.True(difference <= Tolerance, $"{goldens[i].What}, number {j}: off by {difference}");
            }
        }
    }
}
