using System.Globalization;
using Spectre.Console;
using XClr.Train;

namespace XClr.Cli;

/// <summary>Shows a run on standard error: a progress bar on a terminal, plain lines otherwise. Safe for several threads: a signal's message comes from another than the run's.</summary>
internal sealed class ConsoleReporter : ITrainReporter
{
    private readonly Lock gate = new();
    private readonly ProgressTask? task;

    private ConsoleReporter(ProgressTask? task) => this.task = task;

    /// <summary>Runs the work with a reporter that suits standard error.</summary>
    public static T Run<T>(Func<ITrainReporter, T> work)
    {
        if (Console.IsErrorRedirected || !Output.Messages.Profile.Capabilities.Interactive)
        {
            return work(new ConsoleReporter(null));
        }
        // Clearing the bar at the end leaves the lines above it, which stay useful. Bar and text fit 80 columns.
        return Output.Messages.Progress().AutoClear(true)
            .Columns(new ProgressBarColumn { Width = 18 }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context => work(new ConsoleReporter(context.AddTask("preparing", autoStart: true, maxValue: 1))));
    }

    /// <inheritdoc/>
    public void Info(string line) => Write(line, Style.Plain);

    /// <inheritdoc/>
    public void Warn(string line) => Write("warning: " + line, new Style(Color.Yellow));

    /// <inheritdoc/>
    public void Step(StepMetrics metrics)
    {
        if (task is null)
        {
            Write(Line(metrics), Style.Plain);
            return;
        }
        lock (gate)
        {
            task.MaxValue = metrics.TotalSteps;
            task.Value = metrics.Step;
            task.Description = Markup.Escape(Short(metrics));
        }
    }

    /// <inheritdoc/>
    public void Eval(EvalMetrics metrics) => Write(
        $"step {metrics.Step}: {string.Join(", ", metrics.Values.Select(v => string.Create(CultureInfo.InvariantCulture, $"{v.Key} {v.Value:0.####}")))}", Style.Plain);

    /// <summary>step 20/100  epoch 0.02  loss 4.1  lr 0.06  12 images/s  data 3 %  eta 1m20s.</summary>
    private static string Line(StepMetrics m) => string.Create(
        CultureInfo.InvariantCulture,
        $"step {m.Step}/{m.TotalSteps}  epoch {m.Epoch:0.##}  loss {m.Loss:0.0000}{Top1(m)}{Scale(m)}  lr {m.LearningRate:G3}  {m.ImagesPerSecond:0.0} images/s  data {100 * m.DataWait:0} %{(m.Skipped > 0 ? $"  skipped {m.Skipped}" : "")}  eta {OptionText.FormatDuration(m.Eta)}");

    private static string Scale(StepMetrics m) => m.LossScale is { } scale ? string.Create(CultureInfo.InvariantCulture, $"  scale {scale.ToString(scale < 1 ? "G3" : "0", CultureInfo.InvariantCulture)}{(m.SkippedSteps > 0 ? $" ({m.SkippedSteps} steps skipped)" : "")}") : "";

    private static string Top1(StepMetrics m) => m.Top1 is { } share ? string.Create(CultureInfo.InvariantCulture, $"  top1 {share:0.000}") : "";

    /// <summary>What a bar has room for beside itself.</summary>
    private static string Short(StepMetrics m) => string.Create(
        CultureInfo.InvariantCulture,
        $"{m.Step}/{m.TotalSteps} loss {m.Loss:0.000} {m.ImagesPerSecond:0.0} images/s data {100 * m.DataWait:0} % eta {OptionText.FormatDuration(m.Eta)}");

    private void Write(string text, Style style)
    {
        lock (gate)
        {
            if (Console.IsErrorRedirected)
            {
                Console.Error.WriteLine(text);
            }
            else
            {
                Output.Messages.Write(new Spectre.Console.Text(text + Environment.NewLine, style));
            }
        }
    }
}
