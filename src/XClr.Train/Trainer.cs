using System.Diagnostics;
using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Optim;
using XClr.Text;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>How a run ended.</summary>
public enum TrainStatus
{
    Completed,
    Interrupted,
    TimeUp,
}

/// <summary>What a run leaves behind.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="Step">Optimiser steps taken in all.</param>
/// <param name="Before">Evaluation before the first step; null without validation data or in a resumed run.</param>
/// <param name="After">Evaluation after the last step; null without validation data or where the run was stopped.</param>
/// <param name="RunFolder">The run's folder.</param>
/// <param name="Checkpoint">The latest checkpoint's folder.</param>
/// <param name="ResumeArguments">Command-line arguments that go on with the run.</param>
/// <param name="Warnings">What the reporter was warned of, in order, each once.</param>
public sealed record TrainOutcome(
    TrainStatus Status, long Step, EvalMetrics? Before, EvalMetrics? After, string RunFolder, string? Checkpoint, string ResumeArguments, IReadOnlyList<string> Warnings);

/// <summary>Trains from a configuration: data, steps, logs, checkpoints, evaluations, until the budget or a stop.</summary>
public sealed class Trainer
{
    private readonly TrainSession session;
    private readonly TrainConfig config;
    private readonly TimeLimit limit;
    private readonly WarningLog reporter;
    private readonly RunLog metrics;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Queue<GpuTicket> running = [];
    private readonly GpuTicket[] halfUsed = new GpuTicket[2];
    private long step;
    private DataProgress progress;
    private CheckpointMetric? best;
    private string? checkpoint;
    private double intervalStart, intervalWaited;
    private long intervalFirstStep;

    private Trainer(TrainSession session, TrainConfig config, TimeLimit limit, WarningLog reporter, RunLog metrics)
    {
        this.session = session;
        this.config = config;
        this.limit = limit;
        this.reporter = reporter;
        this.metrics = metrics;
        (step, progress, best) = (session.Step, session.Progress, session.Best);
        checkpoint = session.ResumedFrom;
    }

    /// <summary>Runs until the budget is used, <paramref name="stop"/> is set or --max-time is over; in each case the state is saved.</summary>
    /// <exception cref="DivergedException">The loss or a gradient is not finite; the last good checkpoint stays.</exception>
    /// <exception cref="OperationCanceledException">It was to stop while the data were opened: there was no state yet, or it is as it was.</exception>
    public static TrainOutcome Run(TrainConfig config, ITrainReporter reporter, CancellationToken stop)
    {
        config = config.Validated();
        var warnings = new WarningLog(reporter);
        using var limit = new TimeLimit(config.MaxTime, stop);
        using var session = Open(config, warnings, limit);
        try
        {
            using var metrics = RunLog.Open(session.Folder, session.ResumedFrom is null ? null : session.Step, warnings.Warn);
            return new Trainer(session, config, limit, warnings, metrics).Run();
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
            return TrainSession.Open(config, reporter, limit);
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
        var stop = limit.Token;
        var before = step == 0 ? Evaluate(stop) : null;
        if (step >= session.TotalSteps)
        {
            reporter.Info($"step {step} of {session.TotalSteps}: nothing is left to train; --steps or --epochs asks for more");
        }
        else if (step > 0 && config.EvalEvery > 0 && step % config.EvalEvery == 0 && !metrics.HasEvaluation(step))
        {
            // The run was stopped in this evaluation.
            EvaluateOnTheWay(stop);
        }
        var status = Steps(stop);
        var after = status == TrainStatus.Completed ? EvaluateAndKeepBest(stop) : null;
        if (session.SavedStep != step)
        {
            throw new IOException($"Step {step}, the last one, could not be saved. {(checkpoint is null ? "There is no checkpoint." : $"The latest checkpoint is {checkpoint}.")} Make room on the disk, then: {OptionText.Command} {session.Folder.ResumeArguments}");
        }
        return new TrainOutcome(stop.IsCancellationRequested ? Stopped : status, step, before, after, session.Folder.Path, checkpoint, session.Folder.ResumeArguments, reporter.Warnings);
    }

    private TrainStatus Steps(CancellationToken stop)
    {
        using var loader = session.OpenLoader(progress.Position);
        StartInterval(loader);
        while (step < session.TotalSteps && !stop.IsCancellationRequested)
        {
            LoadedBatch batch;
            try
            {
                batch = loader.Next(stop);
            }
            catch (OperationCanceledException)
            {
                continue;
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
            using var held = batch;
            if (step == session.Step)
            {
                session.ReportRepeats(batch);
            }
            Submit(batch);
            if (step % config.LogEvery == 0 || step == session.TotalSteps)
            {
                Log(loader, batch);
            }
            if (config.EvalEvery > 0 && step % config.EvalEvery == 0 && step < session.TotalSteps)
            {
                EvaluateOnTheWay(stop);
                StartInterval(loader);
            }
            if (step % config.SaveEvery == 0 && step < session.TotalSteps && session.SavedStep != step)
            {
                Save();
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

    private void Submit(LoadedBatch batch)
    {
        // At most two steps are in flight: one runs while the next one's data are copied.
        while (running.Count >= 2)
        {
            session.Plan.Wait(running.Dequeue());
        }
        var half = (int)(step % 2);
        session.Graph.Sources.Upload(session.Device, batch.Images, half, halfUsed[half]);
        session.Graph.Objective.Upload(session.Device, batch.Labels, batch.Text);
        var variables = new StepVariables((float)session.Schedule.Rate(step), ClipNorm: (float)config.ClipNorm);
        session.Device.Transfer.Upload<byte>(session.Graph.StepVariables, variables.ToBytes());
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

    private void StartInterval(BatchLoader loader) => (intervalStart, intervalWaited, intervalFirstStep) = (clock.Elapsed.TotalSeconds, loader.Waited.TotalSeconds, step);

    private void Log(BatchLoader loader, LoadedBatch batch)
    {
        Drain();
        var seconds = clock.Elapsed.TotalSeconds - intervalStart;
        var steps = step - intervalFirstStep;
        var statistics = session.Device.Transfer.Download(session.Graph.Objective.Statistics, 4);
        var gradients = GradientReport.Download(session.Device, session.Graph.Optimizer);
        var scale = session.Graph.Scaler?.Download(session.Device);
        RequireFinite(statistics[0], gradients, scale);
        var loss = config.Loss.Facts();
        var m = new StepMetrics
        {
            Step = step,
            TotalSteps = session.TotalSteps,
            Epoch = progress.Position.Epoch + progress.Position.Index / (double)session.Samples,
            Loss = statistics[0],
            LearningRate = session.Schedule.Rate(step - 1),
            GradNorm = gradients.Norm,
            LossScale = scale?.Scale,
            SkippedSteps = scale?.Skipped,
            Top1 = session.Graph.Objective.Correct is { } correct ? session.Device.Transfer.Download(correct, 1)[0] / (2 * config.BatchSize) : null,
            EmbeddingStd = loss.Head == HeadKind.Classifier ? null : statistics[3],
            TargetEntropy = loss.OwnTargets ? statistics[1] : null,
            TargetOwnView = loss.OwnTargets ? statistics[2] : null,
            ImagesPerSecond = 2 * config.BatchSize * steps / seconds,
            GpuMs = session.Plan.ReadTimings() is { Spans: [var whole] } ? (whole.End - whole.Start) * 1e-6 : null,
            DataWait = Math.Clamp((loader.Waited.TotalSeconds - intervalWaited) / seconds, 0, 1),
            Skipped = progress.Skipped,
            Reduced = batch.Reduced,
            Eta = TimeSpan.FromSeconds(Math.Min((session.TotalSteps - step) * seconds / steps, TimeSpan.MaxValue.TotalSeconds / 2)),
        };
        if (intervalFirstStep == session.Step)
        {
            session.WarnAboutTargets(m);
        }
        session.WarnAboutTrouble(batch, (step - session.Step) * config.BatchSize);
        metrics.Write(m);
        reporter.Step(m);
        StartInterval(loader);
    }

    private void RequireFinite(float loss, GradientReport gradients, LossScale? scale)
    {
        if (scale is { } s)
        {
            RequireUsable(s);
            return;
        }
        var what = (float.IsFinite(loss), gradients.FirstNonFinite) switch
        {
            (true, _) => gradients.Problem,
            (false, null) => $"the loss ({loss}) is not finite",
            (false, var name) => $"the loss ({loss}) and the gradient of {name} are not finite",
        };
        if (what is not null)
        {
            throw Diverged($"Step {step}: {what} (looked at every {config.LogEvery} steps).");
        }
        RequireNoSkippedUpdate();
    }

    // The device skips an update whose gradient or norm is not finite; a later step's report no longer shows it, the count of updates does.
    private void RequireNoSkippedUpdate()
    {
        var updates = UpdateCount.Download(session.Device, session.Graph.Optimizer);
        if (updates + session.SkippedBefore != step)
        {
            throw Diverged($"{step - session.SkippedBefore - updates} of the steps {intervalFirstStep + 1} to {step} had a gradient, or a norm of all gradients, that is not finite (--log-every 1 names the step and the tensor).");
        }
    }

    // Mixed precision skips a step now and then while the scale finds its size; a scale that keeps falling means gradients that are not finite at any scale.
    private void RequireUsable(LossScale scale)
    {
        if (scale.Problem is { } problem)
        {
            throw Diverged($"Step {step}: {problem}");
        }
    }

    private DivergedException Diverged(string what) => new(
        $"{what} Lower --lr, lengthen --warmup-epochs or set --clip-norm. " + (checkpoint is null ? "No checkpoint had been saved yet." : $"The last good checkpoint is {checkpoint}."));

    // The held-out set may be out of reach for a while; the steps so far are not to be lost by it.
    private void EvaluateOnTheWay(CancellationToken stop)
    {
        try
        {
            EvaluateAndKeepBest(stop);
        }
        catch (Exception e) when (IsOfTheData(e))
        {
            reporter.Warn($"step {step} could not be evaluated: {e.Message} The run goes on.");
        }
    }

    private static bool IsOfTheData(Exception e) => e is DataException or TextException or IOException or UnauthorizedAccessException;

    // The state names the best step, whose folder must then exist: where it could not be saved, the one before stays the best.
    private EvalMetrics? EvaluateAndKeepBest(CancellationToken stop)
    {
        var known = best;
        var result = Evaluate(stop);
        if (best != known && !Save())
        {
            best = known;
        }
        return result;
    }

    private EvalMetrics? Evaluate(CancellationToken stop)
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
        Drain();
        if (step > session.Step)
        {
            RequireFinite(session.Device.Transfer.Download(session.Graph.Objective.Statistics, 1)[0], GradientReport.Download(session.Device, session.Graph.Optimizer), session.Graph.Scaler?.Download(session.Device));
        }
        try
        {
            checkpoint = session.Save(step, progress, best);
            reporter.Info($"saved {checkpoint}");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reporter.Warn($"step {step} could not be saved: {e.Message} {(checkpoint is null ? "There is no older checkpoint" : "The older checkpoints are intact")}; the run goes on.");
            return false;
        }
    }
}
