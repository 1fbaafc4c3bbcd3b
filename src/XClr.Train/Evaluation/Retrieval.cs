using System.Numerics.Tensors;
using XClr.Gpu;

namespace XClr.Train.Evaluation;

/// <summary>Shares of queries with a right answer among the first 1, 5 and 10.</summary>
public sealed record RecallAt(double R1, double R5, double R10)
{
    /// <summary>From the rank (0 = first) of each query's best right answer; null = none among the ten.</summary>
    internal static RecallAt Of(IReadOnlyList<int?> ranks)
    {
        double Share(int k) => ranks.Count(r => r < k) / (double)ranks.Count;
        return new RecallAt(Share(1), Share(5), Share(10));
    }
}

/// <summary>Nearest held-out images of held-out images, the image itself left out.</summary>
/// <param name="K">Neighbours per image.</param>
/// <param name="TextCosine">Mean cosine of the captions of an image and of its neighbours.</param>
/// <param name="RandomTextCosine">The same of any two images: what no order gives.</param>
/// <param name="Precision">Share of the neighbours with the image's label; null without labels.</param>
public sealed record ImageRetrieval(int K, double TextCosine, double RandomTextCosine, double? Precision);

/// <summary>Retrieval among held-out images and their captions. Texts are the distinct captions; any of an image's captions is right for it, and any image that has a caption is right for that.</summary>
public sealed record RetrievalResult(int Images, int Texts, RecallAt ImageToText, RecallAt TextToImage);

/// <summary>The protocol `retrieval`.</summary>
internal static class Retrieval
{
    private const int Deepest = 10;

    /// <summary>Between images and texts, in a common space. images: [n,P]; own: each image's captions, one at least; embed: rows [m,P] of m captions.</summary>
    public static RetrievalResult WithTexts(GpuDevice device, RowMatrix images, IReadOnlyList<IReadOnlyList<string>> own, Func<IReadOnlyList<string>, RowMatrix> embed, CancellationToken stop)
    {
        var texts = own.SelectMany(c => c).Distinct(StringComparer.Ordinal).ToList();
        var indexOf = texts.Select((t, i) => (t, i)).ToDictionary(p => p.t, p => p.i, StringComparer.Ordinal);
        var textsOf = own.Select(c => c.Select(t => indexOf[t]).ToHashSet()).ToArray();
        var imagesOf = texts.Select(_ => new HashSet<int>()).ToArray();
        for (var i = 0; i < textsOf.Length; i++)
        {
            foreach (var t in textsOf[i])
            {
                imagesOf[t].Add(i);
            }
        }
        var rows = embed(texts);
        return new RetrievalResult(images.Count, texts.Count,
            RecallAt.Of(Ranks(NearestRows.Find(device, rows, images, Deepest, stop), textsOf)), RecallAt.Of(Ranks(NearestRows.Find(device, images, rows, Deepest, stop), imagesOf)));
    }

    /// <summary>Between images alone, two at least, by features [n,F]; texts: an embedding per image [n,D], L2-normalised.</summary>
    public static ImageRetrieval OfImages(GpuDevice device, RowMatrix features, RowMatrix texts, IReadOnlyList<int>? labels, CancellationToken stop)
    {
        var found = NearestRows.Find(device, features, features, Deepest + 1, stop);
        var pairs = found.SelectMany((near, i) => near.Where(n => n.Row != i).Take(Deepest).Select(n => (Image: i, Other: n.Row))).ToList();
        return new ImageRetrieval(Math.Min(Deepest, features.Count - 1), pairs.Average(p => TensorPrimitives.Dot(texts[p.Image], texts[p.Other])),
            Rows.MeanOffDiagonalCosine(texts.First(SimilarityFidelity.MaxSamples), texts.Width), labels is null ? null : pairs.Average(p => labels[p.Image] == labels[p.Other] ? 1.0 : 0));
    }

    private static List<int?> Ranks(Neighbour[][] found, HashSet<int>[] right) =>
        [.. found.Select((near, q) => Array.FindIndex(near, n => right[q].Contains(n.Row)) is >= 0 and var rank ? rank : (int?)null)];
}
