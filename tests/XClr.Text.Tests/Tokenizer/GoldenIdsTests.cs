
namespace XClr.Text.Tests;

public class GoldenIdsTests
{
    [SkippableFact]
    public void MiniLmIdsEqualTheReferenceOnAllGoldens()
    {
        var tokenizer = CaptionTokenizer.Open(Assets.TextEncoder("all-MiniLM-L6-v2"));
        var goldens = Assets.ReadGoldens(Assets.TextEncoder("goldens.json"));
        Assert.Equal(47, goldens.Count);
        Assert.All(goldens, g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [SkippableFact]
    public void TheBuiltInTokenizerIsTheSame()
    {
        var tokenizer = CaptionTokenizer.Open(CaptionEmbedder.Default);
        Assert.All(Assets.ReadGoldens(Assets.TextEncoder("goldens.json")), g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [Fact]
    public void BuiltInIdsEqualItsGoldens()
    {
        var tokenizer = CaptionTokenizer.Open(CaptionEmbedder.Default);
        var goldens = Assets.ReadGoldens(Path.Combine(Assets.StaticModel, "goldens.json"));
        Assert.NotEmpty(goldens);
        Assert.All(goldens, g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [SkippableFact]
    public void TheVocabularyInsideTokenizerJsonGivesTheSameIds()
    {
        var source = Assets.TextEncoder("all-MiniLM-L6-v2");
        using var folder = new TempFolder();
        folder.Write("tokenizer.json", File.ReadAllText(Path.Combine(source, "tokenizer.json")))
            .Write("tokenizer_config.json", """{"model_max_length": 256, "tokenizer_class": "BertTokenizer"}""");
        var tokenizer = CaptionTokenizer.Open(folder.Path);
        Assert.Equal(256, tokenizer.MaxLength);
        Assert.All(Assets.ReadGoldens(Assets.TextEncoder("goldens.json")), g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [SkippableFact]
    public void ManyThreadsGiveTheSameIds()
    {
        var tokenizer = CaptionTokenizer.Open(CaptionEmbedder.Default);
        var goldens = Assets.ReadGoldens(Assets.TextEncoder("goldens.json"));
        var many = Enumerable.Range(0, 40).SelectMany(_ => goldens).ToList();
        var ids = tokenizer.Encode([.. many.Select(g => g.Text)], threads: 4);
        for (var i = 0; i < many.Count; i++)
        {
            Assert.Equal(many[i].Ids, ids[i]);
        }
    }
}
