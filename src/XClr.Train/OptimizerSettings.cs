using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>An optimiser and its coefficients.</summary>
public sealed record OptimizerSettings(OptimizerKind Kind, double WeightDecay, double Momentum, bool Nesterov)
{
    /// <summary>The optimiser over a set of parameters.</summary>
    public Optimizer Create(ParameterSet parameters, DeviceCaps caps) => Kind switch
    {
        OptimizerKind.Sgd => new Sgd(parameters, caps, Momentum, WeightDecay, Nesterov),
        OptimizerKind.Lars => new Lars(parameters, caps, Momentum, WeightDecay),
        _ => new AdamW(parameters, caps, WeightDecay),
    };
}

/// <summary>What the optimiser saw in the last step's gradients.</summary>
/// <param name="Norm">Global L2 norm, unscaled, before clipping. Infinite where all gradients are finite but the sum of their squares is not: that update is skipped too.</param>
/// <param name="FirstNonFinite">Name of the first parameter whose gradient is not finite; null where all are.</param>
public sealed record GradientReport(float Norm, string? FirstNonFinite)
{
    /// <summary>"the gradient of fc.weight is not finite": why the update was skipped; null where it was made.</summary>
    public string? Problem => FirstNonFinite is { } name ? $"the gradient of {name} is not finite" : float.IsFinite(Norm) ? null : "the norm of all gradients overflows fp32, though each of them is finite";

    /// <summary>Reads the report after all steps so far.</summary>
    public static GradientReport Download(GpuDevice device, Optimizer optimizer)
    {
        var result = device.Transfer.Download(optimizer.Result, 4);
        return new GradientReport(result[0], result[2] < 0 ? null : optimizer.Parameters.Parameters[(int)result[2]].Name);
    }
}

/// <summary>The optimiser's count of updates on the host.</summary>
internal static class UpdateCount
{
    public static long Download(GpuDevice device, Optimizer optimizer)
    {
        Span<uint> count = stackalloc uint[1];
        device.Transfer.Download(optimizer.Updates, count);
        return count[0];
    }

    public static void Upload(GpuDevice device, Optimizer optimizer, long count) => device.Transfer.Upload<uint>(optimizer.Updates, [checked((uint)count)]);
}
