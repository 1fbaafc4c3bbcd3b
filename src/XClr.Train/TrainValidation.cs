using System.Globalization;
using XClr.Data;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>Which values of a configuration fit together; each option's own range is in <see cref="TrainOptions"/>.</summary>
internal static class TrainValidation
{
    public static void Check(TrainConfig c, bool requireData)
    {
        Require(!requireData || c.Data is not null, "--data is missing: name a training set, or a --recipe or --config that has one.");
        Require(c.Resume != "auto" || c.RunDir is not null, "--resume auto needs --run-dir, the folder of the run to go on with.");
        CheckData(c);
        CheckObjective(c);
        CheckAugmentation(c);
        CheckOptimisation(c);
    }

    public static IReadOnlyList<double> ParseMilestones(string? text)
    {
        if (text is null)
        {
            return [];
        }
        var epochs = new List<double>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            Require(double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var epoch) && double.IsFinite(epoch) && epoch > epochs.LastOrDefault(),
                $"--milestones {text}: '{part}' is no epoch above the one before it; write rising numbers, such as 30,60,80.");
            epochs.Add(epoch);
        }
        return epochs;
    }

    private static void CheckData(TrainConfig c)
    {
        Require(c.CaptionTemplate is null || CaptionTemplate.IsTemplate(c.CaptionTemplate),
            $"--caption-template '{c.CaptionTemplate}' has no {{class}}: write it where the class's name belongs, as in 'a photo of a {{class}}'.");
        Require(c.EvalEvery == 0 || c.ValData is not null, $"--eval-every {c.EvalEvery} needs a --val-data to evaluate on.");
    }

    private static void CheckObjective(TrainConfig c)
    {
        Require(c.BatchSize >= 2,
            $"--batch-size {c.BatchSize}: the contrastive losses compare samples; use 2 or more.");
        Require(c.MicroBatch is not > 0 || c.MicroBatch >= c.BatchSize || c.BatchSize % c.MicroBatch == 0,
            $"--micro-batch {c.MicroBatch} does not divide --batch-size {c.BatchSize}; the next smaller one that does is {LargestDivisor(c.BatchSize, Math.Max(1, c.MicroBatch ?? 1))}.");
    }

    private static int LargestDivisor(int number, int most)
    {
        while (number % most != 0)
        {
            most--;
        }
        return most;
    }

    private static void CheckAugmentation(TrainConfig c)
    {
        var s = c.AugmentStrengths;
        RequireOrder("crop-area-min", s.AreaMin, "crop-area-max", s.AreaMax);
        RequireOrder("crop-ratio-min", s.RatioMin, "crop-ratio-max", s.RatioMax);
        RequireOrder("blur-sigma-min", s.BlurSigmaMin, "blur-sigma-max", s.BlurSigmaMax);
    }

    private static void CheckOptimisation(TrainConfig c)
    {
        Require(c.Epochs is not null || c.Steps is not null, "Neither --epochs nor --steps is set; give one of them.");
        Require(c.Epochs is not { } epochs || c.WarmupEpochs is not { } warmup || warmup <= epochs,
            string.Create(CultureInfo.InvariantCulture, $"--warmup-epochs {c.WarmupEpochs} is longer than the run's {c.Epochs} epochs."));
        Require(c.Schedule != ScheduleKind.Step || c.MilestoneEpochs.Count > 0,
            "--schedule step needs --milestones, the epochs at which the rate falls, such as 30,60,80.");
        Require(c.Schedule == ScheduleKind.Step || c.Milestones is null,
            $"--milestones {c.Milestones} is for --schedule step, and the schedule is {c.Schedule.LowerName()}.");
        Require(!c.Nesterov || (c.Optimizer == OptimizerKind.Sgd && c.Momentum > 0),
            string.Create(CultureInfo.InvariantCulture, $"--nesterov needs --optimizer sgd and a momentum above 0; they are {c.Optimizer.LowerName()} and {c.Momentum}."));
    }

    private static void RequireOrder(string lowName, double low, string highName, double high) => Require(low <= high,
        string.Create(CultureInfo.InvariantCulture, $"--{lowName} {low} is above --{highName} {high}."));

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new UsageException(message);
        }
    }
}
