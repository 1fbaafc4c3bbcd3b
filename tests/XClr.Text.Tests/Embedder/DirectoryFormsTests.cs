namespace XClr.Text.Tests;

/// <summary>Sentence-transformer directories in every form they come in.</summary>
public class DirectoryFormsTests
{
    private static readonly string[] Captions = ["a photo of a sneaker", "two dogs playing in the snow", "", "Café Zürich, naïve", "a photo of a sneaker"];

    // A table for six tokens: [PAD] [UNK] [CLS] [SEP] a cat
    private static readonly float[][] Table = [[0, 0, 7], [1, 1, 1], [2, 0, 0], [0, 3, 0], [1, 0, 2], [0, 1, 5]];
    private const string Vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\ncat\n";

    private static float[] Embed(string model, IReadOnlyList<string> captions, int batchSize = 32)
    {
        using var embedder = CaptionEmbedder.Open(model, new EmbedderOptions { Threads = 1, BatchSize = batchSize });
        var embeddings = new float[captions.Count * embedder.Dimension];
        embedder.Embed(captions, embeddings);
        return embeddings;
    }

    private static TempFolder Tiny(byte[] model, string pooling = """{"pooling_mode": "mean"}""", string file = "onnx/model.onnx")
    {
        var folder = new TempFolder().With("vocab.txt", Vocabulary).With("sentence_bert_config.json", """{"max_seq_length": 6}""").With(file, "");
        if (pooling.Length > 0)
        {
            folder.With("1_Pooling/config.json", pooling);
        }
        File.WriteAllBytes(folder.File(file), model);
        return folder;
    }

    private static float[] Unit(params float[] vector)
    {
        Vectors.Normalize(vector);
        return vector;
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-6f);
        }
    }

    /// <summary>sentence-transformers' encode() puts the default prompt before every text; without a default one, prompts are for those who ask.</summary>
    [Theory]
    [InlineData("""{"prompts": {"query": "a "}, "default_prompt_name": "query"}""", "a cat")]
    [InlineData("""{"prompts": {"query": "a "}, "default_prompt_name": null}""", "cat")]
    [InlineData("""{"__version__": {}}""", "cat")]
    public void A_default_prompt_stands_before_every_text(string settings, string text)
    {
        using var plain = Tiny(OnnxBuilder.Encoder(Table, "last_hidden_state", [], int32: false, openWidth: false));
        using var folder = Tiny(OnnxBuilder.Encoder(Table, "last_hidden_state", [], int32: false, openWidth: false)).With("config_sentence_transformers.json", settings);
        AssertClose(Embed(plain.Path, [text]), Embed(folder.Path, ["cat"]));
        using var embedder = CaptionEmbedder.Open(folder.Path);
        using var other = CaptionEmbedder.Open(plain.Path);
        Assert.Equal(text == "cat", embedder.Fingerprint == other.Fingerprint);
    }

    [Fact]
    public void A_prompt_that_is_missing_or_not_to_be_pooled_is_refused()
    {
        using var missing = Tiny(OnnxBuilder.Encoder(Table, "last_hidden_state", [], int32: false, openWidth: false)).With("config_sentence_transformers.json", """{"default_prompt_name": "query"}""");
        Assert.Contains("\"query\"", Assert.Throws<TextException>(() => CaptionEmbedder.Open(missing.Path)).Message);
        using var apart = Tiny(OnnxBuilder.Encoder(Table, "last_hidden_state", [], int32: false, openWidth: false), """{"pooling_mode": "mean", "include_prompt": false}""")
            .With("config_sentence_transformers.json", """{"prompts": {"query": "a "}, "default_prompt_name": "query"}""");
        Assert.Contains("include_prompt", Assert.Throws<TextException>(() => Embed(apart.Path, ["cat"])).Message);
    }

    [Theory]
    [InlineData("last_hidden_state", new string[0], false, false)]
    [InlineData("last_hidden_state", new[] { "token_type_ids" }, false, false)]
    [InlineData("token_embeddings", new[] { "token_type_ids", "position_ids" }, false, true)]
    [InlineData("token_embeddings", new string[0], true, false)]
    [InlineData("sentence_embedding", new[] { "token_type_ids" }, false, false)]
    [InlineData("sentence_embedding", new string[0], true, true)]
    public void Every_form_of_inputs_and_outputs(string output, string[] extra, bool int32, bool openWidth)
    {
        using var folder = Tiny(OnnxBuilder.Encoder(Table, output, extra, int32, openWidth), output == "sentence_embedding" ? "" : """{"pooling_mode": "mean"}""");
        var expected = (float[])[.. Unit(3, 4, 7), .. Unit(2, 3, 0), .. Unit(3, 3, 2)];
        AssertClose(expected, Embed(folder.Path, ["A cat", "", "a"]));
        AssertClose(expected, Embed(folder.Path, ["A cat", "", "a"], batchSize: 1));
    }

    [Fact]
    public void The_model_may_lie_at_the_root()
    {
        using var folder = Tiny(OnnxBuilder.Encoder(Table, "last_hidden_state", []), file: "model.onnx");
        AssertClose(Unit(3, 3, 2), Embed(folder.Path, ["a"]));
    }

    [Theory]
    [InlineData("last_hidden_state")]
    [InlineData("sentence_embedding")]
    public void A_literal_pad_token_counts(string output)
    {
        using var folder = Tiny(OnnxBuilder.Encoder(Table, output, []));
        AssertClose([.. Unit(3, 3, 9), .. Unit(3, 4, 7)], Embed(folder.Path, ["[PAD] a", "a cat"]));
    }

    [Fact]
    public void Captions_are_cut_at_the_limit()
    {
        using var folder = Tiny(OnnxBuilder.Encoder(Table, "last_hidden_state", []));
        AssertClose(Unit(2 + 4, 3, 8), Embed(folder.Path, ["a a a a cat cat"]));
    }

    [Theory]
    [InlineData("""{"pooling_mode": "cls"}""")]
    [InlineData("""{"pooling_mode": ["cls"]}""")]
    [InlineData("""{"word_embedding_dimension": 3, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}""")]
    public void Cls_pooling(string config)
    {
        using var folder = Tiny(OnnxBuilder.Encoder(Table, "last_hidden_state", []), config);
        AssertClose([1, 0, 0], Embed(folder.Path, ["a cat"]));
    }

    [Theory]
    [InlineData("""{"pooling_mode": "mean", "embedding_dimension": 128}""")]
    [InlineData("""{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false, "pooling_mode_max_tokens": false}""")]
    [InlineData("""{"pooling_mode_mean_sqrt_len_tokens": true}""")]
    public void Mean_pooling_old_and_new(string config)
    {
        using var folder = TextModels.CopyStatic().With("1_Pooling/config.json", config);
        AssertClose(Embed(CaptionEmbedder.Default, Captions), Embed(folder.Path, Captions));
    }

    [Theory]
    [InlineData("""{"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": false}""", "max_tokens")]
    [InlineData("""{"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true}""", "max_tokens")]
    [InlineData("""{"pooling_mode": "weightedmean"}""", "weightedmean")]
    [InlineData("""{"pooling_mode": 3}""", "pooling_mode")]
    [InlineData("""{"pooling_mode_mean_tokens": "yes"}""", "pooling_mode_mean_tokens")]
    [InlineData("{}", "no pooling")]
    [InlineData("[]", "object")]
    [InlineData("{", "JSON")]
    public void Other_pooling_is_refused_by_name(string config, string what)
    {
        using var folder = TextModels.CopyStatic().With("1_Pooling/config.json", config);
        var error = Assert.Throws<TextException>(() => Embed(folder.Path, Captions));
        Assert.Contains(what, error.Message);
        Assert.Contains(Path.Combine("1_Pooling", "config.json"), error.Message);
    }

    [Fact]
    public void Without_modules_json_it_is_the_same()
    {
        using var folder = TextModels.CopyStatic("modules.json", "config.json");
        AssertClose(Embed(CaptionEmbedder.Default, Captions), Embed(folder.Path, Captions));
    }

    [Fact]
    public void Modules_may_move_the_files()
    {
        using var folder = new TempFolder();
        folder.With("modules.json", """
            [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
             {"idx": 1, "name": "1", "path": "pool", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"}]
            """).With("0_Transformer/vocab.txt", Vocabulary).With("0_Transformer/sentence_bert_config.json", """{"max_seq_length": 6}""")
            .With("pool/config.json", """{"pooling_mode": "cls"}""").With("onnx/model.onnx", "");
        File.WriteAllBytes(folder.File("onnx/model.onnx"), OnnxBuilder.Encoder(Table, "last_hidden_state", []));
        AssertClose([1, 0, 0], Embed(folder.Path, ["a cat"]));
    }

    [Fact]
    public void A_zero_vector_stays_zero()
    {
        var embeddings = Embed(CaptionEmbedder.Default, ["", "a cat", "   "]);
        Assert.All(embeddings[..128].Concat(embeddings[256..]), x => Assert.Equal(0, x));
        Assert.Equal(1, embeddings[128..256].Sum(x => (double)x * x), 1e-6);
    }

    [Fact]
    public void An_empty_list_is_nothing() => Assert.Empty(Embed(CaptionEmbedder.Default, []));

    [Fact]
    public void Lone_surrogates_do_not_throw()
    {
        var embeddings = Embed(CaptionEmbedder.Default, ["a \uD800cat", "a cat"]);
        AssertClose(embeddings[..128], embeddings[128..]);
    }

    [Fact]
    public void The_fingerprint_is_of_the_files()
    {
        using var same = TextModels.CopyStatic();
        using var pooling = TextModels.CopyStatic().With("1_Pooling/config.json", """{"pooling_mode": "cls"}""");
        using var limit = TextModels.CopyStatic().With("sentence_bert_config.json", """{"max_seq_length": 64}""");
        using var weights = TextModels.CopyStatic().With("onnx/model.onnx_data", "x");
        var all = new[] { CaptionEmbedder.Default, same.Path, pooling.Path, limit.Path, weights.Path }.Select(Fingerprint).ToArray();
        Assert.Equal(all[0], all[1]);
        Assert.Equal(4, all.Distinct().Count());
        Assert.All(all, f => Assert.Matches("^[0-9a-f]{64}$", f));

        static string Fingerprint(string model)
        {
            using var embedder = CaptionEmbedder.Open(model);
            return embedder.Fingerprint;
        }
    }
}
