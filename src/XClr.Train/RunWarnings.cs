using XClr.Data;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>What a run's captions, targets and left-out samples say that its user should know.</summary>
/// <param name="config">The run's.</param>
/// <param name="reporter">Is told.</param>
/// <param name="samples">Raw samples per epoch.</param>
internal sealed class RunWarnings(TrainConfig config, ITrainReporter reporter, long samples)
{
    // Captions that say what all are like.
    private const int CaptionSample = 1000;
    private const double OwnViewWarning = 0.9;
    private const double RepeatedWarning = 0.1;
    // The largest first; each is warned of once.
    private static readonly double[] SkippedShares = [0.5, 0.1, 0.01];
    private const int FewestForShare = 1000;
    private double warnedOfShare;

    /// <summary>How much the data's first captions differ to the text encoder.</summary>
    public void ReportCaptions(IImageDataset data, CaptionSource captions)
    {
        var sample = TrainSetup.FirstCaptions(data, CaptionSample).ToList();
        ReportDamagedCaptions(sample.Count(c => c.Contains('\uFFFD')), sample.Count);
        var mean = Rows.MeanOffDiagonalCosine(captions.Embed(sample), captions.Width);
        reporter.Info($"captions: {captions.Dimension} numbers each ({config.TextEncoder}), mean cosine of different samples {mean:0.000}");
        if (mean is < 0.01 or > 0.9)
        {
            reporter.Warn($"the mean cosine of different captions is {mean:0.000}: they are {(mean > 0.5 ? "nearly all alike" : "nearly all unrelated")} to this text encoder, so they say little about the images.");
        }
    }

    /// <summary>What the first batch's captions say about CLIP's loss, to which a repeated caption is a false negative.</summary>
    public void ReportRepeats(LoadedBatch first)
    {
        if (config.Loss != LossKind.Clip || first.RepeatedCaptions is not { } share)
        {
            return;
        }
        reporter.Info($"repeated captions: {share:P1}, the share of the first batch's samples whose caption another one has");
        if (share > RepeatedWarning)
        {
            reporter.Warn($"{share:P1} of the first batch's samples share their caption with another one (warned of above {RepeatedWarning:P0}): CLIP's loss pushes their images apart all the same (false negatives); --loss xclr gives equal captions a similarity of 1, a smaller --batch-size has fewer of them.");
        }
    }

    /// <summary>What the first batches' targets say about the temperature.</summary>
    public void ReportTargets(StepMetrics first)
    {
        if (config.Loss == LossKind.Xclr && first.TargetOwnView is { } own)
        {
            reporter.Info($"target_own_view: {own:0.000}, the mean share of the target on the sample's own other view");
            if (own > OwnViewWarning)
            {
                reporter.Warn($"target_own_view is {own:0.000}: X-CLR is nearly SimCLR here, captions hardly count; raise --tau-s (now {config.TauS}).");
            }
        }
    }

    /// <summary>Samples that were left out, where they are many beside those that this process has used. file: where each has its cause.</summary>
    public void ReportLeftOut(long skipped, long used, string file)
    {
        var share = Share(skipped, used);
        if (SkippedShares.FirstOrDefault(s => share >= s && s > warnedOfShare) is > 0 and var passed)
        {
            warnedOfShare = passed;
            reporter.Warn($"{skipped} of {skipped + used} samples could not be used so far ({share:P0}; each counts again in every epoch) and were left out; {file} has the cause of each, --max-bad-fraction ends a run with too many.");
        }
    }

    /// <summary>Captions with U+FFFD, where they are many beside the samples that this process has used.</summary>
    public void ReportDamagedCaptions(long damaged, long used)
    {
        if (config.NeedsText && Share(damaged, used - damaged) >= SkippedShares[^1])
        {
            reporter.Warn($"captions with U+FFFD, which bytes that are not UTF-8 are read as: more than {SkippedShares[^1]:P0} of the samples have one, and the text encoder does not know the words with it (metrics.jsonl counts the samples as 'damaged_captions'). If the file is not UTF-8, write it anew, for example with iconv -f CP1252 -t UTF-8; if it is, the letters were lost before.");
        }
    }

    // Of so many beside others; of a few samples any share is chance.
    private double Share(long counted, long others) => counted + others < Math.Min(FewestForShare, samples) ? 0 : counted / (double)(counted + others);
}
