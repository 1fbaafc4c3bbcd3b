using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using XClr.Nn;

namespace XClr.Train.Comparison;

/// <summary>A budget in minutes, as budget.json in a comparison's folder has it: the steps that fit into them at the speed of a short trial of the first loss. Every cell takes that many.</summary>
/// <param name="Minutes">Of training, per cell.</param>
/// <param name="ImagesPerSecond">Of the trial's last steps.</param>
/// <param name="Steps">One at least.</param>
public sealed record ComparisonBudget(double Minutes, double ImagesPerSecond, long Steps)
{
    // The first steps compile kernels and fill the queue of decoded images.
    private const int TrialSteps = 15, TrialInterval = 5;

    /// <summary>What folders of trials begin with in the comparison's; a number of 32 hexadecimal digits follows.</summary>
    internal const string TrialPrefix = ".xclr-trial-";

    /// <summary>The request with the budget's steps; the trial is made once per folder.</summary>
    /// <exception cref="UsageException">The folder has a budget of another length.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was set during the trial.</exception>
    public static ComparisonRequest Apply(ComparisonRequest request, double minutes, ITrainReporter reporter, CancellationToken stop)
    {
        var file = Path.Combine(request.Folder, "budget.json");
        var budget = File.Exists(file) ? Read(file, minutes) : Measure(request, minutes, file, reporter, stop);
        reporter.Info(string.Create(CultureInfo.InvariantCulture, $"budget: {budget.Minutes} minutes a cell at {budget.ImagesPerSecond:0.0} images/s are {budget.Steps} steps, the same for each loss"));
        return request with { Config = request.Config with { Epochs = null, Steps = budget.Steps } };
    }

    private static ComparisonBudget Read(string file, double minutes)
    {
        ComparisonBudget? saved;
        try
        {
            saved = JsonSerializer.Deserialize(File.ReadAllBytes(file), ComparisonBudgetJson.Default.ComparisonBudget);
        }
        catch (JsonException e)
        {
            throw new UsageException($"{file} is no budget: {e.Message}; delete it, and the trial is made anew.");
        }
        if (saved is { Steps: < 1 })
        {
            throw new UsageException($"{file} is no budget: it says {saved.Steps} steps; delete it, and the trial is made anew.");
        }
        return saved?.Minutes == minutes ? saved : throw new UsageException($"{file} says {saved?.Minutes} minutes a cell, --minutes {minutes}; name another folder by --out, or go on with the same budget.");
    }

    private static ComparisonBudget Measure(ComparisonRequest request, double minutes, string file, ITrainReporter reporter, CancellationToken stop)
    {
        var run = Path.Combine(request.Folder, $"{TrialPrefix}{Guid.NewGuid():N}");
        var speed = new SpeedReporter(reporter);
        reporter.Info($"trial of {TrialSteps} steps, which tells how many fit into --minutes");
        var config = request.Config with
        {
            Loss = request.Losses[0], RunDir = run, Resume = null, ValData = null, EvalEvery = 0, Epochs = null, Steps = TrialSteps, WarmupEpochs = null, LogEvery = TrialInterval, MaxTime = null,
        };
        try
        {
            Trainer.Run(config, speed, stop);
        }
        finally
        {
            RemoveTrials(request.Folder, reporter);
        }
        stop.ThrowIfCancellationRequested();
        var budget = new ComparisonBudget(minutes, speed.Latest, Math.Max(1, (long)(minutes * 60 * speed.Latest / (2 * config.BatchSize))));
        DurableFile.Write(file, stream => JsonSerializer.Serialize(stream, budget, ComparisonBudgetJson.Default.ComparisonBudget));
        return budget;
    }

    // This process's, and what killed ones left. One that another process holds is its own.
    private static void RemoveTrials(string folder, ITrainReporter reporter)
    {
        foreach (var trial in Directory.Exists(folder) ? Directory.GetDirectories(folder, TrialPrefix + "*") : [])
        {
            try
            {
                if (Guid.TryParseExact(Path.GetFileName(trial)[TrialPrefix.Length..], "N", out _) && RunFolder.IsFree(trial))
                {
                    Directory.Delete(trial, recursive: true);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                reporter.Warn($"{trial}: the trial's folder could not be removed: {e.Message} Nothing needs it; delete it.");
            }
        }
    }

    // Keeps the speed, passes on what concerns the data and the device.
    private sealed class SpeedReporter(ITrainReporter next) : ITrainReporter
    {
        public double Latest { get; private set; }

        public void Info(string line) => next.Info(line);

        public void Warn(string line) => next.Warn(line);

        public void Step(StepMetrics metrics) => Latest = metrics.ImagesPerSecond;

        public void Eval(EvalMetrics metrics)
        {
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ComparisonBudget))]
internal sealed partial class ComparisonBudgetJson : JsonSerializerContext;
