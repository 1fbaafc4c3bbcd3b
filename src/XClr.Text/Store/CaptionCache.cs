namespace XClr.Text;

/// <summary>Where and how a CaptionCache keeps its embeddings.</summary>
public sealed record CacheOptions
{
    /// <summary>The folder of the stores; null: $XCLR_CACHE, else $XDG_CACHE_HOME/xclr, else ~/.cache/xclr.</summary>
    public string? Folder { get; init; }

    /// <summary>fp32, or fp16 at half the size.</summary>
    public EmbeddingType Type { get; init; } = EmbeddingType.Float32;

    /// <summary>Folders whose <see cref="BesideData"/> files are looked into too, such as those of packed shards; nothing is written there.</summary>
    public IReadOnlyList<string> DataFolders { get; init; } = [];
}

/// <summary>
/// An embedder behind its store: captions met before, in this run or any other, come from the store, and only the others are embedded
/// and added. The ONNX session opens with the first caption that is missing. Safe for concurrent use.
/// </summary>
public sealed class CaptionCache : IDisposable
{
    private const int SliceCaptions = 4096;

    private readonly CaptionEmbedder embedder;
    private readonly EmbeddingStore store;
    private readonly BesideData beside;
    private readonly Lock gate = new();
    private long embedded;
    private long reused;

    private CaptionCache(CaptionEmbedder embedder, EmbeddingStore store, BesideData beside)
    {
        this.embedder = embedder;
        this.store = store;
        this.beside = beside;
    }

    /// <summary>D, numbers per embedding.</summary>
    public int Dimension => store.Dimension;

    public CaptionEmbedder Embedder => embedder;

    public EmbeddingStore Store => store;

    /// <summary>What lies in <see cref="CacheOptions.DataFolders"/>.</summary>
    public BesideData Beside => beside;

    /// <summary>Captions that the model has embedded so far.</summary>
    public long Embedded => Interlocked.Read(ref embedded);

    /// <summary>Captions answered without the model so far: from the store, or repeated within one call.</summary>
    public long Reused => Interlocked.Read(ref reused);

    /// <summary>Why embeddings are no longer added to the store (a full disk, say); null while all is well. Embedding goes on without.</summary>
    public string? StoreFailure { get; private set; }

    /// <summary>Opens an encoder (a directory or built-in name) with its store, made where there is none.</summary>
    /// <exception cref="TextException">The encoder or its store cannot be used.</exception>
    public static CaptionCache Open(string nameOrDirectory, EmbedderOptions? embedding = null, CacheOptions? cache = null)
    {
        cache ??= new CacheOptions();
        var embedder = CaptionEmbedder.Open(nameOrDirectory, embedding);
        BesideData? beside = null;
        try
        {
            beside = BesideData.Open(cache.DataFolders, embedder.Fingerprint);
            var path = StorePath(embedder, cache);
            var dimension = File.Exists(path) ? ReadDimension(path) : beside.Dimension ?? embedder.Dimension;
            return new CaptionCache(embedder, EmbeddingStore.OpenOrCreate(path, dimension, cache.Type, embedder.Fingerprint), beside);
        }
        catch
        {
            beside?.Dispose();
            embedder.Dispose();
            throw;
        }
    }

    /// <summary>The store's file of an embedder.</summary>
    public static string StorePath(CaptionEmbedder embedder, CacheOptions cache) => Path.Combine(cache.Folder ?? CacheFolder.Default, "embeddings",
        $"{embedder.Fingerprint}-{(cache.Type == EmbeddingType.Float32 ? "fp32" : "fp16")}.xemb");

    /// <summary>Embeds captions. embeddings: [N,D] row by row, L2-normalised; a zero vector stays zero.</summary>
    /// <exception cref="ArgumentException">embeddings does not hold N*D numbers.</exception>
    public void Embed(IReadOnlyList<string> captions, Span<float> embeddings)
    {
        var d = Dimension;
        if (embeddings.Length != (long)captions.Count * d)
        {
            throw new ArgumentException($"{captions.Count} captions of {d} numbers need {(long)captions.Count * d} numbers, not {embeddings.Length}.", nameof(embeddings));
        }
        var missing = new Dictionary<string, int>(StringComparer.Ordinal);
        var repeated = new List<int>();
        for (var i = 0; i < captions.Count; i++)
        {
            if (missing.ContainsKey(captions[i]))
            {
                repeated.Add(i);
            }
            else if (!Find(captions[i], embeddings.Slice(i * d, d)))
            {
                missing.Add(captions[i], i);
            }
        }
        EmbedMissing([.. missing.Keys], [.. missing.Values], embeddings);
        foreach (var i in repeated)
        {
            embeddings.Slice(missing[captions[i]] * d, d).CopyTo(embeddings.Slice(i * d, d));
        }
        Interlocked.Add(ref embedded, missing.Count);
        Interlocked.Add(ref reused, captions.Count - missing.Count);
    }

    /// <summary>Copies an embedding [D] that is stored already; false, and nothing written, where it is not. Allocates nothing.</summary>
    public bool TryGet(ReadOnlySpan<char> caption, Span<float> embedding)
    {
        var found = Find(caption, embedding);
        Interlocked.Add(ref reused, found ? 1 : 0);
        return found;
    }

    public void Dispose()
    {
        embedder.Dispose();
        store.Dispose();
        beside.Dispose();
    }

    private bool Find(ReadOnlySpan<char> caption, Span<float> embedding) => store.TryGet(caption, embedding) || beside.TryGet(caption, embedding);

    /// <summary>In slices, each in the store before the next: a killed run loses one at most. rows[i]: where text i's embedding belongs.</summary>
    private void EmbedMissing(string[] texts, int[] rows, Span<float> embeddings)
    {
        if (texts.Length == 0)
        {
            return;
        }
        var d = Dimension;
        if (embedder.Dimension != d)
        {
            throw new TextException($"{store.Path} holds embeddings of {d} numbers, the encoder gives {embedder.Dimension}. Delete the file: its captions will be embedded again.");
        }
        var slice = new float[Math.Min(SliceCaptions, texts.Length) * d];
        for (var at = 0; at < texts.Length; at += SliceCaptions)
        {
            var part = new ArraySegment<string>(texts, at, Math.Min(SliceCaptions, texts.Length - at));
            var found = slice.AsSpan(0, part.Count * d);
            embedder.Embed(part, found);
            Keep(part, found);
            for (var i = 0; i < part.Count; i++)
            {
                found.Slice(i * d, d).CopyTo(embeddings.Slice(rows[at + i] * d, d));
            }
        }
    }

    /// <summary>A store that cannot be written must not end a run that can go on without.</summary>
    private void Keep(IReadOnlyList<string> texts, ReadOnlySpan<float> embeddings)
    {
        lock (gate)
        {
            if (StoreFailure is not null)
            {
                return;
            }
            try
            {
                store.Append(texts, embeddings);
            }
            catch (IOException e)
            {
                StoreFailure = e.Message;
            }
        }
    }

    private static int ReadDimension(string path)
    {
        using var store = EmbeddingStore.Open(path);
        return store.Dimension;
    }
}
