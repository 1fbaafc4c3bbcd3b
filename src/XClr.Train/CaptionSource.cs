using System.Numerics.Tensors;
using XClr.Data;
using XClr.Nn.Models;
using XClr.Text;

namespace XClr.Train;

/// <summary>
/// Caption embeddings for training and evaluation: through the encoder and its store, padded with zeros to a width that kernels like.
/// Not thread-safe.
/// </summary>
public sealed class CaptionSource : IDisposable
{
    private readonly CaptionCache cache;

    private CaptionSource(CaptionCache cache) => this.cache = cache;

    /// <summary>D: numbers per embedding.</summary>
    public int Dimension => cache.Dimension;

    /// <summary>D rounded up to a multiple of 4: the row length of <see cref="Embed"/>.</summary>
    public int Width => ModelSpec.Stored(Dimension);

    /// <summary>Why embeddings are no longer stored for the next run (a full disk, say); null while all is well.</summary>
    public string? StoreFailure => cache.StoreFailure;

    /// <summary>What lies beside the data that the encoder was opened for.</summary>
    public BesideData Beside => cache.Beside;

    /// <summary>
    /// Opens an encoder by name or directory, on one of ONNX Runtime's providers. data: sets in whose folders packed embeddings are looked for. warn: is told where those are
    /// another encoder's, and this one's are not there too.
    /// </summary>
    /// <exception cref="TextException">The encoder, its store or embeddings beside the data cannot be used.</exception>
    public static CaptionSource Open(string encoder, string provider, IReadOnlyList<IImageDataset?> data, Action<string>? warn = null)
    {
        string[] folders = [.. data.OfType<IImageDataset>().SelectMany(d => d.Folders).Distinct(StringComparer.Ordinal)];
        var cache = CaptionCache.Open(encoder, new EmbedderOptions { Provider = provider }, new CacheOptions { DataFolders = folders });
        if (cache.Beside is { Stale: [var first, ..], Dimension: null })
        {
            warn?.Invoke($"{first} is damaged, or holds embeddings of another encoder (or version of it) than --text-encoder {encoder}: the captions are embedded again. 'xclr pack' with this --text-encoder adds its own.");
        }
        return new(cache);
    }

    /// <summary>Embeddings of captions, row-major [N, Width], L2-normalised; a caption without a known word is a zero row.</summary>
    public float[] Embed(IReadOnlyList<string> captions)
    {
        var dense = new float[captions.Count * Dimension];
        cache.Embed(captions, dense);
        return StateDict.Pad(dense, Dimension);
    }

    /// <summary>The same where the numbers may be more than one array holds: [N, Width].</summary>
    public Evaluation.RowMatrix EmbedRows(IReadOnlyList<string> captions)
    {
        var rows = new Evaluation.RowMatrix(Width);
        foreach (var chunk in captions.Chunk(4096))
        {
            rows.Add(Embed(chunk));
        }
        return rows;
    }

    /// <summary>One row of <see cref="Embed"/> [Width] where the embedding is stored already; false, and the row undefined, where it is not. Allocates nothing.</summary>
    public bool TryGet(ReadOnlySpan<char> caption, Span<float> row)
    {
        row[Dimension..].Clear();
        return cache.TryGet(caption, row);
    }

    /// <summary>The normalised mean of the embeddings of each sample's captions, row-major [N, Width]; a sample none of whose captions holds a known word is a zero row.</summary>
    public float[] EmbedMean(IReadOnlyList<IReadOnlyList<string>> captions)
    {
        var all = Embed([.. captions.SelectMany(c => c)]);
        var mean = new float[captions.Count * Width];
        var at = 0;
        for (var i = 0; i < captions.Count; i++)
        {
            var row = mean.AsSpan(i * Width, Width);
            foreach (var _ in captions[i])
            {
                TensorPrimitives.Add(row, all.AsSpan(at++ * Width, Width), row);
            }
            if (TensorPrimitives.Norm<float>(row) is > 0 and var norm)
            {
                TensorPrimitives.Divide(row, norm, row);
            }
        }
        return mean;
    }

    /// <summary>The share of pairs of captions whose cosine is above a bound, 0 to 1; 0 where there are fewer than two. Takes time in proportion to the pairs.</summary>
    public double ShareOfPairsAbove(IReadOnlyList<string> captions, float cosine)
    {
        var rows = Embed(captions);
        var above = 0L;
        Parallel.For(0, captions.Count, i =>
        {
            var row = rows.AsSpan(i * Width, Width);
            var mine = 0L;
            for (var j = i + 1; j < captions.Count; j++)
            {
                mine += TensorPrimitives.Dot<float>(row, rows.AsSpan(j * Width, Width)) > cosine ? 1 : 0;
            }
            Interlocked.Add(ref above, mine);
        });
        return captions.Count < 2 ? 0 : above / (0.5 * captions.Count * (captions.Count - 1));
    }

    /// <summary>Cosines of all pairs of class captions: row-major [K,K], 1 on the diagonal.</summary>
    public float[] ClassSimilarity(IReadOnlyList<string> classNames, string template)
    {
        var fill = new CaptionTemplate(template);
        var rows = Embed([.. classNames.Select(fill.Fill)]);
        var similarity = new float[classNames.Count * classNames.Count];
        for (var i = 0; i < classNames.Count; i++)
        {
            for (var j = 0; j < classNames.Count; j++)
            {
                similarity[i * classNames.Count + j] = i == j ? 1 : Math.Min(1, Evaluation.Rows.Dot(rows, i, j, Width));
            }
        }
        return similarity;
    }

    public void Dispose() => cache.Dispose();
}
