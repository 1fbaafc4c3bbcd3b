using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>Runs a model on whole images in inference mode: evaluation transform, running statistics, a fixed number of rows per run.</summary>
public sealed class Encoder : IDisposable
{
    private readonly GpuDevice device;
    private readonly Model model;
    private readonly SourceRing ring;
    private readonly Tensor features;
    private readonly Tensor? projections;
    private readonly Plan plan;
    private readonly int size;

    /// <param name="device">Device of the model.</param>
    /// <param name="model">Its values at the time of a run are used.</param>
    /// <param name="spec">Image size and normalisation.</param>
    /// <param name="rows">Images per run.</param>
    public Encoder(GpuDevice device, Model model, AugmentSpec spec, int rows)
    {
        this.device = device;
        this.model = model;
        size = spec.Size;
        Rows = rows;
        var still = spec with { Blur = false };
        ring = new SourceRing(device.Caps, rows, views: 1, still);
        features = Tensor.Persistent("features_out", new Shape(rows, ModelSpec.Stored(model.Spec.FeatureWidth)), MemoryCategory.Outputs);
        projections = model.Spec.Head == HeadKind.None ? null : Tensor.Persistent("projections_out", new Shape(rows, ModelSpec.Stored(model.Spec.ProjectionWidth)), MemoryCategory.Outputs);
        try
        {
            plan = Plan.Build(device, device.Record(gpu => Record(gpu, still)));
        }
        catch
        {
            DisposeTensors();
            throw;
        }
    }

    /// <summary>Images per run.</summary>
    public int Rows { get; }

    /// <summary>F.</summary>
    public int FeatureWidth => model.Spec.FeatureWidth;

    /// <summary>True where what the head puts out are a classifier's logits, not projections.</summary>
    public bool Classifies => model.Spec.Head == HeadKind.Classifier;

    /// <summary>P, or a classifier's classes; 0 without a head.</summary>
    public int ProjectionWidth => projections is null ? 0 : model.Spec.ProjectionWidth;

    /// <summary>Bytes of a decoded image that one run accepts: the decoder's <see cref="DecodeOptions.MaxBytes"/>.</summary>
    public int ImageBytes => ring.ImageBytes;

    /// <summary>See <see cref="SourceRing.ReducedAdvice"/>.</summary>
    public string ReducedAdvice => ring.ReducedAdvice;

    /// <summary>Encodes up to <see cref="Rows"/> images, appending their features [n,F] and projections [n,P] (or logits; null without a head).</summary>
    public void Encode(IReadOnlyList<Sample> samples, RowMatrix featureRows, RowMatrix? projectionRows)
    {
        if (samples.Count == 0 || samples.Count > Rows)
        {
            throw new ArgumentException($"An encoder of {Rows} rows was given {samples.Count} images.");
        }
        ring.Upload(device, PackedBatch.Evaluation(samples, Rows, size), half: 0, halfFree: default);
        plan.Run();
        featureRows.Add(Download(features, samples.Count, FeatureWidth));
        if (projections is not null)
        {
            projectionRows!.Add(Download(projections, samples.Count, ProjectionWidth));
        }
    }

    private float[] Download(Tensor rows, int count, int width) => StateDict.Unpad(device.Transfer.Download(rows, count * rows.Shape[1]), rows.Shape[1], width);

    private void Record(Recorder gpu, AugmentSpec spec)
    {
        var images = gpu.NewTensor("images", new Shape(Rows, size, size, ModelSpec.Stored(ResNetBlueprint.ImageChannels)));
        using (gpu.Phase(StepPhase.Augment))
        {
            AugmentOp.Forward(gpu, ring.Bytes, ring.Table, images, spec);
        }
        using (gpu.Phase(StepPhase.Forward))
        {
            model.Forward(gpu, images, Mode.Eval, features, projections);
        }
    }

    public void Dispose()
    {
        plan.Dispose();
        DisposeTensors();
    }

    private void DisposeTensors()
    {
        ring.Dispose();
        features.View.Buffer.Dispose();
        projections?.View.Buffer.Dispose();
    }
}
