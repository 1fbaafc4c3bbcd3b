namespace XClr.Train;

/// <summary>Where a run's figures go: metrics.jsonl, and TensorBoard's event files beside it.</summary>
internal sealed class RunLog : IDisposable
{
    private readonly MetricsLog metrics;
    private readonly TensorBoardLog events;

    private RunLog(MetricsLog metrics, TensorBoardLog events) => (this.metrics, this.events) = (metrics, events);

    /// <summary>Opens both to go on after <paramref name="step"/> steps; null: a run begins anew, and what another left in the folder is dropped.</summary>
    /// <exception cref="IOException">A file cannot be opened.</exception>
    public static RunLog Open(RunFolder folder, long? step, Action<string> warn)
    {
        var metrics = MetricsLog.Open(folder.MetricsFile, step ?? -1, warn);
        try
        {
            return new RunLog(metrics, TensorBoardLog.Open(folder.Path, step ?? 0, warn));
        }
        catch
        {
            metrics.Dispose();
            throw;
        }
    }

    /// <summary>Whether the log has an evaluation of this step.</summary>
    public bool HasEvaluation(long step) => metrics.HasEvaluation(step);

    /// <summary>Appends an interval's figures.</summary>
    public void Write(StepMetrics m)
    {
        metrics.Write(m);
        events.Write(m);
    }

    /// <summary>Appends an evaluation's results.</summary>
    public void Write(EvalMetrics m)
    {
        metrics.Write(m);
        events.Write(m);
    }

    public void Dispose()
    {
        metrics.Dispose();
        events.Dispose();
    }
}
