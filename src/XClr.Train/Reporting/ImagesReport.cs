using XClr.Data;
using XClr.Train.Evaluation;

namespace XClr.Train.Reporting;

/// <summary>A held-out image: a small copy, its caption and class where it has them, and its place in the map.</summary>
public sealed record ReportImage(string Picture, string? Caption, string? Class, double X, double Y);

/// <summary>An image and its nearest others.</summary>
public sealed record Gallery(int Image, IReadOnlyList<Neighbour> Near);

/// <summary>What a network makes of held-out images, by its features.</summary>
/// <param name="Images">A seeded choice.</param>
/// <param name="Explained">Share of the variance of the normalised features that the map's two axes, the first principal components, hold.</param>
/// <param name="Order">Images of the matrices, by class or caption.</param>
/// <param name="ImageCosines">Cosines of their features, row by row.</param>
/// <param name="TextCosines">Cosines of their captions; null without captions.</param>
/// <param name="Galleries">Some images with their nearest.</param>
/// <param name="Fidelity">Spearman correlation of the two kinds of cosines over all images; null without captions.</param>
public sealed record ImagesReport(IReadOnlyList<ReportImage> Images, double Explained, IReadOnlyList<int> Order, float[] ImageCosines, float[]? TextCosines, IReadOnlyList<Gallery> Galleries, double? Fidelity)
{
    private const int Side = 72, MatrixImages = 48, GalleryImages = 6, GalleryNeighbours = 5, Rows = 64;

    /// <summary>Runs a run's network on its held-out data.</summary>
    public static ImagesReport Create(string folder, TrainConfig config, int images, Action<string> warn, CancellationToken stop)
    {
        using var validation = TrainSetup.OpenValidation(config, training: null, stop);
        using var device = TrainSetup.OpenDevice(config.Device);
        using var loaded = LoadedModel.Open(device, folder, new NetworkOptions());
        var pictures = new List<string>();
        FeatureSet set;
        using (var encoder = new Encoder(device, loaded.Model, loaded.Images, Rows))
        {
            set = FeatureSet.Extract(encoder, validation, images, TrainSetup.Workers(config), warn, stop, sample => pictures.Add(Thumbnail.DataUri(sample.Image, Side)));
        }
        var unit = Evaluation.Rows.Normalized(set.Features);
        var text = set.Captions.All(c => c is not null) ? Texts(config, validation, [.. set.Captions.Select(c => c!)], warn) : null;
        var (places, explained) = PrincipalPlane.Of(unit);
        int[] order = [.. Enumerable.Range(0, set.Count).OrderBy(i => set.Labels?[i] ?? 0).ThenBy(i => set.Captions[i], StringComparer.Ordinal).Where((_, i) => i % Math.Max(1, set.Count / MatrixImages) == 0).Take(MatrixImages)];
        var near = NearestRows.Find(device, unit, unit, GalleryNeighbours + 1, stop);
        var step = Math.Max(1, set.Count / GalleryImages);
        return new ImagesReport(
            [.. pictures.Select((p, i) => new ReportImage(p, set.Captions[i], set.Labels is { } labels && validation.Classes is { } names ? names[labels[i]] : null, places[i].X, places[i].Y))],
            explained, order, Cosines(unit, order), text is null ? null : Cosines(text, order),
            [.. Enumerable.Range(0, Math.Min(GalleryImages, set.Count)).Select(g => g * step).Select(i => new Gallery(i, [.. near[i].Where(n => n.Row != i).Take(GalleryNeighbours)]))],
            text is null ? null : SimilarityFidelity.Compute(unit.First(set.Count), unit.Width, text.First(set.Count), text.Width));
    }

    private static RowMatrix Texts(TrainConfig config, IImageDataset validation, IReadOnlyList<string> captions, Action<string> warn)
    {
        using var source = CaptionSource.Open(config.TextEncoder, config.TextProvider, [validation], warn);
        return source.EmbedRows(captions);
    }

    private static float[] Cosines(RowMatrix unit, int[] order) =>
        [.. order.SelectMany(i => order.Select(j => MathF.Round(System.Numerics.Tensors.TensorPrimitives.Dot(unit[i], unit[j]), 3)))];
}
