namespace XClr.Train.Tests;

/// <summary>Keeps what a run reports; stops it where asked to.</summary>
internal sealed class RecordingReporter : ITrainReporter
{
    public (long Step, CancellationTokenSource Stop)? StopAt { get; init; }
    public Action<StepMetrics> AtStep { get; init; } = _ => { };
    public List<StepMetrics> Steps { get; } = [];
    public List<string> Warnings { get; } = [];

    public List<string> Lines { get; } = [];

    public void Info(string line) => Lines.Add(line);

    public void Warn(string line) => Warnings.Add(line);

    public void Step(StepMetrics metrics)
    {
        Steps.Add(metrics);
        AtStep(metrics);
        if (StopAt is { } at && metrics.Step == at.Step)
        {
            at.Stop.Cancel();
        }
    }

    public void Eval(EvalMetrics metrics)
    {
    }
}
