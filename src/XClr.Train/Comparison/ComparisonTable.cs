using XClr.Train.Evaluation;

namespace XClr.Train.Comparison;

/// <summary>Mean and standard deviation (n - 1) over seeds; the deviation is null with one seed.</summary>
public sealed record MeanOfSeeds(double Mean, double? Deviation, int Seeds)
{
    /// <summary>Of the values of all seeds.</summary>
    public static MeanOfSeeds Of(IReadOnlyList<double> values)
    {
        var mean = values.Average();
        return new MeanOfSeeds(mean, values.Count > 1 ? Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1)) : null, values.Count);
    }
}

/// <summary>A row: a loss, over its seeds. OwnView: mean of <see cref="CellResult.TargetOwnView"/>.</summary>
public sealed record ComparisonRow(string Name, int Seeds, IReadOnlyDictionary<string, MeanOfSeeds> Values, double? OwnView);

/// <summary>The cells so far, in the order of their first appearance. A partial table is valid: cells come seed by seed.</summary>
public sealed record ComparisonTable(IReadOnlyList<ComparisonRow> Rows, IReadOnlyList<CellResult> Cells)
{
    // Student's t for an interval of 95 %, by degrees of freedom from 1 on.
    private static readonly double[] Student = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

    /// <summary>Measures that the table shows, and their titles.</summary>
    public static IReadOnlyList<(string Name, string Title)> Columns { get; } =
    [
        (EvalNames.LinearTop1, "linear"), (EvalNames.KnnTop1, "k-NN"), (EvalNames.ZeroShotTop1, "zero-shot"), (EvalNames.ImageToText + "1", "image to text R@1"),
        (EvalNames.TextToImage + "1", "text to image R@1"), (EvalNames.NeighbourTextCosine, "neighbours' text cosine"), (EvalNames.Fidelity, "fidelity"),
    ];

    /// <summary>From cells.</summary>
    public static ComparisonTable Of(IReadOnlyList<CellResult> cells) => new(
        [.. cells.GroupBy(c => c.Row).Select(g => new ComparisonRow(
            g.Key, g.Count(), g.SelectMany(c => c.Values).GroupBy(v => v.Key).ToDictionary(v => v.Key, v => MeanOfSeeds.Of([.. v.Select(p => p.Value)])),
            g.Any(c => c.TargetOwnView is not null) ? g.Average(c => c.TargetOwnView) : null))], cells);

    /// <summary>What the table says of the paper's claim at this scale, and what bounds it; sentences.</summary>
    public IReadOnlyList<string> Findings()
    {
        double? KnnOf(LossKind? loss) => Rows.FirstOrDefault(r => r.Name == ComparisonCell.TitleOf(loss))?.Values.GetValueOrDefault(EvalNames.KnnTop1)?.Mean;
        var found = new List<string>();
        if ((KnnOf(LossKind.Xclr), KnnOf(LossKind.SimClr), KnnOf(null)) is ({ } xclr, { } simclr, { } untrained))
        {
            found.Add(FormattableString.Invariant($"X-CLR > SimCLR > untrained by k-NN, on the mean of the seeds: {(xclr > simclr && simclr > untrained ? "yes" : "no")} ({xclr:0.000}, {simclr:0.000}, {untrained:0.000}).{Untold(LossKind.Xclr, LossKind.SimClr)}{Untold(LossKind.SimClr, null)}"));
        }
        if (KnnOf(LossKind.Clip) is { } clip && clip > KnnOf(LossKind.Xclr))
        {
            found.Add("CLIP leads here: on clean captions of few scenes a caption is almost a label, and the frozen sentence encoder tells captions apart from the first step on. The paper's CLIP learns its text tower from noisy web captions, where it falls behind.");
        }
        if (Rows.FirstOrDefault(r => r.Name == ComparisonCell.TitleOf(LossKind.Xclr))?.OwnView is { } own)
        {
            found.Add(FormattableString.Invariant($"X-CLR's target_own_view is {own:0.000}: the share of its target on the sample's own other view. At 1 it is SimCLR."));
        }
        return found;
    }

    // A sentence where the seeds that both have leave open which of two losses has the better k-NN: the interval of their mean difference holds zero.
    private string Untold(LossKind? a, LossKind? b)
    {
        Dictionary<ulong, double> Of(LossKind? loss) => Cells.Where(c => c.Row == ComparisonCell.TitleOf(loss) && c.Values.ContainsKey(EvalNames.KnnTop1)).GroupBy(c => c.Seed).ToDictionary(g => g.Key, g => g.Average(c => c.Values[EvalNames.KnnTop1]));
        var (ofA, ofB) = (Of(a), Of(b));
        List<double> differences = [.. ofA.Keys.Where(ofB.ContainsKey).Select(seed => ofA[seed] - ofB[seed])];
        if (differences.Count < 2)
        {
            return "";
        }
        var (mean, deviation, n) = MeanOfSeeds.Of(differences);
        var half = Student[Math.Min(n - 1, Student.Length) - 1] * deviation!.Value / Math.Sqrt(n);
        return Math.Abs(mean) > half ? "" : FormattableString.Invariant(
            $" {n} seeds do not tell {ComparisonCell.TitleOf(a)} and {ComparisonCell.TitleOf(b)} apart: their difference is {mean:0.000} ± {half:0.000} (95 %).");
    }
}
