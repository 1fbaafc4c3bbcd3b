using System.Numerics.Tensors;

namespace XClr.Train.Evaluation;

/// <summary>A 95 % interval of a share, 0 to 1, by the bootstrap over images.</summary>
public sealed record Interval(double Low, double High);

/// <summary>One class's images and the share of them that is named rightly (null without images).</summary>
public sealed record ClassAccuracy(int Class, string? Name, int Images, double? Top1);

/// <summary>Images of one class that were taken for another (or for itself); Predicted is a class of the training set.</summary>
public sealed record ConfusionCell(int Class, int Predicted, int Images);

/// <summary>What a classifier's scores are worth.</summary>
/// <param name="Images">Images that count.</param>
/// <param name="Top1">Share whose best class is the label's, 0 to 1; ties go to the lower class.</param>
/// <param name="Top1Interval">Of Top1.</param>
/// <param name="Top5">Share whose label is among the best five; null with five classes or fewer.</param>
/// <param name="MeanPerClass">Mean over the classes of their top-1 accuracies.</param>
/// <param name="Ece">Expected calibration error in 15 bins, 0 to 1; null where the scores are no probabilities.</param>
/// <param name="PerClass">Each class.</param>
/// <param name="Confusion">Cells that are not empty, by class and prediction.</param>
public sealed record Classification(
    int Images, double Top1, Interval Top1Interval, double? Top5, double MeanPerClass, double? Ece, IReadOnlyList<ClassAccuracy> PerClass, IReadOnlyList<ConfusionCell> Confusion)
{
    private const int Bins = 15, Resamples = 1000, Seed = 0;

    /// <summary>Judges scores [m,K] of m images.</summary>
    /// <param name="scores">Larger is better.</param>
    /// <param name="key">The right classes, all of images that count.</param>
    /// <param name="areProbabilities">Whether rows are probabilities, so that calibration has a meaning.</param>
    public static Classification Of(RowMatrix scores, AnswerKey key, bool areProbabilities)
    {
        var labels = key.Labels;
        var predicted = Enumerable.Range(0, labels.Count).Select(i => TensorPrimitives.IndexOfMax(scores[i])).ToArray();
        var hits = predicted.Select((p, i) => key.Accepts(i, p)).ToArray();
        var count = key.Right is null ? scores.Width : key.Names?.Count ?? labels.DefaultIfEmpty(-1).Max() + 1;
        var classes = Enumerable.Range(0, count).Select(c => ByClass(c, key.Names, labels, hits)).ToList();
        return new Classification(
            labels.Count, Share(hits), Bootstrap(hits), scores.Width > 5 ? Share([.. labels.Select((_, i) => key.Of(i).Min(l => Rank(scores[i], l)) < 5)]) : null,
            classes.Where(c => c.Top1 is not null).Select(c => c.Top1!.Value).DefaultIfEmpty(double.NaN).Average(),
            areProbabilities ? CalibrationError([.. predicted.Select((p, i) => scores[i][p])], hits) : null, classes,
            [.. labels.Zip(predicted).GroupBy(p => p).Select(g => new ConfusionCell(g.Key.First, g.Key.Second, g.Count())).OrderBy(c => c.Class).ThenBy(c => c.Predicted)]);
    }

    /// <summary>The 95 % interval of the share of hits: percentiles over 1,000 seeded resamples with replacement.</summary>
    public static Interval Bootstrap(IReadOnlyList<bool> hits)
    {
        if (hits.Count == 0)
        {
            return new Interval(double.NaN, double.NaN);
        }
        var random = new Random(Seed);
        var shares = new double[Resamples];
        for (var r = 0; r < Resamples; r++)
        {
            var count = 0;
            for (var i = 0; i < hits.Count; i++)
            {
                count += hits[random.Next(hits.Count)] ? 1 : 0;
            }
            shares[r] = count / (double)hits.Count;
        }
        Array.Sort(shares);
        return new Interval(shares[Resamples / 40], shares[Resamples - 1 - (Resamples / 40)]);
    }

    /// <summary>Mean over equal bins of confidence, weighted by their images, of |accuracy - confidence|.</summary>
    public static double CalibrationError(IReadOnlyList<float> confidence, IReadOnlyList<bool> hits) => confidence
        .Select((c, i) => (Bin: Math.Min(Bins - 1, (int)(c * Bins)), Confidence: (double)c, Hit: hits[i] ? 1.0 : 0.0))
        .GroupBy(p => p.Bin).Sum(g => Math.Abs(g.Sum(p => p.Hit - p.Confidence))) / confidence.Count;

    private static double Share(IReadOnlyList<bool> hits) => hits.Count == 0 ? double.NaN : hits.Count(h => h) / (double)hits.Count;

    // Classes before this one: better ones, and equal ones of a lower index.
    private static int Rank(ReadOnlySpan<float> row, int label)
    {
        var before = 0;
        for (var c = 0; c < row.Length; c++)
        {
            before += row[c] > row[label] || (row[c] == row[label] && c < label) ? 1 : 0;
        }
        return before;
    }

    private static ClassAccuracy ByClass(int c, IReadOnlyList<string>? names, IReadOnlyList<int> labels, bool[] hits)
    {
        var own = Enumerable.Range(0, labels.Count).Where(i => labels[i] == c).Select(i => hits[i]).ToList();
        return new ClassAccuracy(c, c < names?.Count ? names[c] : null, own.Count, own.Count == 0 ? null : Share(own));
    }
}
