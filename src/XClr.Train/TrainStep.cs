using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>One whole training step, from bytes to updated weights.</summary>
public static class TrainStep
{
    /// <summary>Records the step on images from a ring: view 1 of all samples, then view 2.</summary>
    public static void Record(Recorder gpu, StepParts step, SourceRing sources, AugmentSpec images) =>
        Record(gpu, step, sources.Table, table => Views(gpu, sources, table, images, step.Storage));

    /// <summary>
    /// Records the step. inputs: a row for each of the 2N views, of which views makes the network's [.,S,S,4]; with micro-batches it is asked for one after another (<see cref="MicroBatchStep"/>).
    /// </summary>
    public static void Record(Recorder gpu, StepParts step, Tensor inputs, Func<Tensor, Tensor> views)
    {
        if (step.MicroBatches is { } micro)
        {
            MicroBatchStep.Record(gpu, step, micro, () => views(micro.Take(gpu, inputs)));
        }
        else
        {
            RecordWhole(gpu, step, () => views(inputs));
        }
        using (gpu.Phase(StepPhase.Optimizer))
        {
            if (step.Optimizer is { } optimizer)
            {
                optimizer.Record(gpu, step.Variables);
                step.Model.Commit(gpu, optimizer.Result);
                step.Scaler?.Update(gpu, optimizer.Result);
            }
        }
    }

    private static void RecordWhole(Recorder gpu, StepParts step, Func<Tensor> views)
    {
        ModelOutput output;
        using (gpu.Phase(StepPhase.Forward))
        {
            output = step.Model.Forward(gpu, views(), Mode.Train, step.Features, step.Projections);
        }
        Tensor gradient;
        using (gpu.Phase(StepPhase.Loss))
        {
            step.Scaler?.Begin(gpu, step.Variables);
            gradient = step.Objective.Record(gpu, step.Model, output.Projections!, step.Variables);
        }
        using (gpu.Phase(StepPhase.Backward))
        {
            step.Model.Backward(gpu, gradient);
        }
    }

    private static Tensor Views(Recorder gpu, SourceRing sources, Tensor table, AugmentSpec images, DType storage)
    {
        var views = gpu.NewTensor("views", new Shape(table.Shape[0], images.Size, images.Size, ModelSpec.Stored(ResNetBlueprint.ImageChannels)), type: storage);
        using (gpu.Phase(StepPhase.Augment))
        {
            AugmentOp.Forward(gpu, sources.Bytes, table, views, images);
        }
        return views;
    }
}
