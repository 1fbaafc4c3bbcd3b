
namespace XClr.Text.Tests;

public class GoldenIdsTests
{
    [SkippableFact]
    public void Mini_lm_ids_equal_the_reference_on_all_goldens()
    {
        var tokenizer = CaptionTokenizer.Open(TextModels.TextEncoder("all-MiniLM-L6-v2"));
        var goldens = TextModels.ReadGoldens(TextModels.TextEncoder("goldens.json"));
        Assert.Equal(47, goldens.Count);
        Assert.All(goldens, g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [SkippableFact]
    public void The_built_in_tokenizer_is_the_same()
    {
        var tokenizer = CaptionTokenizer.Open(CaptionEmbedder.Default);
        Assert.All(TextModels.ReadGoldens(TextModels.TextEncoder("goldens.json")), g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [Fact]
    public void Built_in_ids_equal_its_goldens()
    {
        var tokenizer = CaptionTokenizer.Open(CaptionEmbedder.Default);
        var goldens = TextModels.ReadGoldens(Path.Combine(TextModels.StaticModel, "goldens.json"));
        Assert.NotEmpty(goldens);
        Assert.All(goldens, g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [SkippableFact]
    public void The_vocabulary_inside_tokenizer_json_gives_the_same_ids()
    {
        var source = TextModels.TextEncoder("all-MiniLM-L6-v2");
        using var folder = new TempFolder();
        folder.With("tokenizer.json", File.ReadAllText(Path.Combine(source, "tokenizer.json")))
            .With("tokenizer_config.json", """{"model_max_length": 256, "tokenizer_class": "BertTokenizer"}""");
        var tokenizer = CaptionTokenizer.Open(folder.Path);
        Assert.Equal(256, tokenizer.MaxLength);
        Assert.All(TextModels.ReadGoldens(TextModels.TextEncoder("goldens.json")), g => Assert.Equal(g.Ids, tokenizer.Encode(g.Text)));
    }

    [SkippableFact]
    public void Many_threads_give_the_same_ids()
    {
        var tokenizer = CaptionTokenizer.Open(CaptionEmbedder.Default);
        var goldens = TextModels.ReadGoldens(TextModels.TextEncoder("goldens.json"));
        var many = Enumerable.Range(0, 40).SelectMany(_ => goldens).ToList();
        var ids = tokenizer.Encode([.. many.Select(g => g.Text)], threads: 4);
        for (var i = 0; i < many.Count; i++)
        {
            Assert.Equal(many[i].Ids, ids[i]);
        }
    }
}
