using XClr.Gpu;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>What the device says of the last step.</summary>
/// <param name="Step">Steps taken, that one included.</param>
/// <param name="Statistics">[4], see <see cref="Objective"/>.</param>
/// <param name="Gradients">What the optimiser saw.</param>
/// <param name="Scale">Null in fp32.</param>
/// <param name="Updates">Updates that the optimiser has made, those before a resumed checkpoint included.</param>
internal sealed record StepResults(long Step, float[] Statistics, GradientReport Gradients, LossScale? Scale, long Updates)
{
    public float Loss => Statistics[0];
    public float TargetEntropy => Statistics[1];
    public float TargetOwnView => Statistics[2];
    public float EmbeddingStd => Statistics[3];

    /// <summary>Reads the results after all steps so far.</summary>
    public static StepResults Download(GpuDevice device, TrainGraph graph, long step) => new(step,
        device.Transfer.Download(graph.Objective.Statistics, 4), GradientReport.Download(device, graph.Optimizer), graph.Scaler?.Download(device), UpdateCount.Download(device, graph.Optimizer));

    /// <summary>Why training is no use any more; null where it is.</summary>
    /// <param name="since">Steps that were looked at before.</param>
    /// <param name="skippedBefore">Steps that made no update and need not have, as mixed precision has them.</param>
    /// <param name="every">Steps from one look to the next.</param>
    public string? Divergence(long since, long skippedBefore, long every)
    {
        if (Scale is { } scale)
        {
            // Mixed precision skips a step now and then while the scale finds its size; a scale that keeps falling means gradients that are not finite at any scale.
            return scale.Problem is { } problem ? $"Step {Step}: {problem}" : null;
        }
        var last = (float.IsFinite(Loss), Gradients.FirstNonFinite) switch
        {
            (true, _) => Gradients.Problem,
            (false, null) => $"the loss ({Loss}) is not finite",
            (false, var name) => $"the loss ({Loss}) and the gradient of {name} are not finite",
        };
        if (last is not null)
        {
            return $"Step {Step}: {last} (looked at every {every} steps).";
        }
        // The device skips an update whose gradient or norm is not finite; a later step's report no longer shows it, the count of updates does.
        var missed = Step - skippedBefore - Updates;
        return missed == 0 ? null : $"{missed} of the steps {since + 1} to {Step} had a gradient, or a norm of all gradients, that is not finite (--log-every 1 names the step and the tensor).";
    }
}
