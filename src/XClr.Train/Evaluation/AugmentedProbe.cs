using System.Diagnostics;
using System.Globalization;
using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Train.Evaluation;

/// <summary>
/// The protocol `linear-aug`: a linear classifier trained behind the frozen backbone, which runs anew on every view (random resized crop and flip): SGD with Nesterov's momentum 0.9,
/// rate 0.1 B / 256 with cosine to 0, no weight decay.
/// </summary>
internal sealed class AugmentedProbe : IDisposable
{
    private const int MostRows = 256;
    private const double RatePer256 = 0.1;
    private const string Weight = "probe.weight", Bias = "probe.bias";

    private readonly Model model;
    private readonly AugmentSpec images;
    private readonly SourceRing sources;
    private readonly ParameterSet parameters;
    private readonly Sgd optimizer;
    private readonly Tensor labels, loss, variables = StepVariables.NewTensor();
    private readonly int rows, classes;

    private AugmentedProbe(DeviceCaps caps, Model model, AugmentSpec images, int rows, int classes)
    {
        (this.model, this.images, this.rows, this.classes) = (model, images with { Blur = false }, rows, classes);
        sources = new SourceRing(caps, rows, views: 1, this.images);
        var (inputs, outputs) = (ModelSpec.Stored(model.Spec.FeatureWidth), ModelSpec.Stored(classes));
        parameters = new ParameterSet([new ParameterSpec(Weight, new Shape(inputs, outputs)), new ParameterSpec(Bias, new Shape(outputs), Decay: false)]);
        optimizer = new Sgd(parameters, caps, nesterov: true);
        labels = Tensor.Persistent("probe_labels", new Shape(rows), MemoryCategory.Inputs, DType.UInt32);
        loss = Tensor.Persistent("probe_loss", new Shape(1), MemoryCategory.Outputs);
    }

    /// <summary>Trains on all labelled images of a set, 256 at a time or as many as can be used; the last, partial batch of an epoch is dropped. Returns the classifier on features.</summary>
    public static AffineMap Fit(GpuDevice device, Model model, AugmentSpec images, IImageDataset training, int classes, int epochs, EvalData data, CancellationToken stop)
    {
        var rows = Usable(training, images.Size, data.Workers);
        using var probe = new AugmentedProbe(device.Caps, model, images, rows, classes);
        return probe.Train(device, training, epochs, data, stop);
    }

    // Images that can be decoded and have a label, counted up to a whole batch.
    private static int Usable(IImageDataset training, int size, int workers)
    {
        using var stream = new SampleStream(training, new SampleStreamOptions { Shuffle = false, Workers = workers, RequireLabel = true, Decode = new DecodeOptions { MaxBytes = (int)SourceRing.WantedBytes(size) } });
        var count = 0;
        foreach (var sample in stream.ReadAll().Take(MostRows))
        {
            sample.Dispose();
            count++;
        }
        return count;
    }

    private AffineMap Train(GpuDevice device, IImageDataset training, int epochs, EvalData data, CancellationToken stop)
    {
        using var plan = Plan.Build(device, device.Record(Record));
        device.Transfer.Clear(parameters.Values);
        optimizer.Initialize(device);
        var perEpoch = Math.Max(1, training.Count / rows);
        var steps = epochs * perEpoch;
        var schedule = new Schedule(ScheduleKind.Cosine, RatePer256 * rows / 256, steps);
        var stream = new SampleStreamOptions
        {
            Workers = data.Workers, Views = 1, OutputSize = images.Size, Decode = new DecodeOptions { MaxBytes = sources.ImageBytes }, Prefetch = BatchLoader.PrefetchFor(rows),
            Augment = AugmentSettings.Preset("simclr") with { JitterP = 0, GreyP = 0, BlurP = 0 },
        };
        using var loader = new BatchLoader(training, stream, rows, TargetKind.Labels, captions: null);
        var clock = Stopwatch.StartNew();
        for (var step = 0L; step < steps; step++)
        {
            using var batch = loader.Next(stop);
            sources.Upload(device, batch.Images, (int)(step % 2), halfFree: default);
            device.Transfer.Upload<uint>(labels, batch.Labels);
            new StepVariables((float)schedule.Rate(step)).Upload(device, variables);
            plan.Run();
            if ((step + 1) % perEpoch == 0)
            {
                data.Note(string.Create(CultureInfo.InvariantCulture, $"linear-aug: epoch {(step + 1) / perEpoch} of {epochs}, {perEpoch * rows * 1000.0 * ((step + 1) / perEpoch) / clock.ElapsedMilliseconds:0} images/s, {clock.Elapsed.TotalSeconds * (steps - step - 1) / (step + 1):0} s left"));
            }
        }
        float[] Download(string name) => device.Transfer.Download(parameters.Value(name), (int)parameters.Find(name).Count);
        return new AffineMap(Standardizer.None(model.Spec.FeatureWidth), Download(Weight), Download(Bias), classes);
    }

    private void Record(Recorder gpu)
    {
        var views = sources.Augment(gpu, "images", sources.Table);
        using (gpu.Phase(StepPhase.Forward))
        {
            var features = model.Forward(gpu, views, Mode.Eval).Features;
            var logits = gpu.NewTensor("logits", new Shape(rows, ModelSpec.Stored(classes)));
            var dlogits = gpu.NewTensor("dlogits", logits.Shape);
            LinearOp.Forward(gpu, features, parameters.Value(Weight), parameters.Value(Bias), logits);
            SoftmaxCrossEntropyOp.Forward(gpu, logits, labels, classes, loss, dlogits);
            LinearOp.BackwardWeight(gpu, features, dlogits, parameters.Gradient(Weight));
            LinearOp.BackwardBias(gpu, dlogits, parameters.Gradient(Bias));
        }
        using (gpu.Phase(StepPhase.Optimizer))
        {
            optimizer.Record(gpu, variables);
        }
    }

    public void Dispose()
    {
        sources.Dispose();
        parameters.Dispose();
        optimizer.Dispose();
        foreach (var tensor in new[] { labels, loss, variables })
        {
            tensor.View.Buffer.Dispose();
        }
    }
}
