namespace XClr.Text.Tests;

/// <summary>Directories and options that cannot be used, and the errors that say why.</summary>
public class RefusedDirectoriesTests
{
    private static readonly float[][] Table = [[0, 0], [1, 1], [2, 0], [0, 3]];

    private static string Refusal(string model, EmbedderOptions? options = null) => Assert.Throws<TextException>(() =>
    {
        using var embedder = CaptionEmbedder.Open(model, options);
        return embedder.Dimension;
    }).Message;

    [Fact]
    public void No_such_directory() => Assert.Contains("static-minilm-128", Refusal("/no/such/encoder"));

    [Fact]
    public void A_file_is_not_a_directory()
    {
        using var folder = TextModels.CopyStatic();
        Assert.Contains("is a file", Refusal(folder.File("vocab.txt")));
    }

    [Theory]
    [InlineData("onnx/model.onnx", "model.onnx")]
    [InlineData("vocab.txt", "vocab.txt")]
    [InlineData("1_Pooling/config.json", "1_Pooling")]
    public void A_missing_file_is_named(string missing, string what)
    {
        using var folder = TextModels.CopyStatic(missing);
        var message = Refusal(folder.Path);
        Assert.Contains(what, message);
        Assert.Contains(folder.Path, message);
        Assert.Contains("ownload", message);
    }

    [Fact]
    public void Other_onnx_files_are_offered()
    {
        using var folder = TextModels.CopyStatic("onnx/model.onnx").With("onnx/model_O2.onnx", "x");
        Assert.Contains("model_O2.onnx", Refusal(folder.Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("this is not a model")]
    public void A_corrupt_model_is_named(string content)
    {
        using var folder = TextModels.CopyStatic().With("onnx/model.onnx", content);
        Assert.Contains(Path.Combine("onnx", "model.onnx"), Refusal(folder.Path));
    }

    [Fact]
    public void A_git_lfs_pointer_is_recognised()
    {
        using var folder = TextModels.CopyStatic().With("onnx/model.onnx", "version spec/v1\noid sha256:00\nsize 5\n");
        Assert.Contains("git lfs pull", Refusal(folder.Path));
    }

    [Theory]
    [InlineData("{", "JSON")]
    [InlineData("{}", "list of modules")]
    [InlineData("""[{"path": "../..", "type": "sentence_transformers.models.Transformer"}]""", "leads out")]
    [InlineData("""[{"path": "\u0000", "type": "sentence_transformers.models.Transformer"}]""", "leads out")]
    [InlineData("""[{"path": "\ud800", "type": "sentence_transformers.models.Transformer"}]""", "JSON")]
    [InlineData("""[{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]""", "Dense")]
    public void Modules_that_cannot_be_run_are_named(string modules, string what)
    {
        using var folder = TextModels.CopyStatic().With("modules.json", modules);
        var message = Refusal(folder.Path);
        Assert.Contains(what, message);
        Assert.Contains("modules.json", message);
    }

    [Theory]
    [InlineData("logits", new string[0], "logits")]
    [InlineData("last_hidden_state", new[] { "pixel_values" }, "pixel_values")]
    public void Graphs_of_another_kind_are_refused(string output, string[] inputs, string what)
    {
        using var folder = TextModels.CopyStatic();
        File.WriteAllBytes(folder.File("onnx/model.onnx"), OnnxBuilder.Encoder(Table, output, inputs));
        Assert.Contains(what, Refusal(folder.Path));
    }

    [Fact]
    public void A_graph_whose_embeddings_have_no_numbers_is_refused()
    {
        using var folder = TextModels.CopyStatic();
        File.WriteAllBytes(folder.File("onnx/model.onnx"), OnnxBuilder.Encoder([[], [], [], []], "last_hidden_state", [], openWidth: true));
        Assert.Contains("0 numbers for a text", Refusal(folder.Path));
    }

    [Fact]
    public void A_table_too_small_for_the_vocabulary_is_an_error_of_the_model()
    {
        using var folder = TextModels.CopyStatic();
        File.WriteAllBytes(folder.File("onnx/model.onnx"), OnnxBuilder.Encoder(Table, "last_hidden_state", []));
        using var embedder = CaptionEmbedder.Open(folder.Path);
        var embeddings = new float[embedder.Dimension];
        Assert.Contains("model.onnx", Assert.Throws<TextException>(() => embedder.Embed(["a cat"], embeddings)).Message);
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_refused()
    {
        using var folder = new TempFolder().With("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n").With("1_Pooling/config.json", """{"pooling_mode": "mean"}""").With("model.onnx", "");
        File.WriteAllBytes(folder.File("model.onnx"), OnnxBuilder.Encoder([[0], [float.NaN], [0], [0]], "last_hidden_state", []));
        using var embedder = CaptionEmbedder.Open(folder.Path);
        Assert.Contains("not finite", Assert.Throws<TextException>(() => embedder.Embed(["what"], new float[1])).Message);
    }

    [Theory]
    [InlineData("cuda", "-p:OnnxRuntimePackage=Microsoft.ML.OnnxRuntime.Gpu")]
    [InlineData("TensorRT:1", "-p:OnnxRuntimePackage=Microsoft.ML.OnnxRuntime.Gpu")]
    [InlineData("dml", "-p:OnnxRuntimePackage=Microsoft.ML.OnnxRuntime.DirectML")]
    [InlineData("abacus", "cpu, cuda")]
    [InlineData("cuda:x", "cuda:0")]
    public void A_missing_provider_names_its_package(string provider, string what) =>
        Assert.Contains(what, Refusal(CaptionEmbedder.Default, new EmbedderOptions { Provider = provider }));

    [Fact]
    public void Wrong_arguments_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => CaptionEmbedder.Open(CaptionEmbedder.Default, new EmbedderOptions { BatchSize = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => CaptionEmbedder.Open(CaptionEmbedder.Default, new EmbedderOptions { Threads = -1 }));
        using var embedder = CaptionEmbedder.Open(CaptionEmbedder.Default);
        Assert.Throws<ArgumentException>(() => embedder.Embed(["a"], new float[5]));
        embedder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => embedder.Dimension);
    }
}
