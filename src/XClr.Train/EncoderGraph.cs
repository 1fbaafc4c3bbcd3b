using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>What an <see cref="Encoder"/> works on beside the model's own tensors, and how its pass is recorded; logical until a plan is built from it.</summary>
internal sealed class EncoderGraph : IDisposable
{
    // 44 megapixels: few photographs have more.
    private const long LargestPhotograph = 128 << 20;
    private readonly Model model;

    /// <param name="caps">Device the pass is for.</param>
    /// <param name="model">Its running statistics are used.</param>
    /// <param name="images">Image size and normalisation.</param>
    /// <param name="rows">Images per run.</param>
    public EncoderGraph(DeviceCaps caps, Model model, AugmentSpec images, int rows)
    {
        this.model = model;
        Sources = new SourceRing(caps, rows, views: 1, images with { Blur = false }, parts: 1, (int)Math.Min(LargestPhotograph, caps.DeviceLocalBytes / 16));
        Views = Tensor.Persistent("images", new Shape(rows, images.Size, images.Size, ModelSpec.Stored(ResNetBlueprint.ImageChannels)), MemoryCategory.Inputs);
        Features = Tensor.Persistent("features_out", new Shape(rows, ModelSpec.Stored(model.Spec.FeatureWidth)), MemoryCategory.Outputs);
        Projections = model.Spec.Head == HeadKind.None ? null : Tensor.Persistent("projections_out", new Shape(rows, ModelSpec.Stored(model.Spec.ProjectionWidth)), MemoryCategory.Outputs);
    }

    public SourceRing Sources { get; }

    /// <summary>The network's input [rows,S,S,4], normalised: rows stay until their sources are replaced.</summary>
    public Tensor Views { get; }

    /// <summary>[rows,F], F padded.</summary>
    public Tensor Features { get; }

    /// <summary>[rows,P], P padded, or a classifier's logits; null without a head.</summary>
    public Tensor? Projections { get; }

    /// <summary>Records the pass: sources, evaluation transform, network in inference mode.</summary>
    public void Record(Recorder gpu)
    {
        RecordViews(gpu);
        RecordNetwork(gpu);
    }

    /// <summary>Records the evaluation transform of the rows that the table names.</summary>
    public void RecordViews(Recorder gpu) => Sources.Augment(gpu, Sources.Table, Views);

    /// <summary>Records the network in inference mode.</summary>
    public void RecordNetwork(Recorder gpu)
    {
        using var phase = gpu.Phase(StepPhase.Forward);
        model.Forward(gpu, Views, Mode.Eval, Features, Projections);
    }

    public void Dispose()
    {
        Sources.Dispose();
        Views.View.Buffer.Dispose();
        Features.View.Buffer.Dispose();
        Projections?.View.Buffer.Dispose();
    }
}
