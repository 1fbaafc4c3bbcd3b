using System.Diagnostics;
using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Optim;
using XClr.Text;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>A whole training run from a configuration: data, steps, logs, checkpoints, evaluations, until the budget is used up or it is stopped.</summary>
public sealed class Trainer
{
    private readonly TrainSession session;
    private readonly TrainConfig config;
    private readonly TimeLimit limit;
    private readonly CancellationToken stop;
    private readonly WarningLog reporter;
    private readonly RunLog metrics;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Queue<GpuTicket> running = [];
    private readonly GpuTicket[] halfUsed = new GpuTicket[2];
    private long step;
    private DataProgress progress;
    private CheckpointMetric? best;
    private string? checkpoint;
    private bool saveIsDue;
    private LogInterval interval;

    private Trainer(TrainSession session, TrainConfig config, TimeLimit limit, CancellationToken stop, WarningLog reporter, RunLog metrics)
    {
        this.session = session;
        this.config = config;
        this.limit = limit;
        this.stop = stop;
        this.reporter = reporter;
        this.metrics = metrics;
        (step, progress, best) = (session.Step, session.Progress, session.Best);
        checkpoint = session.ResumedFrom;
    }

    /// <summary>Runs until the budget is used, <paramref name="stop"/> is set or --max-time is over; in each case the state is saved.</summary>
    /// <exception cref="DivergedException">The loss or a gradient is not finite; the last good checkpoint stays.</exception>
    /// <exception cref="OperationCanceledException">It was stopped while the data were being opened; saved state, if any, is unchanged.</exception>
    public static TrainOutcome Run(TrainConfig config, ITrainReporter reporter, CancellationToken stop)
    {
        config = config.Validated();
        var warnings = new WarningLog(reporter);
        using var limit = new TimeLimit(config.MaxTime, stop);
        using var session = Open(config, warnings, limit);
        try
        {
            using var metrics = RunLog.Open(session.Folder, session.ResumedFrom is null ? null : session.Step, warnings.Warn);
            return new Trainer(session, config, limit, stop, warnings, metrics).Run();
        }
        catch
        {
            session.Abandon();
            throw;
        }
    }

    private static TrainSession Open(TrainConfig config, WarningLog reporter, TimeLimit limit)
    {
        try
        {
            return new TrainSession(config, reporter, limit);
        }
        catch (OperationCanceledException) when (limit.IsOver)
        {
            reporter.Warn("--max-time was over before the data were open, so that nothing was trained; what was fetched and counted of them is kept.");
            throw;
        }
    }

    // How it ended, where it was to stop.
    private TrainStatus Stopped => limit.IsOver ? TrainStatus.TimeUp : TrainStatus.Interrupted;

    private TrainOutcome Run()
    {
        limit.Continue();
        var before = step == 0 ? Evaluate() : null;
        if (step >= session.TotalSteps)
        {
            reporter.Info($"step {step} of {session.TotalSteps}: nothing is left to train; --steps or --epochs asks for more");
        }
        else if (step > 0 && config.EvalEvery > 0 && step % config.EvalEvery == 0 && !metrics.HasEvaluation(step))
        {
            // The run was stopped in this evaluation.
            EvaluateOnTheWay();
        }
        var status = Steps(limit.Token);
        var after = status == TrainStatus.Completed ? EvaluateAndKeepBest() : null;
        if (session.SavedStep != step)
        {
            throw new IOException($"Step {step}, the last one, could not be saved. {(checkpoint is null ? "There is no checkpoint." : $"The latest checkpoint is {checkpoint}.")} Make room on the disk, then: {OptionText.Command} {session.Folder.ResumeArguments}");
        }
        return new TrainOutcome(stop.IsCancellationRequested ? TrainStatus.Interrupted : status, step, before, after, session.Folder.Path, checkpoint, session.Folder.ResumeArguments, reporter.Warnings);
    }

    // Ends where the user stops it or the time is over; an evaluation is the user's alone to stop, so that a run with little time gets through it.
    private TrainStatus Steps(CancellationToken end)
    {
        using var loader = session.OpenLoader(progress.Position);
        StartInterval(loader);
        while (step < session.TotalSteps && !end.IsCancellationRequested)
        {
            using var batch = Next(loader, end);
            if (batch is null)
            {
                continue;
            }
            if (step == session.Step)
            {
                session.Warnings.ReportRepeats(batch);
            }
            Submit(batch);
            if (step % config.LogEvery == 0 || step == session.TotalSteps)
            {
                Log(loader, batch);
            }
            if (config.EvalEvery > 0 && step % config.EvalEvery == 0 && step < session.TotalSteps)
            {
                EvaluateOnTheWay();
                StartInterval(loader);
            }
            saveIsDue |= step % config.SaveEvery == 0 && step < session.TotalSteps;
            if (saveIsDue && (session.SavedStep == step || MakesUpdates()))
            {
                saveIsDue = false;
                if (session.SavedStep != step)
                {
                    Save();
                }
            }
        }
        // Before the loader ends, whose reader may be waiting for a server.
        Drain();
        if (session.SavedStep != step)
        {
            Save();
        }
        return step >= session.TotalSteps ? TrainStatus.Completed : Stopped;
    }

    // Null where the run was stopped meanwhile.
    private LoadedBatch? Next(BatchLoader loader, CancellationToken end)
    {
        try
        {
            return loader.Next(end);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception e) when (step > session.Step && IsOfTheData(e))
        {
            // They may be back later; the steps so far are not to be lost.
            if (session.SavedStep == step || Save())
            {
                reporter.Warn($"the data failed after step {step}, which is saved; once they are there again: {OptionText.Command} {session.Folder.ResumeArguments}");
            }
            throw;
        }
    }

    private void Submit(LoadedBatch batch)
    {
        // At most two steps are in flight: one runs while the next one's data are copied.
        while (running.Count >= 2)
        {
            session.Plan.Wait(running.Dequeue());
        }
        var half = (int)(step % 2);
        var variables = new StepVariables((float)session.Schedule.Rate(step), ClipNorm: (float)config.ClipNorm);
        session.Graph.Upload(session.Device, batch.Images, batch.Labels, batch.Text, variables, half, halfUsed[half]);
        halfUsed[half] = session.Plan.Submit();
        running.Enqueue(halfUsed[half]);
        step++;
        progress = progress with { Position = batch.Position, Skipped = session.Progress.Skipped + batch.Skipped };
    }

    private void Drain()
    {
        while (running.TryDequeue(out var ticket))
        {
            session.Plan.Wait(ticket);
        }
    }

    private void StartInterval(BatchLoader loader) => interval = new(clock.Elapsed.TotalSeconds, loader.Waited.TotalSeconds, step);

    private void Log(BatchLoader loader, LoadedBatch batch)
    {
        Drain();
        var seconds = clock.Elapsed.TotalSeconds - interval.Start;
        var m = Metrics(batch, ReadResults(), seconds, waited: loader.Waited.TotalSeconds - interval.Waited);
        if (interval.FirstStep == session.Step)
        {
            session.Warnings.ReportTargets(m);
        }
        session.WarnAboutTrouble(batch, (step - session.Step) * config.BatchSize);
        metrics.Write(m);
        reporter.Step(m);
        StartInterval(loader);
    }

    // Of an interval of so many seconds, of which the loader was waited for.
    private StepMetrics Metrics(LoadedBatch batch, StepResults last, double seconds, double waited)
    {
        var steps = step - interval.FirstStep;
        var loss = config.Loss.Facts();
        return new StepMetrics
        {
            Step = step,
            TotalSteps = session.TotalSteps,
            Epoch = progress.Position.Epoch + progress.Position.Index / (double)session.Samples,
            Loss = last.Loss,
            LearningRate = session.Schedule.Rate(step - 1),
            GradNorm = last.Gradients.Norm,
            LossScale = last.Scale?.Scale,
            SkippedSteps = last.Scale?.Skipped,
            Top1 = session.Graph.Objective.Correct is { } correct ? session.Device.Transfer.Download(correct, 1)[0] / (2 * config.BatchSize) : null,
            EmbeddingStd = loss.Head == HeadKind.Classifier ? null : last.EmbeddingStd,
            TargetEntropy = loss.OwnTargets ? last.TargetEntropy : null,
            TargetOwnView = loss.OwnTargets ? last.TargetOwnView : null,
            ImagesPerSecond = 2 * config.BatchSize * steps / seconds,
            GpuMs = session.Plan.ReadStepNs() * 1e-6,
            DataWait = Math.Clamp(waited / seconds, 0, 1),
            Skipped = progress.Skipped,
            Reduced = batch.Reduced,
            DamagedCaptions = batch.DamagedCaptions,
            Eta = TimeSpan.FromSeconds(Math.Min((session.TotalSteps - step) * seconds / steps, TimeSpan.MaxValue.TotalSeconds / 2)),
        };
    }

    // After all steps so far. Throws where the run has diverged.
    private StepResults ReadResults()
    {
        var last = StepResults.Download(session.Device, session.Graph, step);
        return last.Divergence(interval.FirstStep, session.SkippedBefore, config.LogEvery) is { } problem ? throw Diverged(problem) : last;
    }

    private DivergedException Diverged(string what) => new(
        $"{what} Lower --lr, lengthen --warmup-epochs or set --clip-norm. " + (checkpoint is null ? "No checkpoint had been saved yet." : $"The last good checkpoint is {checkpoint}."));

    // In mixed precision a step whose gradient is not finite makes none. One alone is the loss scale finding its size; the first of many is where a run diverges, and a checkpoint made there must not push a good one out.
    private bool MakesUpdates()
    {
        Drain();
        return step == session.Step || ReadResults().Scale is not { SkippedInRow: > 0 };
    }

    // The held-out set may be out of reach for a while; the steps so far are not to be lost by it.
    private void EvaluateOnTheWay()
    {
        try
        {
            EvaluateAndKeepBest();
        }
        catch (Exception e) when (IsOfTheData(e))
        {
            reporter.Warn($"step {step} could not be evaluated: {e.Message} The run goes on.");
        }
    }

    private static bool IsOfTheData(Exception e) => e is DataException or TextException or IOException or UnauthorizedAccessException;

    // The state names the best step, whose folder must then exist: where it could not be saved, the one before stays the best.
    private EvalMetrics? EvaluateAndKeepBest()
    {
        var known = best;
        var result = Evaluate();
        if (best != known && !Save())
        {
            best = known;
        }
        return result;
    }

    private EvalMetrics? Evaluate()
    {
        if (config.ValData is null)
        {
            return null;
        }
        Drain();
        EvalMetrics result;
        try
        {
            result = session.Evaluate(step, stop);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        if (!metrics.HasEvaluation(step))
        {
            metrics.Write(result);
        }
        reporter.Eval(result);
        var judged = config.Loss.Facts().Head == HeadKind.Classifier ? EvalNames.HeadTop1 : EvalNames.KnnTop1;
        if (result.Values.TryGetValue(judged, out var top1) && (best is null || top1 > best.Value))
        {
            best = new CheckpointMetric(judged, top1, step);
        }
        return result;
    }

    // False, with a warning, where the disk is full or not writable.
    private bool Save()
    {
        var prune = MakesUpdates();
        try
        {
            checkpoint = session.Save(step, progress, best, prune);
            reporter.Info($"saved {checkpoint}");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reporter.Warn($"step {step} could not be saved: {e.Message.TrimEnd('.')}. {(checkpoint is null ? "There is no older checkpoint" : "The older checkpoints are intact")}; the run goes on.");
            return false;
        }
    }

    /// <summary>Where a log interval began.</summary>
    /// <param name="Start">Seconds of the run.</param>
    /// <param name="Waited">Seconds that the loader had been waited for.</param>
    /// <param name="FirstStep">Steps taken before.</param>
    private readonly record struct LogInterval(double Start, double Waited, long FirstStep);
}
