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
