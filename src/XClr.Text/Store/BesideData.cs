namespace XClr.Text;

/// <summary>
/// Embeddings that travel with their data: stores (the cache's own format) in the data's folders, named captions-*.xemb. Those of the encoder in use answer look-ups; others are stale.
/// One file per folder, not one per shard, since a caption would have to be looked for in all of them. Safe for concurrent use.
/// </summary>
public sealed class BesideData : IDisposable
{
    private readonly List<EmbeddingStore> current;

    private BesideData(List<EmbeddingStore> current, List<string> stale) => (this.current, Stale) = (current, stale);

    /// <summary>Files that are of no use: another encoder, or another version of this one, made them, or they are damaged.</summary>
    public IReadOnlyList<string> Stale { get; }

    /// <summary>Files of this encoder with the number of their captions.</summary>
    public IReadOnlyList<(string Path, long Captions)> Current => [.. current.Select(s => (s.Path, s.Count))];

    /// <summary>D, numbers per embedding; null where there is no file of this encoder.</summary>
    public int? Dimension => current.Count > 0 ? current[0].Dimension : null;

    /// <summary>Where an encoder's embeddings lie in a folder.</summary>
    public static string PathIn(string folder, string fingerprint) => Path.Combine(folder, $"captions-{fingerprint[..16]}.xemb");

    /// <summary>Looks into folders, where nothing is written; one that does not exist holds none.</summary>
    public static BesideData Open(IReadOnlyList<string> folders, string fingerprint)
    {
        var (current, stale) = (new List<EmbeddingStore>(), new List<string>());
        foreach (var path in folders.Where(Directory.Exists).SelectMany(f => Directory.GetFiles(f, "captions-*.xemb")).Order(StringComparer.Ordinal))
        {
            var store = TryOpen(path);
            if (store?.Fingerprint == fingerprint)
            {
                current.Add(store);
            }
            else
            {
                store?.Dispose();
                stale.Add(path);
            }
        }
        return new(current, stale);
    }

    private static EmbeddingStore? TryOpen(string path)
    {
        try
        {
            return EmbeddingStore.OpenIntact(path);
        }
        catch (TextException)
        {
            return null;
        }
    }

    /// <summary>Copies a caption's embedding [D]; false where no file has it.</summary>
    public bool TryGet(ReadOnlySpan<char> caption, Span<float> embedding)
    {
        foreach (var store in current)
        {
            if (store.TryGet(caption, embedding))
            {
                return true;
            }
        }
        return false;
    }

    public void Dispose() => current.ForEach(s => s.Dispose());
}
