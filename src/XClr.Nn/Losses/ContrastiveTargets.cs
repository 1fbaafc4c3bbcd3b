using XClr.Gpu;

namespace XClr.Nn.Losses;

/// <summary>
/// What a row's softmax is trained towards: a distribution over all other rows. Samples are indexed over all devices, 0 .. N-1; the sample's own other view
/// always has similarity exactly 1.
/// </summary>
public abstract record ContrastiveTargets
{
    private ContrastiveTargets(uint kind) => Kind = kind;

    /// <summary>Specialisation constant TARGET of shaders/loss/contrastive.glsl.</summary>
    internal uint Kind { get; }

    /// <summary>SimCLR (NT-Xent): all of the target on the sample's other view.</summary>
    public sealed record OtherView() : ContrastiveTargets(0);

    /// <summary>SupCon (L_out): uniform over the other rows of the same label, the other view included. Labels: UInt32 [N].</summary>
    public sealed record SameLabel(Tensor Labels) : ContrastiveTargets(1);

    /// <summary>
    /// Softmax of a table's entries, for labelled sets: target logit similarity[label_i, label_j] / tauS. Labels: UInt32 [N], each below K (not checked
    /// on the device); Similarity: [K,K], entries of at most 1. Must fit one binding.
    /// </summary>
    public sealed record ClassSimilarity(Tensor Labels, Tensor Similarity, float TauS) : ContrastiveTargets(2);

    /// <summary>X-CLR: softmax of c_i . c_j / tauS. Text: L2-normalised embeddings [N,D], D a multiple of 4 (padded with zeros).</summary>
    public sealed record Text(Tensor Embeddings, float TauS) : ContrastiveTargets(3);

    internal Tensor? TextTensor => (this as Text)?.Embeddings;

    internal Tensor? LabelTensor => this switch { SameLabel t => t.Labels, ClassSimilarity t => t.Labels, _ => null };

    internal Tensor? SimilarityTensor => (this as ClassSimilarity)?.Similarity;

    internal float InverseTauS => this switch { Text t => 1 / t.TauS, ClassSimilarity t => 1 / t.TauS, _ => 0 };

    internal void Require(DeviceCaps caps, int samples)
    {
        if (!float.IsFinite(InverseTauS) || InverseTauS < 0)
        {
            throw new ShapeException($"ContrastiveLoss: tauS must be positive and finite, its inverse is {InverseTauS}.");
        }
        if (TextTensor is { } text)
        {
            Shape.Require([samples, -1], text);
            if (text.Shape[1] % 4 != 0)
            {
                throw new ShapeException($"ContrastiveLoss: text embeddings {text.Shape} must be padded with zeros to a multiple of 4 columns.");
            }
        }
        if (LabelTensor is { } labels)
        {
            Shape.Require([samples], labels);
            RequireOneBinding(caps, labels, DType.UInt32);
        }
        if (SimilarityTensor is { } similarity)
        {
            Shape.Require([similarity.Shape[0], similarity.Shape[0]], similarity);
            RequireOneBinding(caps, similarity, DType.Float32);
        }
    }

    private static void RequireOneBinding(DeviceCaps caps, Tensor tensor, DType type)
    {
        if (tensor.Type != type || tensor.View.Bytes > caps.MaxStorageBufferRange)
        {
            throw new ShapeException(
                $"ContrastiveLoss: '{tensor.Name}' {tensor.Shape} of {tensor.Type} must be {type} and at most {caps.MaxStorageBufferRange} bytes (the device's maxStorageBufferRange).");
        }
    }
}
