namespace XClr.Train;

/// <summary>Where a run tells what it does. Called from the training thread only, but for Info, which what opens and fetches data calls from threads of its own; an implementation does not throw.</summary>
public interface ITrainReporter
{
    /// <summary>A fact worth one line: the device, the data, a saved checkpoint.</summary>
    void Info(string line);

    /// <summary>Something that the user should look at, while the run goes on.</summary>
    void Warn(string line);

    /// <summary>Every `--log-every` steps.</summary>
    void Step(StepMetrics metrics);

    /// <summary>After each evaluation.</summary>
    void Eval(EvalMetrics metrics);
}

/// <summary>Figures of one log interval; the last step's where not said otherwise.</summary>
public sealed record StepMetrics
{
    /// <summary>Optimiser steps taken, this one included.</summary>
    public required long Step { get; init; }

    /// <summary>Steps of the whole run.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>Passes over the data so far, with the fraction of the current one.</summary>
    public required double Epoch { get; init; }

    /// <summary>Loss of the interval's last step, in nats; not finite where that step overflowed fp16 and was skipped.</summary>
    public required double Loss { get; init; }

    /// <summary>Learning rate, scaling and schedule applied.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Global L2 norm of the unscaled gradients, before clipping.</summary>
    public required double GradNorm { get; init; }

    /// <summary>Mean over the dimensions of the normalised projections' standard deviation over the batch; near 0 means collapse. Null for the supervised loss, which has none.</summary>
    public double? EmbeddingStd { get; init; }

    /// <summary>Multiple of the loss's gradient that fp16 gradients hold; null in fp32.</summary>
    public double? LossScale { get; init; }

    /// <summary>Steps of the run whose update was skipped because a gradient was not finite in fp16; null in fp32, where such a step ends the run.</summary>
    public long? SkippedSteps { get; init; }

    /// <summary>Share of the batch's views whose class the network names, 0 to 1; null where the loss is not supervised.</summary>
    public double? Top1 { get; init; }

    /// <summary>Mean entropy of the loss's target distribution, in nats; null where the target is one-hot.</summary>
    public double? TargetEntropy { get; init; }

    /// <summary>Mean share of the target on the sample's own other view; null where the loss has no such target.</summary>
    public double? TargetOwnView { get; init; }

    /// <summary>Views through the backbone per second of wall time, over the interval.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>GPU time of the interval's last step in milliseconds; null where the device has no timestamps.</summary>
    public double? GpuMs { get; init; }

    /// <summary>Share of the wall time in which the step waited for data, 0 to 1, over the interval.</summary>
    public required double DataWait { get; init; }

    /// <summary>Samples skipped since the run began.</summary>
    public required long Skipped { get; init; }

    /// <summary>Images since the run began, or was resumed, that were made smaller to fit their slot on the device, see <see cref="SourceRing.ImageBytes"/>.</summary>
    public required long Reduced { get; init; }

    /// <summary>Samples since the run began, or was resumed, with a caption that is not all UTF-8, see <see cref="XClr.Data.SampleStream.DamagedCaptions"/>.</summary>
    public required long DamagedCaptions { get; init; }

    /// <summary>Time left at the present speed.</summary>
    public required TimeSpan Eta { get; init; }

    /// <summary>The figures by the names under which they are logged; null = not measured. The step is not among them.</summary>
    public IEnumerable<(string Name, double? Value)> Figures
    {
        get
        {
            yield return ("epoch", Epoch);
            yield return ("loss", Loss);
            yield return ("lr", LearningRate);
            yield return ("grad_norm", GradNorm);
            if (LossScale is not null)
            {
                yield return ("loss_scale", LossScale);
                yield return ("skipped_steps", SkippedSteps ?? 0);
            }
            yield return ("top1", Top1);
            yield return ("embedding_std", EmbeddingStd);
            yield return ("target_entropy", TargetEntropy);
            yield return ("target_own_view", TargetOwnView);
            yield return ("images_per_s", ImagesPerSecond);
            yield return ("gpu_ms", GpuMs);
            yield return ("data_wait", DataWait);
            yield return ("skipped", Skipped);
            yield return ("reduced", Reduced);
            yield return ("damaged_captions", DamagedCaptions);
        }
    }
}

/// <summary>Results of one evaluation, by name (knn_top1, fidelity, ...), and the optimiser steps taken before it.</summary>
public sealed record EvalMetrics(long Step, IReadOnlyDictionary<string, double> Values);
