using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>What `parity` computes: one forward, loss, backward and optimiser step on given weights and a given batch, for comparison with another framework.</summary>
public sealed record ParityRequest
{
    public required Arch Arch { get; init; }

    /// <summary>Weights under torchvision's names, with the head's.</summary>
    public required string Weights { get; init; }

    /// <summary>`images` float32 [2N,3,H,W] normalised, view 1 of all samples, then view 2; `text` float32 [N,D]; `labels` int64 [N].</summary>
    public required string Batch { get; init; }
    public required string Out { get; init; }

    /// <summary>Null = by the first convolution's size: 7 imagenet, 3 half.</summary>
    public Stem? Stem { get; init; }

    /// <summary>Blocks of the four stages; null = the architecture's.</summary>
    public IReadOnlyList<int>? Stages { get; init; }
    public LossKind Loss { get; init; } = LossKind.Xclr;
    public float Tau { get; init; } = 0.1f;
    public float TauS { get; init; } = 0.1f;

    /// <summary>Null = no optimiser step.</summary>
    public OptimizerSettings? Optimizer { get; init; }
    public float LearningRate { get; init; } = 0.1f;

    /// <summary>0 = no clipping.</summary>
    public float ClipNorm { get; init; }

    /// <summary>Samples that the network works on at a time; 0 = all. It may be all samples too: the same in a loop of one time.</summary>
    public int MicroBatch { get; init; }

    /// <summary>Eval: running statistics, loss and outputs only.</summary>
    public Mode Mode { get; init; } = Mode.Train;

    /// <summary>Amp: gradients are computed at a loss scale of 1,024 and put out unscaled.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;
    public string? Device { get; init; }
}

/// <summary>The `parity` verb's work on a whole network.</summary>
public static class ParityRun
{
    /// <summary>Runs and writes the results; returns the loss.</summary>
    public static float Run(ParityRequest request)
    {
        using var weights = SafetensorsFile.Open(request.Weights);
        using var batch = SafetensorsFile.Open(request.Batch);
        var shape = batch["images"].Shape;
        if (shape.Count != 4 || shape[0] % 2 != 0 || shape[1] != 3)
        {
            throw new SafetensorsException($"{request.Batch}: images has shape {batch["images"].ShapeText}, expected [2N,3,H,W].");
        }
        var samples = (int)shape[0] / 2;
        if (request.MicroBatch != 0 && (request.Mode == Mode.Eval || request.MicroBatch < 0 || samples % request.MicroBatch != 0))
        {
            throw new UsageException($"--micro-batch {request.MicroBatch}: it is for --mode train, and must divide the {samples} samples of {request.Batch}.");
        }
        (float[] Rows, int Width)? text = request.Loss.Facts().Target == TargetKind.Text ? Text(batch, samples) : null;
        uint[]? labels = request.Loss.Facts().Target == TargetKind.Labels ? Labels(batch, samples) : null;
        using var device = TrainSetup.OpenDevice(request.Device);
        using var model = new Model(Infer(request, weights));
        ModelFile.Load(device, model, _ => true, request.Weights);
        using var objective = new Objective(new ObjectiveSpec(request.Loss, samples, request.Tau, request.TauS, text?.Width ?? 0, Classes: model.Spec.Head == HeadKind.Classifier ? model.Spec.ProjectionWidth : 0));
        using var optimizer = request.Optimizer is { } settings ? settings.Create(model.Parameters, device.Caps) : null;
        using var micro = request.MicroBatch == 0 ? null : new MicroBatches(samples, request.MicroBatch);
        using var run = new ParityStep(device, model, micro, objective, optimizer, request, [.. shape.Select(d => (int)d)]);
        objective.Upload(device, labels, text?.Rows);
        run.Execute(Images(batch.ReadFloat32("images"), shape));
        var stepped = request.Mode == Mode.Train && optimizer is not null;
        SafetensorsWriter.Write(request.Out, run.Results().Concat(stepped ? BatchesTracked(weights, model, micro?.Count ?? 1) : []));
        return run.Loss;
    }

    // A step is one training batch more for every batch norm, or one per micro-batch.
    private static IEnumerable<SafetensorsEntry> BatchesTracked(SafetensorsFile weights, Model model, int batches) =>
        ModelFile.TrackedNames(model).Select(name => SafetensorsEntry.Int64(name, [], new[] { (weights.Contains(name) ? weights.ReadInt64(name)[0] : 0) + batches }));

    private static ModelSpec Infer(ParityRequest request, SafetensorsFile weights)
    {
        var conv = weights["conv1.weight"].Shape;
        var stem = request.Stem ?? (conv[2] == 7 ? Stem.ImageNet : Stem.Half);
        var asked = request.Loss.Facts().Head;
        var head = asked switch { HeadKind.Clip => Model.TextMap, HeadKind.Classifier => Model.ClassifierWeight, _ => Model.ProjectorMap };
        var spec = ModelShapes.WithHead(new ModelSpec(request.Arch, stem, conv[0] / 64.0, HeadKind.None, Stages: request.Stages), weights);
        return weights[head] is not null && spec.Head == HeadKind.Classifier == (asked == HeadKind.Classifier)
            ? spec
            : throw new SafetensorsException($"{request.Weights}: has '{Model.ClassifierWeight}' and the head of another loss; leave the head that --loss {request.Loss.LowerName()} does not use out.");
    }

    private static (float[] Rows, int Width) Text(SafetensorsFile batch, int samples)
    {
        var shape = batch["text"].Shape;
        var d = (int)(shape.Count == 2 ? shape[1] : 0);
        batch.Require("text", samples, d);
        var raw = batch.ReadFloat32("text");
        return (StateDict.Pad(Evaluation.Rows.Normalized(raw, d), d), ModelSpec.Stored(d));
    }

    private static uint[] Labels(SafetensorsFile batch, int samples)
    {
        batch.Require("labels", samples);
        return [.. batch.ReadInt64("labels").Select(l => (uint)l)];
    }

    // [M,3,H,W] to [M,H,W,4] with a zero.
    private static float[] Images(float[] planes, IReadOnlyList<long> shape)
    {
        var (m, pixels) = ((int)shape[0], (int)(shape[2] * shape[3]));
        var rows = new float[m * pixels * 4];
        for (var i = 0; i < m; i++)
        {
            for (var c = 0; c < 3; c++)
            {
                for (var p = 0; p < pixels; p++)
                {
                    rows[((i * pixels) + p) * 4 + c] = planes[((i * 3) + c) * pixels + p];
                }
            }
        }
        return rows;
    }
}

/// <summary>The recorded parity step with its inputs and outputs on the device.</summary>
internal sealed class ParityStep : IDisposable
{
    private readonly GpuDevice device;
    private readonly Model model;
    private readonly MicroBatches? micro;
    private readonly Objective objective;
    private readonly Optimizer? optimizer;
    private readonly ParityRequest request;
    private readonly Tensor images, features, projections;
    private readonly Tensor stepVariables = StepVariables.NewTensor();

    public ParityStep(GpuDevice device, Model model, MicroBatches? micro, Objective objective, Optimizer? optimizer, ParityRequest request, int[] shape)
    {
        (this.device, this.model, this.micro, this.objective, this.optimizer, this.request) = (device, model, micro, objective, optimizer, request);
        images = Tensor.Persistent("images", new Shape(shape[0], shape[2], shape[3], ModelSpec.Stored(ResNetBlueprint.ImageChannels)), MemoryCategory.Inputs);
        features = Tensor.Persistent("features", new Shape(shape[0], ModelSpec.Stored(model.Spec.FeatureWidth)), MemoryCategory.Outputs);
        projections = Tensor.Persistent(model.Spec.Head == HeadKind.Classifier ? "logits" : "projections", new Shape(shape[0], ModelSpec.Stored(model.Spec.ProjectionWidth)), MemoryCategory.Outputs);
    }

    public float Loss { get; private set; }

    private float LossScale => request.Precision == Precision.Amp ? 1024 : 1;

    public void Execute(float[] pixels)
    {
        device.Transfer.Upload<float>(images, pixels);
        new StepVariables(request.LearningRate, LossScale, request.ClipNorm).Upload(device, stepVariables);
        optimizer?.Initialize(device);
        using var plan = Plan.Build(device, device.Record(Record));
        plan.Run();
        Loss = device.Transfer.Download(objective.Statistics, 1)[0];
    }

    private void Record(Recorder gpu)
    {
        if (request.Mode == Mode.Eval)
        {
            model.Forward(gpu, request.Precision.Stored(gpu, images), Mode.Eval, features, projections);
            objective.Record(gpu, model, projections, stepVariables);
            return;
        }
        var parts = new StepParts(model, objective, request.Precision.Storage(gpu.Caps), stepVariables) { Optimizer = optimizer, MicroBatches = micro, Features = features, Projections = projections };
        TrainStep.Record(gpu, parts, images, views => request.Precision.Stored(gpu, views));
    }

    public IEnumerable<SafetensorsEntry> Results()
    {
        yield return SafetensorsEntry.Float32("loss", [1], new[] { Loss });
        foreach (var (output, width) in new[] { (features, model.Spec.FeatureWidth), (projections, model.Spec.ProjectionWidth) })
        {
            var rows = StateDict.Unpad(device.Transfer.Download(output, (int)output.Shape.Count), output.Shape[1], width);
            yield return SafetensorsEntry.Float32(output.Name, [output.Shape[0], width], rows);
        }
        if (request.Mode == Mode.Eval)
        {
            yield break;
        }
        foreach (var array in StateDict.Download(device, model.Parameters, model.Parameters.Gradients))
        {
            yield return ModelFile.Float(array with { Values = [.. array.Values.Select(g => g / LossScale)] }, "grad.");
        }
        if (optimizer is null)
        {
            yield break;
        }
        foreach (var array in StateDict.Download(device, model.Parameters, model.Parameters.Values).Concat(StateDict.DownloadBuffers(device, model.Parameters)))
        {
            yield return ModelFile.Float(array);
        }
    }

    public void Dispose()
    {
        foreach (var tensor in new[] { images, features, projections, stepVariables })
        {
            tensor.View.Buffer.Dispose();
        }
    }
}
