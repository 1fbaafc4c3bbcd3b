using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>What an <see cref="Encoder"/> works on beside the model's own tensors, and how its pass is recorded; logical until a plan is built from it.</summary>
internal sealed class EncoderGraph : IDisposable
{
    private readonly Model model;

    /// <param name="caps">Device the pass is for.</param>
    /// <param name="model">Its running statistics are used.</param>
    /// <param name="images">Image size and normalisation.</param>
    /// <param name="rows">Images per run.</param>
    public EncoderGraph(DeviceCaps caps, Model model, AugmentSpec images, int rows)
    {
        this.model = model;
        Sources = new SourceRing(caps, rows, views: 1, images with { Blur = false }, parts: 1);
        Features = Tensor.Persistent("features_out", new Shape(rows, ModelSpec.Stored(model.Spec.FeatureWidth)), MemoryCategory.Outputs);
        Projections = model.Spec.Head == HeadKind.None ? null : Tensor.Persistent("projections_out", new Shape(rows, ModelSpec.Stored(model.Spec.ProjectionWidth)), MemoryCategory.Outputs);
    }

    public SourceRing Sources { get; }

    /// <summary>[rows,F], F padded.</summary>
    public Tensor Features { get; }

    /// <summary>[rows,P], P padded, or a classifier's logits; null without a head.</summary>
    public Tensor? Projections { get; }

    /// <summary>Records the pass: sources, evaluation transform, network in inference mode.</summary>
    public void Record(Recorder gpu)
    {
        var views = Sources.Augment(gpu, "images", Sources.Table);
        using var phase = gpu.Phase(StepPhase.Forward);
        model.Forward(gpu, views, Mode.Eval, Features, Projections);
    }

    public void Dispose()
    {
        Sources.Dispose();
        Features.View.Buffer.Dispose();
        Projections?.View.Buffer.Dispose();
    }
}
