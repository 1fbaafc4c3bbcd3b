using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>Trains step by step on batches that the caller (host) supplies, on a device that may be the host's own. Writes the same checkpoints as the command line. Not thread-safe.</summary>
public sealed class HostTrainer : IDisposable
{
    private const int Views = 2;
    private const float NormTolerance = 1e-2f;
    private readonly GpuDevice device;
    private readonly TrainConfig config;
    private readonly int textWidth;
    private readonly Action<string> warn;
    private readonly Schedule schedule;
    private readonly TrainGraph graph;
    private readonly Plan plan;
    private readonly string fingerprint;
    private readonly PlanSlicer slicer;
    private readonly PackedBatch packed = new();
    private DataProgress progress;
    private bool begun;

    // Steps before the loaded one that made no update, as mixed precision has them.
    private long skippedBefore;

    /// <param name="device">Device, which outlives this.</param>
    /// <param name="config">Options about data sets and runs are ignored; Steps must be set, since the schedule needs the run's length.</param>
    /// <param name="textWidth">D, numbers per caption embedding; 0 where the loss needs none.</param>
    /// <param name="warn">Receives warnings for the host.</param>
    /// <exception cref="UsageException">The configuration makes no sense, or lacks what the host cannot know.</exception>
    public HostTrainer(GpuDevice device, TrainConfig config, int textWidth, Action<string> warn)
    {
        (this.device, this.config, this.textWidth, this.warn) = (device, config.Validated(requireData: false), textWidth, warn);
        if (config.Steps is null)
        {
            throw new UsageException("steps is missing from the configuration: a host's data have no epochs, and the learning rate's schedule needs the length of the run.");
        }
        if (config.NeedsText != textWidth > 0)
        {
            throw new UsageException(config.NeedsText ? $"loss {config.Loss} needs caption embeddings; text_width is 0." : $"loss {config.Loss} needs no caption embeddings; text_width is {textWidth}, not 0.");
        }
        schedule = config.CreateSchedule(1);
        var objective = ObjectiveSpec.Of(config, ModelSpec.Stored(textWidth));
        graph = TrainGraph.Create(device, config, objective);
        try
        {
            fingerprint = graph.Fingerprint();
            plan = graph.BuildPlan(device);
            slicer = new PlanSlicer(plan, device.Caps);
            graph.Initialize(device);
            ModelInit.Fill(device, graph.Model, config.Seed);
        }
        catch
        {
            plan?.Dispose();
            graph.Dispose();
            throw;
        }
    }

    /// <summary>Images per step.</summary>
    public int BatchSize => config.BatchSize;

    /// <summary>Largest image that a step accepts, in bytes: use it as the decoder's <see cref="DecodeOptions.MaxBytes"/>.</summary>
    public int ImageBytes => graph.Sources.ImageBytes;

    /// <summary>Steps done so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Device times of the last step's slices, by its timestamps; empty after the step that measured, and where the device has no timestamps.</summary>
    public IReadOnlyList<TimeSpan> SliceTimes => slicer.Times;

    /// <summary>One optimiser step. images: <see cref="BatchSize"/> of them, of <see cref="ImageBytes"/> each at most (<see cref="DecodeOptions.MaxBytes"/>); embeddings: [N,D], L2-normalised, or null; labels [N] or null. Returns the loss.</summary>
    /// <exception cref="UsageException">The batch lacks something, or has it in the wrong size.</exception>
    /// <exception cref="DivergedException">The loss, a gradient or the norm of all is not finite.</exception>
    public float Step(IReadOnlyList<DecodedImage> images, float[]? embeddings, uint[]? labels)
    {
        Begin(images, embeddings, labels);
        plan.Run();
        return End();
    }

    /// <summary>Begins a step that <see cref="Slice"/> carries out in parts; same arguments as <see cref="Step"/>.</summary>
    /// <exception cref="UsageException">The batch makes no sense, or the step before it has not ended.</exception>
    public void Begin(IReadOnlyList<DecodedImage> images, float[]? embeddings, uint[]? labels)
    {
        if (begun)
        {
            throw new UsageException("The step before has not ended: its slices come first.");
        }
        Require(images, embeddings, labels);
        var samples = images.Select((image, i) => Sample.Of($"{i}", "host", image, Draw(image, Steps * BatchSize + i))).ToList();
        var variables = new StepVariables((float)schedule.Rate(Steps), ClipNorm: (float)config.ClipNorm);
        graph.Upload(device, packed.Views(samples, Views, config.ImageSize), labels, embeddings is null ? null : StateDict.Pad(embeddings, textWidth), variables, half: (int)(Steps % 2));
        begun = true;
    }

    /// <summary>
    /// Continues the begun step for about <paramref name="budget"/>: dispatches are grouped by the times that they took in earlier sliced steps (the first sliced step runs them one by one); a dispatch longer than the budget is
    /// divided by its workgroups. Returns the loss when the step has ended, else null. A sliced step equals a whole one to the bit.
    /// </summary>
    /// <param name="budget">Device time.</param>
    /// <param name="wait">What the slice's work waits for; null = nothing.</param>
    /// <param name="signal">Signalled when the slice's work has ended, the loss finite or not; null = nothing.</param>
    /// <exception cref="DivergedException">The step has ended, and its loss, a gradient or the norm of all is not finite.</exception>
    public float? Slice(TimeSpan budget, HostSemaphore? wait = null, HostSemaphore? signal = null)
    {
        if (!begun)
        {
            throw new UsageException("No step has begun.");
        }
        return slicer.Run(budget, wait, signal) ? End() : null;
    }

    private float End()
    {
        begun = false;
        Steps++;
        return FiniteLoss();
    }

    /// <summary>Writes a checkpoint into a run folder; returns the checkpoint's folder.</summary>
    /// <exception cref="UsageException">A step has begun and not ended: weights and statistics are between two steps; or a run holds the folder.</exception>
    public string Save(string runFolder)
    {
        RequireEnded("saving");
        using var folder = RunFolder.Take(runFolder);
        var store = new CheckpointStore(runFolder, config.Keep, warn);
        return TrainCheckpoint.Save(store, device, graph, config, fingerprint, Steps, progress, best: null);
    }

    /// <summary>Continues from a checkpoint; data positions that a command-line run saved in it are kept.</summary>
    /// <exception cref="CheckpointException">It is of another network, or holds weights alone.</exception>
    /// <exception cref="UsageException">A step has begun and not ended.</exception>
    public void Load(string checkpoint)
    {
        RequireEnded("loading");
        var path = CheckpointPath.Resolve(checkpoint);
        var state = TrainCheckpoint.StateOf(path);
        TrainCheckpoint.Resume(path, state, device, graph);
        (Steps, progress) = (state.Step, DataProgress.Of(state));
        skippedBefore = Steps - UpdateCount.Download(device, graph.Optimizer);
        if (state.PlanFingerprint != fingerprint)
        {
            warn($"the plan differs from the checkpoint's ({fingerprint}, was {state.PlanFingerprint}): results go on, but not bit for bit.");
        }
    }

    private void RequireEnded(string what)
    {
        if (begun)
        {
            throw new UsageException($"A step has begun: its slices come before {what}.");
        }
    }

    private AugmentParams[] Draw(DecodedImage image, long index) =>
        [.. Enumerable.Range(0, Views).Select(view => AugmentParams.Draw(config.AugmentStrengths, config.Seed, epoch: 0, index, view, image.Width, image.Height))];

    private void Require(IReadOnlyList<DecodedImage> images, float[]? embeddings, uint[]? labels)
    {
        if (images.Count != BatchSize)
        {
            throw new UsageException($"A step takes {BatchSize} images (batch-size), not {images.Count}.");
        }
        for (var i = 0; i < images.Count; i++)
        {
            if (images[i].ByteCount > ImageBytes)
            {
                throw new UsageException($"Image {i} has {images[i].Width} x {images[i].Height} pixels, {images[i].ByteCount} bytes, and there is room for {ImageBytes} each: decode with DecodeOptions.MaxBytes = ImageBytes.");
            }
        }
        if (config.NeedsText ? embeddings?.Length != BatchSize * textWidth : embeddings is not null)
        {
            throw new UsageException(config.NeedsText ? $"loss {config.Loss} needs {BatchSize} x {textWidth} numbers of embeddings." : $"loss {config.Loss} takes no embeddings.");
        }
        var needsLabels = config.Loss.Facts().Target == TargetKind.Labels;
        if (needsLabels ? labels?.Length != BatchSize : labels is not null)
        {
            throw new UsageException(needsLabels ? $"loss {config.Loss} needs {BatchSize} labels." : $"loss {config.Loss} takes no labels.");
        }
        for (var i = 0; embeddings is not null && i < BatchSize; i++)
        {
            var norm = MathF.Sqrt(System.Numerics.Tensors.TensorPrimitives.SumOfSquares<float>(embeddings.AsSpan(i * textWidth, textWidth)));
            // A caption without a known word is zero.
            if (!(norm == 0 || MathF.Abs(norm - 1) <= NormTolerance))
            {
                throw new UsageException($"Embedding {i} has length {norm}; they must be L2-normalised.");
            }
        }
    }

    private float FiniteLoss()
    {
        var loss = device.Transfer.Download(graph.Objective.Statistics, 1)[0];
        if (graph.Scaler?.Download(device) is { } scale)
        {
            return scale.Problem is { } problem ? throw new DivergedException($"Step {Steps}: {problem}") : loss;
        }
        return float.IsFinite(loss) && UpdateCount.Download(device, graph.Optimizer) + skippedBefore == Steps
            ? loss
            : throw new DivergedException($"Step {Steps}: the loss ({loss}), a gradient or the norm of all gradients is not finite. Lower lr, lengthen warmup-epochs or set clip-norm.");
    }

    public void Dispose()
    {
        plan.Dispose();
        graph.Dispose();
    }
}
