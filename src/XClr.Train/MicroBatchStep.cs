using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>
/// Loss and parameter gradients of a batch with the activations of one micro-batch at a time. Exact but for batch norms, whose statistics are a micro-batch's: a forward pass over each gives all
/// projections, the loss compares all of them, and a second forward pass over each, from the same images, goes backward with its rows of the loss's gradient.
/// </summary>
internal static class MicroBatchStep
{
    /// <summary>
    /// Records it; gradients are added up in the order of the micro-batches. views is recorded in both loops and gives the micro-batch's [2M,H,W,4] in the step's storage.
    /// </summary>
    public static void Record(Recorder gpu, StepParts step, MicroBatches micro, Func<Tensor> views)
    {
        var projections = Forward(gpu, step, micro, views);
        var dprojections = TrainStep.Loss(gpu, step, projections);
        Backward(gpu, step.Model, micro, views, dprojections);
    }

    private static Tensor Forward(Recorder gpu, StepParts step, MicroBatches micro, Func<Tensor> views)
    {
        var model = step.Model;
        var projections = step.Projections ?? gpu.NewTensor("projections", new Shape(2 * micro.Samples, ModelSpec.Stored(model.Spec.ProjectionWidth)));
        using var phase = gpu.Phase(StepPhase.Forward);
        model.Begin(gpu, step.Storage, Mode.Train);
        Loop(gpu, micro, () =>
        {
            var output = model.Pass(gpu, views(), Mode.Train);
            micro.Put(gpu, output.Projections!, projections);
            if (step.Features is { } features)
            {
                micro.Put(gpu, output.Features, features);
            }
        });
        return projections;
    }

    private static void Backward(Recorder gpu, Model model, MicroBatches micro, Func<Tensor> views, Tensor dprojections)
    {
        using var phase = gpu.Phase(StepPhase.Backward);
        Loop(gpu, micro, () =>
        {
            model.Pass(gpu, views(), Mode.Train, again: true);
            model.Backward(gpu, micro.Take(gpu, dprojections), accumulate: true);
        });
    }

    private static void Loop(Recorder gpu, MicroBatches micro, Action body)
    {
        micro.Begin(gpu);
        using (gpu.Repeat(micro.Count))
        {
            body();
            micro.Next(gpu);
        }
    }
}
