namespace XClr.Train.Evaluation;

/// <summary>What one protocol measured. Members that do not concern it are null.</summary>
public sealed record ProtocolResult(string Protocol)
{
    /// <summary>Name of its top-1 accuracy among <see cref="EvalResults.Values"/>.</summary>
    public string? Top1Name { get; init; }

    /// <summary>The part of the training images that was used, as <see cref="Subset.Name"/> has it.</summary>
    public string? Fraction { get; init; }

    /// <summary>How images came into the text space.</summary>
    public string? Map { get; init; }

    /// <summary>Training images that were used.</summary>
    public int? TrainingImages { get; init; }

    /// <summary>The probe's penalty, see <see cref="ProbeFit"/>.</summary>
    public double? Penalty { get; init; }

    /// <summary>False where the probe stopped before its tolerance.</summary>
    public bool? Converged { get; init; }

    /// <summary>Prompt templates per class.</summary>
    public int? Templates { get; init; }

    public Classification? Classification { get; init; }

    public RetrievalResult? Retrieval { get; init; }

    public ImageRetrieval? Images { get; init; }
}

/// <summary>Results of an evaluation.</summary>
/// <param name="Values">Figures by name (<see cref="EvalNames"/>); of a part of the training images with @ and the part's name behind.</param>
/// <param name="Protocols">The same in full.</param>
/// <param name="Unmeasured">Why protocols that were asked for were not measured.</param>
public sealed record EvalResults(IReadOnlyDictionary<string, double> Values, IReadOnlyList<ProtocolResult> Protocols, IReadOnlyList<string> Unmeasured)
{
    /// <summary>Nothing was measured: there are counts of images alone.</summary>
    public bool IsEmpty => Values.Keys.All(k => k is EvalNames.Queries or EvalNames.Skipped or EvalNames.Bank);
}

/// <summary>How protocols are carried out.</summary>
/// <param name="Fractions">Parts of the training images for the probes and k-NN.</param>
/// <param name="Templates">Prompts of the zero-shot classes.</param>
/// <param name="ProbeEpochs">Epochs of the probe with augmentation.</param>
public sealed record EvalOptions(IReadOnlyList<Subset> Fractions, IReadOnlyList<PromptTemplate> Templates, int ProbeEpochs = 90)
{
    /// <summary>All training images, one template, 90 epochs.</summary>
    public static EvalOptions Default { get; } = new([Subset.All], [PromptTemplate.Default]);
}

/// <summary>What is measured.</summary>
[Flags]
public enum EvalProtocol
{
    Knn = 1,
    Fidelity = 2,
    Linear = 4,
    LinearAug = 8,
    ZeroShot = 16,
    Retrieval = 32,

    /// <summary>What a training run measures of itself.</summary>
    InTraining = Knn | Fidelity,

    /// <summary>Protocols that need labelled training images.</summary>
    Supervised = Knn | Linear | LinearAug,

    /// <summary>Protocols that need captions' embeddings.</summary>
    Texts = Fidelity | ZeroShot | Retrieval,
}

/// <summary>Names of protocols, as options and results have them.</summary>
public static class ProtocolNames
{
    /// <summary>Each protocol by its name.</summary>
    public static IReadOnlyDictionary<string, EvalProtocol> All { get; } = new Dictionary<string, EvalProtocol>
    {
        ["linear"] = EvalProtocol.Linear,
        ["linear-aug"] = EvalProtocol.LinearAug,
        ["knn"] = EvalProtocol.Knn,
        ["zeroshot"] = EvalProtocol.ZeroShot,
        ["retrieval"] = EvalProtocol.Retrieval,
        ["fidelity"] = EvalProtocol.Fidelity,
    };

    /// <summary>Names of all that are asked for, comma-separated.</summary>
    public static string Of(EvalProtocol asked) => string.Join(',', All.Where(p => asked.HasFlag(p.Value)).Select(p => p.Key));
}

/// <summary>Names of results, as in metrics.jsonl and tables.</summary>
public static class EvalNames
{
    /// <summary>Share of held-out images whose k nearest training images vote for the right label, 0 to 1.</summary>
    public const string KnnTop1 = "knn_top1";

    /// <summary>Share of held-out images whose class the network's own classifier names, 0 to 1.</summary>
    public const string HeadTop1 = "head_top1";

    /// <summary>Share of held-out images whose class the linear probe names, and the probe with augmentation.</summary>
    public const string LinearTop1 = "linear_top1", LinearAugTop1 = "linear_aug_top1";

    /// <summary>Share of held-out images that are nearest to their class's text.</summary>
    public const string ZeroShotTop1 = "zeroshot_top1";

    /// <summary>Share of images with a caption of their own among the first texts, and of texts with an image of theirs among the first images.</summary>
    public const string ImageToText = "image_to_text_r", TextToImage = "text_to_image_r";

    /// <summary>See <see cref="ImageRetrieval"/>.</summary>
    public const string NeighbourTextCosine = "image_to_image_text_cosine", NeighbourPrecision = "image_to_image_precision";

    /// <summary>Spearman correlation of feature similarities with caption similarities.</summary>
    public const string Fidelity = "fidelity";

    /// <summary>The same on projections.</summary>
    public const string FidelityProjections = "fidelity_projections";

    /// <summary>Training images in the bank, held-out images.</summary>
    public const string Bank = "bank_images", Queries = "val_images", Skipped = "skipped";
}
