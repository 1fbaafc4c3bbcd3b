using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>What a training step works with.</summary>
/// <param name="Model">The network.</param>
/// <param name="Objective">The loss with its targets.</param>
/// <param name="Storage">How activations and working weights are stored.</param>
/// <param name="Variables">Rate, loss scale and the like of the step, see <see cref="StepVariables"/>.</param>
public sealed record StepParts(Model Model, Objective Objective, DType Storage, Tensor Variables)
{
    /// <summary>Null = gradients alone, nothing is updated.</summary>
    public Optimizer? Optimizer { get; init; }

    /// <summary>Null in fp32, and where the scale stands in <see cref="Variables"/>.</summary>
    public LossScaler? Scaler { get; init; }

    /// <summary>Null where the network works on the whole batch at once.</summary>
    public MicroBatches? MicroBatches { get; init; }

    /// <summary>Where the features [2N,F] go; null = not asked for.</summary>
    public Tensor? Features { get; init; }

    /// <summary>Where the projections [2N,P] go; null = not asked for.</summary>
    public Tensor? Projections { get; init; }
}
