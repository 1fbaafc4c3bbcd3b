using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>One whole training step, from bytes to updated weights.</summary>
public static class TrainStep
{
    /// <summary>
    /// Records the step. views: [2N,S,S,4], view 1 of all samples, then view 2; features [2N,F]; projections and their gradient [2N,P]. storage is the network's; with
    /// micro-batches the network works on one after another (<see cref="MicroBatchStep"/>).
    /// </summary>
    public static void Record(Recorder gpu, SourceRing sources, AugmentSpec images, DType storage, Model model, Objective objective, Optimizer optimizer, Tensor stepVariables, LossScaler? scaler = null, MicroBatches? micro = null)
    {
        Tensor Views(Tensor table)
        {
            var views = gpu.NewTensor("views", new Shape(table.Shape[0], images.Size, images.Size, ModelSpec.Stored(ResNetBlueprint.ImageChannels)), type: storage);
            using (gpu.Phase(StepPhase.Augment))
            {
                AugmentOp.Forward(gpu, sources.Bytes, table, views, images);
            }
            return views;
        }
        if (micro is not null)
        {
            MicroBatchStep.Record(gpu, micro, () => Views(micro.Take(gpu, sources.Table)), storage, model, objective, stepVariables, scaler);
        }
        else
        {
            RecordWhole(gpu, () => Views(sources.Table), model, objective, stepVariables, scaler);
        }
        using (gpu.Phase(StepPhase.Optimizer))
        {
            optimizer.Record(gpu, stepVariables);
            model.Commit(gpu, optimizer.Result);
            scaler?.Update(gpu, optimizer.Result);
        }
    }

    private static void RecordWhole(Recorder gpu, Func<Tensor> views, Model model, Objective objective, Tensor stepVariables, LossScaler? scaler)
    {
        ModelOutput output;
        using (gpu.Phase(StepPhase.Forward))
        {
            output = model.Forward(gpu, views(), Mode.Train);
        }
        Tensor gradient;
        using (gpu.Phase(StepPhase.Loss))
        {
            scaler?.Begin(gpu, stepVariables);
            gradient = objective.Record(gpu, model, output.Projections!, stepVariables);
        }
        using (gpu.Phase(StepPhase.Backward))
        {
            model.Backward(gpu, gradient);
        }
    }
}
