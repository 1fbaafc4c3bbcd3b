using System.Globalization;
using XClr.Train;
using XClr.Train.Evaluation;

namespace XClr.Cli.Commands;

/// <summary>A training run as `train` and `demo` show it.</summary>
internal static class TrainRun
{
    private static readonly Dictionary<string, string> Titles = new()
    {
        [EvalNames.KnnTop1] = "k-NN top-1 accuracy",
        [EvalNames.HeadTop1] = "classifier top-1 accuracy",
        [EvalNames.Fidelity] = "similarity fidelity (features)",
        [EvalNames.FidelityProjections] = "similarity fidelity (projections)",
    };

    /// <summary>Trains, with progress on standard error, and prints the outcome; Ctrl-C and SIGTERM save and stop.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(TrainConfig config, bool json)
    {
        config = config.Validated();
        var outcome = ConsoleReporter.Run(reporter =>
        {
            using var signals = new StopSignals(reporter.Warn, "the step is finished and saved");
            return Trainer.Run(config, reporter, signals.Token);
        });
        if (json)
        {
            Output.Json(outcome);
        }
        else
        {
            Print(outcome);
        }
        return End(outcome);
    }

    // What was measured, beside the evaluation before training where there was one, where things lie, and the run's warnings.
    private static void Print(TrainOutcome outcome)
    {
        if (outcome.After is { } after)
        {
            var beforeAndAfter = outcome.Before is not null;
            var table = beforeAndAfter ? Output.Table("held-out images", "before", "after") : Output.Table("held-out images", "after training");
            foreach (var (name, title) in Titles)
            {
                if (after.Values.TryGetValue(name, out var value))
                {
                    table.Row(beforeAndAfter ? [title, Text(outcome.Before, name), Text(value)] : [title, Text(value)]);
                }
            }
            Output.Results.Write(table);
        }
        Output.WriteFacts(
        [
            ("checkpoint", outcome.Checkpoint ?? "none"),
            ("metrics", Path.Combine(outcome.RunFolder, MetricsLog.FileName)),
            ("config", Path.Combine(outcome.RunFolder, "config.json")),
            .. outcome.Warnings.Select(w => ("warning", w)),
        ]);
    }

    // The exit code; says how to go on where the run was stopped.
    private static int End(TrainOutcome outcome)
    {
        if (outcome.Status == TrainStatus.Completed)
        {
            return ExitCode.Success;
        }
        Console.Error.WriteLine($"stopped after step {outcome.Step}{(outcome.Status == TrainStatus.TimeUp ? " (--max-time)" : "")}; to go on: {OptionText.Command} {outcome.ResumeArguments}");
        return ExitCode.Interrupted;
    }

    private static string Text(EvalMetrics? metrics, string name) => metrics is not null && metrics.Values.TryGetValue(name, out var value) ? Text(value) : "";

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
