using System.Numerics.Tensors;
using XClr.Gpu;
using XClr.Nn.Models;

namespace XClr.Train.Evaluation;

/// <summary>Where images and texts meet: CLIP's own space, or that of the text encoder, into which a ridge map fitted on training captions brings the images.</summary>
/// <param name="Name">What tables call the map.</param>
/// <param name="Ridge">The ridge map; null for CLIP.</param>
/// <param name="TextMap">CLIP's map of text embeddings; null where they stay as they are.</param>
/// <param name="LogitScale">Factor of cosines that CLIP learnt; null for a ridge map, whose cosines are no logits.</param>
internal sealed record TextSpace(string Name, RidgeMap? Ridge, AffineMap? TextMap, double? LogitScale)
{
    /// <summary>CLIP's heads.</summary>
    public static TextSpace OfClip(GpuDevice device, Model model)
    {
        var map = model.Parameters.Value(Model.TextMap);
        var (inputs, outputs) = (map.Shape[0], map.Shape[1]);
        var scale = device.Transfer.Download(model.Parameters.Value(Model.LogitScale), 1)[0];
        return new TextSpace("CLIP's heads", null, new AffineMap(Standardizer.None(inputs), device.Transfer.Download(map, inputs * outputs), new float[outputs], model.Spec.ProjectionWidth), Math.Exp(scale));
    }

    /// <summary>A ridge map from features to the embeddings of their captions.</summary>
    public static TextSpace OfRidge(RidgeMap ridge) => new(FormattableString.Invariant($"ridge map, lambda {ridge.Lambda:0.####}{(ridge.Lambda == RidgeMap.Lambdas[^1] ? ", the largest tried" : ridge.Lambda == RidgeMap.Lambdas[0] ? ", the smallest tried" : "")}"), ridge, null, null);

    /// <summary>Images in the space, L2-normalised.</summary>
    public RowMatrix Images(GpuDevice device, FeatureSet set, CancellationToken stop) => Ridge is null ? set.Projections! : Rows.Normalized(Ridge.Map.Apply(device, set.Features, stop));

    /// <summary>Text embeddings in the space, L2-normalised.</summary>
    public RowMatrix Texts(GpuDevice device, RowMatrix embeddings, CancellationToken stop) => TextMap is null ? embeddings : Rows.Normalized(TextMap.Apply(device, embeddings, stop));

    /// <summary>Each class's text: the mean of its prompts' normalised embeddings, renormalised. [K,P].</summary>
    public RowMatrix Classes(GpuDevice device, CaptionSource captions, IReadOnlyList<string> names, IReadOnlyList<PromptTemplate> templates, CancellationToken stop)
    {
        var prompts = names.SelectMany(n => templates.Select(t => t.Fill(n))).ToList();
        var texts = Texts(device, captions.EmbedRows(prompts), stop);
        var classes = new RowMatrix(texts.Width);
        var mean = new float[texts.Width];
        for (var c = 0; c < names.Count; c++)
        {
            Array.Clear(mean);
            for (var t = 0; t < templates.Count; t++)
            {
                TensorPrimitives.Add(mean, texts[c * templates.Count + t], mean);
            }
            classes.Add(mean);
        }
        return Rows.Normalized(classes);
    }
}
