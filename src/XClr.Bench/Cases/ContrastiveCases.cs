using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Losses;
using XClr.Nn.Optim;

namespace XClr.Bench.Cases;

/// <summary>Which target a contrastive case trains towards.</summary>
public enum ContrastiveKind
{
    OtherView,
    SameLabel,
    ClassSimilarity,
    Text,
}

/// <summary>
/// A batch of N samples for the contrastive loss, forward and backward. Inputs z [2N,P] and text [N,D] stand for normalised rows: tests normalise them.
/// The local rows are samples First .. First + Local - 1.
/// </summary>
public sealed record ContrastiveCase(ContrastiveKind Kind, int N, int P, int D = 4, int Classes = 3, int First = 0, int Local = 0, float Tau = 0.1f, float TauS = 0.1f, float LossScale = 1, bool DistinctLabels = false)
{
    /// <summary>Samples of this device; all unless Local is given.</summary>
    public int LocalSamples => Local == 0 ? N : Local;

    /// <summary>Labels of the samples: uneven classes, or each sample its own.</summary>
    public uint[] Labels() => [.. Enumerable.Range(0, N).Select(i => (uint)(DistinctLabels ? i : i * i % Classes))];

    /// <summary>Inputs z, columns where the rows are a part of them, text or labels and similarity, step; outputs state, loss, stats, dz.</summary>
    public OpCase ToOpCase()
    {
        var inputs = new List<OpTensor> { new("z", new Shape(2 * LocalSamples, P)), new("step", new Shape(StepVariables.Words), Type: DType.UInt32, Values: StepWords) };
        if (LocalSamples != N)
        {
            inputs.Add(new("columns", new Shape(2 * N, P)));
            inputs.Add(new("all_states", new Shape(N, ContrastiveLoss.StateWidth)));
        }
        if (Kind == ContrastiveKind.Text)
        {
            inputs.Add(new("text", new Shape(N, D)));
        }
        if (Kind is ContrastiveKind.SameLabel or ContrastiveKind.ClassSimilarity)
        {
            inputs.Add(new("labels", new Shape(N), Type: DType.UInt32, Values: Labels));
        }
        if (Kind == ContrastiveKind.ClassSimilarity)
        {
            inputs.Add(new("similarity", new Shape(Classes, Classes), Fill.Uniform01));
        }
        return new OpCase(
            ToString(), inputs,
            [new("state", new Shape(LocalSamples, ContrastiveLoss.StateWidth)), new("loss", new Shape(1)), new("stats", new Shape(4)), new("dz", new Shape(2 * LocalSamples, P))],
            Record);
    }

    public override string ToString() =>
        $"contrastive {Kind} N{N} P{P}{(Kind == ContrastiveKind.Text ? $" D{D}" : "")}{(LocalSamples == N ? "" : $" rows {First}+{Local}")} tau {Tau} tau_s {TauS}";

    private uint[] StepWords()
    {
        var words = new uint[StepVariables.Words];
        Buffer.BlockCopy(new StepVariables(0.1f, LossScale).ToBytes(), 0, words, 0, 4 * words.Length);
        return words;
    }

    private void Record(Recorder gpu, IReadOnlyDictionary<string, Tensor> t)
    {
        var z = LocalSamples == N ? new ContrastiveRows(t["z"]) : new ContrastiveRows(t["z"], t["columns"], First);
        ContrastiveTargets targets = Kind switch
        {
            ContrastiveKind.Text => new ContrastiveTargets.Text(t["text"], TauS),
            ContrastiveKind.SameLabel => new ContrastiveTargets.SameLabel(t["labels"]),
            ContrastiveKind.ClassSimilarity => new ContrastiveTargets.ClassSimilarity(t["labels"], t["similarity"], TauS),
            _ => new ContrastiveTargets.OtherView(),
        };
        ContrastiveLoss.Forward(gpu, z, targets, Tau, t["state"], t["loss"], t["stats"]);
        ContrastiveLoss.Backward(gpu, z, targets, Tau, LocalSamples == N ? t["state"] : t["all_states"], t["step"], t["dz"]);
    }
}

/// <summary>The contrastive loss at ragged sizes.</summary>
public static class ContrastiveCases
{
    /// <summary>
    /// One to a few samples, odd counts, more than one tile and slab, lengths that are no multiple of a tile's step; z and text of the largest are cut into windows where
    /// a binding holds 1 MiB.
    /// </summary>
    public static IEnumerable<ContrastiveCase> Small =>
    [
        new(ContrastiveKind.Text, 1, 4),
        new(ContrastiveKind.Text, 2, 12, 8),
        new(ContrastiveKind.Text, 3, 128, 384),
        new(ContrastiveKind.Text, 33, 20, 36, LossScale: 8),
        new(ContrastiveKind.Text, 127, 128, 384),
        new(ContrastiveKind.Text, 301, 516, 1028, Tau: 0.02f, TauS: 0.05f),
        new(ContrastiveKind.OtherView, 2, 4),
        new(ContrastiveKind.OtherView, 37, 128, Tau: 0.01f),
        new(ContrastiveKind.SameLabel, 3, 8),
        new(ContrastiveKind.SameLabel, 65, 36, Classes: 7),
        new(ContrastiveKind.ClassSimilarity, 5, 16, Classes: 3),
        new(ContrastiveKind.ClassSimilarity, 70, 32, Classes: 13),
    ];
}
