namespace XClr.Text.Tests;

public class CaptionCacheTests
{
    private const int D = 128;
    private static readonly string[] Captions = ["a cat", "a dog on a sofa", "a cat", "", "a zebra", "a dog on a sofa"];

    private static CaptionCache Open(TempFolder folder, EmbeddingType type = EmbeddingType.Float32, string model = CaptionEmbedder.Default) =>
        CaptionCache.Open(model, new EmbedderOptions { Threads = 1 }, new CacheOptions { Folder = folder.Path, Type = type });

    [Fact]
    public void A_second_run_embeds_nothing_and_opens_no_session()
    {
        using var folder = new TempFolder();
        var (first, second) = (new float[Captions.Length * D], new float[Captions.Length * D]);
        using (var cache = Open(folder))
        {
            cache.Embed(Captions, first);
            Assert.Equal((4, 2, 4), (cache.Embedded, cache.Reused, cache.Store.Count));
            cache.Embed(["a zebra", "a horse"], new float[2 * D]);
            Assert.Equal((5, 3), (cache.Embedded, cache.Reused));
        }
        using var again = Open(folder);
        again.Embed(Captions, second);
        Assert.Equal((0, 6), (again.Embedded, again.Reused));
        Assert.False(again.Embedder.IsSessionOpen);
        Assert.Equal(first, second);
        Assert.Equal(D, again.Dimension);
        Assert.False(again.Embedder.IsSessionOpen);
    }

    /// <summary>Embeddings beside the data that a copy cut short, that are none, or another encoder's, are neither used nor repaired: the data's folder is not written to.</summary>
    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(1, 0.5)]
    [InlineData(1, 0.0)]
    [InlineData(1, 1.0, "other")]
    public void Embeddings_beside_the_data_that_are_of_no_use_are_left_alone(int stale, double kept, string? encoder = null)
    {
        using var folder = new TempFolder();
        var data = folder.File("data");
        Directory.CreateDirectory(data);
        string path;
        using (var embedder = CaptionEmbedder.Open(CaptionEmbedder.Default))
        {
            var fingerprint = encoder is null ? embedder.Fingerprint : new string('0', 64);
            path = BesideData.PathIn(data, fingerprint);
            using var store = EmbeddingStore.OpenOrCreate(path, D, EmbeddingType.Float32, fingerprint);
            var rows = new float[D];
            embedder.Embed(["a cat"], rows);
            store.Append(["a cat"], rows);
        }
        File.Delete(path + ".lock");
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..(int)(kept * bytes.Length)]);
        var before = File.ReadAllBytes(path);
        using var cache = CaptionCache.Open(CaptionEmbedder.Default, cache: new CacheOptions { Folder = folder.File("cache"), DataFolders = [data] });
        cache.Embed(["a cat"], new float[D]);
        Assert.Equal((stale, stale), (cache.Beside.Stale.Count, (int)cache.Embedded));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(data));
    }

    [Fact]
    public void It_gives_what_the_embedder_gives()
    {
        using var folder = new TempFolder();
        var (cached, direct) = (new float[Captions.Length * D], new float[Captions.Length * D]);
        using var cache = Open(folder);
        cache.Embed(["a dog on a sofa"], new float[D]);
        cache.Embed(Captions, cached);
        cache.Embedder.Embed(Captions, direct);
        // One caption in another batch moves by float rounding at most.
        for (var i = 0; i < cached.Length; i++)
        {
            Assert.Equal(direct[i], cached[i], 1e-6f);
        }
    }

    [Fact]
    public void Half_precision_has_a_store_of_its_own()
    {
        using var folder = new TempFolder();
        var (full, half) = (new float[Captions.Length * D], new float[Captions.Length * D]);
        using (var cache = Open(folder))
        {
            cache.Embed(Captions, full);
        }
        using (var cache = Open(folder, EmbeddingType.Float16))
        {
            cache.Embed(Captions, half);
        }
        using var again = Open(folder, EmbeddingType.Float16);
        again.Embed(Captions, half);
        Assert.Equal((0, 6), (again.Embedded, again.Reused));
        for (var i = 0; i < full.Length; i++)
        {
            Assert.InRange(half[i] - full[i], -1e-3f, 1e-3f);
        }
        Assert.Equal(2, Directory.GetFiles(folder.File("embeddings"), "*.xemb").Length);
    }

    [Fact]
    public void Another_model_has_a_store_of_its_own()
    {
        using var folder = new TempFolder();
        using var model = TextModels.CopyStatic().With("1_Pooling/config.json", """{"pooling_mode": "cls"}""");
        using var one = Open(folder);
        using var two = Open(folder, model: model.Path);
        Assert.NotEqual(one.Store.Path, two.Store.Path);
        Assert.Contains(one.Embedder.Fingerprint, one.Store.Path);
    }

    [Fact]
    public void A_store_that_cannot_be_written_does_not_end_the_run()
    {
        using var folder = new TempFolder();
        using var cache = Open(folder);
        var blocked = cache.Store.Path + ".lock";
        File.Delete(blocked);
        Directory.CreateDirectory(blocked);
        var embeddings = new float[Captions.Length * D];
        cache.Embed(Captions, embeddings);
        Assert.Contains(cache.Store.Path, cache.StoreFailure);
        Assert.Equal((4, 0), (cache.Embedded, cache.Store.Count));
        Assert.NotEqual(0, embeddings[0]);
    }

    [Fact]
    public void A_corrupt_store_is_refused_by_name()
    {
        using var folder = new TempFolder();
        string path;
        using (var cache = Open(folder))
        {
            path = cache.Store.Path;
        }
        File.WriteAllText(path, new string('x', 5000));
        var error = Assert.Throws<TextException>(() => Open(folder));
        Assert.Contains(path, error.Message);
        Assert.Contains("Delete the file", error.Message);
    }

    [Fact]
    public void The_wrong_number_of_numbers_is_refused()
    {
        using var folder = new TempFolder();
        using var cache = Open(folder);
        Assert.Throws<ArgumentException>(() => cache.Embed(Captions, new float[3]));
    }

    [Fact]
    public void The_folder_comes_from_the_environment()
    {
        var (own, xdg) = (Environment.GetEnvironmentVariable("XCLR_CACHE"), Environment.GetEnvironmentVariable("XDG_CACHE_HOME"));
        try
        {
            Environment.SetEnvironmentVariable("XCLR_CACHE", "/some/where");
            Assert.Equal("/some/where", CacheFolder.Default);
            Environment.SetEnvironmentVariable("XCLR_CACHE", null);
            Environment.SetEnvironmentVariable("XDG_CACHE_HOME", "/xdg");
            Assert.Equal(Path.Combine("/xdg", "xclr"), CacheFolder.Default);
            Environment.SetEnvironmentVariable("XDG_CACHE_HOME", "");
            Assert.EndsWith(Path.Combine(".cache", "xclr"), CacheFolder.Default);
        }
        finally
        {
            Environment.SetEnvironmentVariable("XCLR_CACHE", own);
            Environment.SetEnvironmentVariable("XDG_CACHE_HOME", xdg);
        }
    }
}
