namespace XClr.Nn.Optim;

/// <summary>How the learning rate moves after the warm-up.</summary>
public enum ScheduleKind
{
    Cosine,
    Constant,
    Step,
}

/// <summary>How the base learning rate follows the batch (samples of the loss's batch, two views each).</summary>
public enum LrScaling
{
    None,
    Linear,
    Sqrt,
}

/// <summary>
/// Learning rate of each step: base times lr(t), t = 0 .. totalSteps-1. Warm-up: (t+1)/W for t &lt; W. Then cosine: (1 + cos(pi (t-W)/(T-W)))/2; constant: 1;
/// step: gamma to the number of milestones (in steps) that t has reached.
/// </summary>
public sealed record Schedule
{
    /// <exception cref="ArgumentException">A negative count, a warm-up longer than the run, a milestone out of order, or a base that is not positive and finite.</exception>
    public Schedule(ScheduleKind kind, double baseRate, long totalSteps, long warmupSteps = 0, IReadOnlyList<long>? milestones = null, double gamma = 0.1)
    {
        Require(double.IsFinite(baseRate) && baseRate >= 0, $"The learning rate must be a finite number from 0 up, not {baseRate}.");
        Require(totalSteps > 0, $"A schedule needs at least one step, not {totalSteps}.");
        Require(warmupSteps >= 0 && warmupSteps <= totalSteps, $"The warm-up of {warmupSteps} steps does not fit a run of {totalSteps}.");
        milestones ??= [];
        Require(milestones.Zip(milestones.Skip(1)).All(p => p.First < p.Second), $"Milestones must rise: {string.Join(", ", milestones)}.");
        Require(kind != ScheduleKind.Step || milestones.Count > 0, "A step schedule needs at least one milestone.");
        Require(double.IsFinite(gamma) && gamma > 0, $"gamma must be positive, not {gamma}.");
        (Kind, BaseRate, TotalSteps, WarmupSteps, Milestones, Gamma) = (kind, baseRate, totalSteps, warmupSteps, milestones, gamma);
    }

    public ScheduleKind Kind { get; }

    /// <summary>The highest rate, scaling by batch applied.</summary>
    public double BaseRate { get; }
    public long TotalSteps { get; }
    public long WarmupSteps { get; }
    public IReadOnlyList<long> Milestones { get; }
    public double Gamma { get; }

    /// <summary>base, base * batch / 256 or base * sqrt(batch); batch counts samples of the loss's batch.</summary>
    public static double Scale(double baseRate, LrScaling scaling, int batch) => batch <= 0
        ? throw new ArgumentException($"The batch must be positive, not {batch}.")
        : scaling switch
        {
            LrScaling.None => baseRate,
            LrScaling.Linear => baseRate * batch / 256,
            LrScaling.Sqrt => baseRate * Math.Sqrt(batch),
            _ => throw new ArgumentException($"Unknown scaling {scaling}."),
        };

    /// <summary>The learning rate of step t (from 0). Steps past the end keep the last step's rate.</summary>
    public double Rate(long step)
    {
        Require(step >= 0, $"Steps count from 0, not {step}.");
        var t = Math.Min(step, TotalSteps - 1);
        return t < WarmupSteps ? BaseRate * (t + 1) / WarmupSteps : BaseRate * Factor(t);
    }

    private double Factor(long t) => Kind switch
    {
        ScheduleKind.Cosine => 0.5 * (1 + Math.Cos(Math.PI * (t - WarmupSteps) / (TotalSteps - WarmupSteps))),
        ScheduleKind.Constant => 1,
        ScheduleKind.Step => Math.Pow(Gamma, Milestones.Count(m => t >= m)),
        _ => throw new InvalidOperationException($"Unknown schedule {Kind}."),
    };

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
