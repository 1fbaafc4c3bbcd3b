using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Optim;
using XClr.Text;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>What a run opens before its first step and closes after its last: folder, data, captions, device, graph, plan, state.</summary>
internal sealed class TrainSession : IDisposable
{
    private readonly OpenedStack opened = new();
    private readonly TrainConfig config;
    private readonly ITrainReporter reporter;
    private readonly IImageDataset data;
    private readonly CaptionSource? captions;
    private readonly CheckpointStore store;
    private readonly SkipLog skipLog;
    private readonly string fingerprint;
    private readonly ObjectiveSpec objective;

    /// <summary>Opens everything; where something fails, what is open already is closed. The limit ends the opening of the data; then it is paused.</summary>
    /// <exception cref="OperationCanceledException">It did.</exception>
    public TrainSession(TrainConfig config, ITrainReporter reporter, TimeLimit limit)
    {
        var stop = limit.Token;
        this.config = config;
        this.reporter = reporter;
        try
        {
            if (config.RunDir is { } run)
            {
                RunFolder.RequireCheckpoints(run);
            }
            data = opened.Keep(TrainSetup.Open(config, validation: false, stop, reporter.Info));
            if (config.ValData is not null)
            {
                // It is opened anew for each evaluation; what is wrong with it is found now, not then.
                TrainSetup.OpenValidation(config, data, stop, reporter.Info).Dispose();
                TrainSetup.WarnOfTrainingImages(config, reporter.Warn);
            }
            Samples = data.Count;
            stop.ThrowIfCancellationRequested();
            captions = config.NeedsText ? opened.Keep(CaptionSource.Open(config.TextEncoder, config.TextProvider, [data], reporter.Warn)) : null;
            objective = TrainSetup.CreateObjective(config, data, captions);
            reporter.Info($"{data.Name}: {Samples} samples ({data.Format})");
            Warnings = new RunWarnings(config, reporter, Samples);
            if (captions is not null)
            {
                Warnings.ReportCaptions(data, captions);
            }
            stop.ThrowIfCancellationRequested();
            limit.Pause();
            (CheckpointPath Path, CheckpointState State)? resumed = ResumedPath() is { } path ? (path, TrainCheckpoint.StateOf(path)) : null;
            Device = opened.Keep(TrainSetup.OpenDevice(config.Device, config.MemoryLimit, resumed: resumed?.State));
            reporter.Info($"device: {Device.Caps.Name} ({Device.Caps.DriverName} {Device.Caps.DriverInfo})");
            Graph = opened.Keep(TrainGraph.Create(Device, config, objective));
            ReportGraph();
            fingerprint = Graph.Fingerprint();
            var stepsPerEpoch = Math.Max(1, Samples / config.BatchSize);
            TotalSteps = config.TotalSteps(stepsPerEpoch);
            Schedule = config.CreateSchedule(stepsPerEpoch);
            Folder = opened.Keep(RunFolder.Open(config));
            RequireUnchanged(resumed?.Path);
            if (config.Resume == "auto" && resumed is null)
            {
                reporter.Info($"--resume auto: {Folder.Path} has no checkpoint, so the run begins");
            }
            store = new CheckpointStore(Folder.Path, config.Keep, reporter.Warn);
            Plan = opened.Keep(Graph.BuildPlan(Device, new PlanOptions { Timing = PlanTiming.Step }));
            Progress = new DataProgress(StreamPosition.Start, Samples);
            LoadState(resumed);
            skipLog = opened.Keep(new SkipLog(Folder.SkippedFile, Progress.Position));
        }
        catch
        {
            Abandon();
            throw;
        }
    }

    public GpuDevice Device { get; }
    public TrainGraph Graph { get; }
    public Plan Plan { get; }
    public RunFolder Folder { get; }
    public Schedule Schedule { get; }

    /// <summary>Raw samples per epoch.</summary>
    public long Samples { get; }
    public long TotalSteps { get; }
    public RunWarnings Warnings { get; }

    /// <summary>Where the run begins: 0, or the resumed checkpoint's step.</summary>
    public long Step { get; private set; }

    /// <summary>Steps before that one that made no update, as mixed precision has them.</summary>
    public long SkippedBefore { get; private set; }

    /// <summary>Where the run begins in its data.</summary>
    public DataProgress Progress { get; private set; }
    public CheckpointMetric? Best { get; private set; }
    public string? ResumedFrom { get; private set; }

    /// <summary>Step of the checkpoint saved last; -1 before the first.</summary>
    public long SavedStep { get; private set; } = -1;

    public BatchLoader OpenLoader(StreamPosition start)
    {
        var options = TrainSetup.StreamOptions(config, Graph.Sources.ImageBytes) with { StartAt = start, OnSkip = skipLog.Add };
        return new BatchLoader(data, options, config.BatchSize, objective.Target, captions);
    }

    public EvalMetrics Evaluate(long step, CancellationToken stop)
    {
        using var validation = TrainSetup.OpenValidation(config, data, stop, reporter.Info);
        var request = new EvalData(data, validation, config.TextEncoder, config.TextProvider, TrainSetup.Workers(config, busyCores: 1), EvalLimits.InTraining, reporter.Warn);
        var measured = Evaluator.Measure(Device, Graph.Model, Graph.Images, request, EvalProtocol.InTraining, stop, Graph.EvaluationRows);
        // Fidelity may be missing in a run without captions; without k-NN no checkpoint is the best.
        foreach (var lack in measured.Values.ContainsKey(EvalNames.KnnTop1) ? [] : measured.Unmeasured)
        {
            reporter.Warn(lack);
        }
        return new EvalMetrics(step, measured.Values);
    }

    /// <summary>Saves a checkpoint, and with <paramref name="prune"/> removes those that are too many.</summary>
    /// <inheritdoc cref="RunFolder.RequireOwn" path="/exception"/>
    public string Save(long step, DataProgress progress, CheckpointMetric? best, bool prune)
    {
        Folder.RequireOwn();
        var folder = TrainCheckpoint.Save(store, Device, Graph, config, fingerprint, step, progress, best, prune);
        SavedStep = step;
        return folder;
    }

    /// <summary>Warns of what no longer works while the run goes on, of memory that is not there, of shards that cannot be read, of samples that are left out and of captions that are not UTF-8 where they are many, and of images that do not fit their slots. used: samples that were trained on by this process.</summary>
    public void WarnAboutTrouble(LoadedBatch latest, long used)
    {
        Warnings.ReportLeftOut(latest.Skipped, used, Folder.SkippedFile);
        Warnings.ReportDamagedCaptions(latest.DamagedCaptions, used);
        foreach (var shard in latest.LostShards)
        {
            reporter.Warn($"a shard's samples are missing, {shard}; the run goes on without them, and looks for them again in each epoch.");
        }
        foreach (var failure in new[] { skipLog.Failure, captions?.StoreFailure }.OfType<string>())
        {
            reporter.Warn(failure);
        }
        if (Device.ExceedsMemory())
        {
            reporter.Warn($"{Device.Caps.Name} has less memory free than this run holds, so that a part of it lies in the host's and steps are slow; close other programs that use the device, or give --micro-batch auto or a smaller --batch-size.");
        }
        if (latest.Reduced > 0)
        {
            reporter.Warn($"large images: {Graph.Sources.ReducedAdvice} (metrics.jsonl counts them as 'reduced').");
        }
    }

    public void Dispose() => opened.Dispose();

    /// <summary>Closes everything after a failure, which keeps its own message.</summary>
    public void Abandon() => opened.Abandon();

    // Null: the run begins anew.
    private CheckpointPath? ResumedPath()
    {
        var folder = config.Resume == "auto" ? config.RunDir is { } run && CheckpointPath.Exists(run) ? run : null : config.Resume;
        return folder is null ? null : CheckpointPath.Resolve(Path.GetFullPath(folder));
    }

    // Now that the folder is this process's alone.
    private void RequireUnchanged(CheckpointPath? resumed)
    {
        if (ResumedPath()?.StepFolder is var now && now != resumed?.StepFolder)
        {
            throw new UsageException($"--resume {config.Resume}: another process went on with the run meanwhile ({now ?? "nothing"} is its latest checkpoint, {resumed?.StepFolder ?? "nothing"} was); start again.");
        }
    }

    private void LoadState((CheckpointPath Path, CheckpointState State)? resumed)
    {
        Graph.Initialize(Device);
        if (resumed is var (path, state))
        {
            Resume(path, state);
        }
        else if (TrainSetup.Initialize(Device, Graph.Model, config) is { } taken)
        {
            reporter.Info(taken);
        }
        // That of a run that is complete stays what it was trained by.
        foreach (var change in Step < TotalSteps ? Folder.SaveConfig(config) : [])
        {
            reporter.Warn($"the configuration changed since the run was begun: {change}");
        }
    }

    private void Resume(CheckpointPath path, CheckpointState state)
    {
        try
        {
            TrainCheckpoint.Resume(path, state, Device, Graph);
        }
        catch (SafetensorsException e) when (store.Steps.Keys.Where(s => s < state.Step).Order().ToList() is [.., var earlier])
        {
            throw new CheckpointException($"{e.Message.TrimEnd('.')}. An earlier checkpoint goes on with --resume {store.Steps[earlier]}.", e);
        }
        (Step, Progress, ResumedFrom, SavedStep) = (state.Step, DataProgress.Of(state) with { Samples = Samples }, path.StepFolder, state.Step);
        SkippedBefore = Step - UpdateCount.Download(Device, Graph.Optimizer);
        // Not another run's, whose folder is not here. Before the first step none was saved.
        Best = state.BestMetric is { Step: > 0 } best && !store.Steps.ContainsKey(best.Step) ? null : state.BestMetric;
        reporter.Info($"resumed from {path.StepFolder}");
        if (state.Samples is { } samples && samples != Samples)
        {
            reporter.Warn($"'{data.Name}' has {Samples} samples, and had {samples} when the checkpoint was made: their order is another one from here on, so that some come twice in this epoch and some not at all.");
        }
        if (store.Steps.Keys.Where(s => s > Step).Order().ToList() is [.., var latest] later)
        {
            reporter.Warn($"this folder has {later.Count} checkpoint(s) of later steps, up to {latest}: this run leaves them behind and removes them as it saves its own (--keep {config.Keep}), and their lines of {MetricsLog.FileName} now.");
        }
        if (state.PlanFingerprint != fingerprint)
        {
            reporter.Warn($"the plan differs from the checkpoint's ({fingerprint}, was {state.PlanFingerprint}: another device, driver, version or batch): results go on, but not bit for bit.");
        }
    }

    private void ReportGraph()
    {
        if (config.Precision == Precision.Bf16 && Device.Caps.BFloat16MatrixShapes.Count > 0)
        {
            reporter.Warn("bf16: this program's kernels on matrices of bfloat16 passed their tests on one card (NVIDIA H200), and no network was trained with them by its authors; watch the loss, or use --precision amp");
        }
        var tuning = TuningUse.Of(Graph.Step);
        if (tuning.Problem is { } problem)
        {
            reporter.Warn($"{problem}.");
        }
        if (tuning.Measured > 0)
        {
            reporter.Info($"choices: {tuning}");
        }
        if (Graph.MicroBatches is { } micro)
        {
            reporter.Info($"micro-batches: {micro.Count} of {micro.Size} samples a step");
        }
    }
}
