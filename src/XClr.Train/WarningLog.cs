namespace XClr.Train;

/// <summary>Passes a run's reports on, each warning once, and keeps the warnings for the run's summary.</summary>
internal sealed class WarningLog(ITrainReporter shown) : ITrainReporter
{
    private readonly List<string> warnings = [];

    /// <summary>The warnings so far, in order.</summary>
    public IReadOnlyList<string> Warnings => warnings;

    /// <inheritdoc/>
    public void Info(string line) => shown.Info(line);

    /// <inheritdoc/>
    public void Warn(string line)
    {
        if (warnings.Contains(line))
        {
            return;
        }
        warnings.Add(line);
        shown.Warn(line);
    }

    /// <inheritdoc/>
    public void Step(StepMetrics metrics) => shown.Step(metrics);

    /// <inheritdoc/>
    public void Eval(EvalMetrics metrics) => shown.Eval(metrics);
}
