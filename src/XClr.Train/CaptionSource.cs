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

    /// <summary>Opens an encoder by name or directory, on one of ONNX Runtime's providers.</summary>
    public static CaptionSource Open(string encoder, string provider) => new(CaptionCache.Open(encoder, new EmbedderOptions { Provider = provider }));

    /// <summary>Embeddings of captions, row-major [N, Width], L2-normalised; a caption without a known word is a zero row.</summary>
    public float[] Embed(IReadOnlyList<string> captions)
    {
        var dense = new float[captions.Count * Dimension];
        cache.Embed(captions, dense);
        return StateDict.Pad(dense, Dimension);
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
