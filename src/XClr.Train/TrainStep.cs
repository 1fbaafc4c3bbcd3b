using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>One whole training step: bytes to views, views to projections, their loss, its gradients, and updated weights.</summary>
public static class TrainStep
{
    /// <summary>Records the step on images from a ring: view 1 of all samples, then view 2.</summary>
    public static void Record(Recorder gpu, StepParts step, SourceRing sources) =>
        Record(gpu, step, sources.Table, rows => sources.Augment(gpu, "views", rows, step.Storage));

    /// <summary>
    /// Records the step. inputs: one row for each of the 2N views; views turns rows of it into the network's input [.,S,S,4], with micro-batches for one after another (<see cref="MicroBatchStep"/>).
    /// </summary>
    public static void Record(Recorder gpu, StepParts step, Tensor inputs, Func<Tensor, Tensor> views)
    {
        if (step.MicroBatches is { } micro)
        {
            MicroBatchStep.Record(gpu, step, micro, () => views(micro.Take(gpu, inputs)));
        }
        else
        {
            var projections = Forward(gpu, step, () => views(inputs));
            var dprojections = Loss(gpu, step, projections);
            Backward(gpu, step, dprojections);
        }
        Update(gpu, step);
    }

    private static Tensor Forward(Recorder gpu, StepParts step, Func<Tensor> views)
    {
        using var phase = gpu.Phase(StepPhase.Forward);
        return step.Model.Forward(gpu, views(), Mode.Train, step.Features, step.Projections).Projections!;
    }

    /// <summary>The loss of the projections [2N,P] of all samples; the result is their gradient.</summary>
    internal static Tensor Loss(Recorder gpu, StepParts step, Tensor projections)
    {
        using var phase = gpu.Phase(StepPhase.Loss);
        step.Scaler?.Begin(gpu, step.Variables);
        if (step.MicroBatches is not null)
        {
            // Each micro-batch adds to the gradients; those of CLIP's text side are the loss's own, and are written here.
            ZeroOp.Forward(gpu, step.Model.Parameters.Gradients);
        }
        return step.Objective.Record(gpu, step.Model, projections, step.Variables);
    }

    private static void Backward(Recorder gpu, StepParts step, Tensor dprojections)
    {
        using var phase = gpu.Phase(StepPhase.Backward);
        step.Model.Backward(gpu, dprojections);
    }

    private static void Update(Recorder gpu, StepParts step)
    {
        if (step.Optimizer is not { } optimizer)
        {
            return;
        }
        using var phase = gpu.Phase(StepPhase.Optimizer);
        optimizer.Record(gpu, step.Variables);
        step.Model.Commit(gpu, optimizer.Result);
        step.Scaler?.Update(gpu, optimizer.Result);
    }
}
