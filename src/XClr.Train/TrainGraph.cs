using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>
/// Everything a training step works on, and the recorded step; logical until a plan is built from it, so that `train --plan` and the search for the largest
/// batch need no device memory.
/// </summary>
public sealed class TrainGraph : IDisposable
{
    private const int MaxEvaluationRows = 64;
    private readonly TrainConfig config;
    private readonly ObjectiveSpec objective;
    private long? evaluationBytes;

    /// <summary>The graph for a device's caps as they stand.</summary>
    /// <exception cref="GpuOutOfMemoryException">One of the step's tensors is more than a kernel can bind; names the largest batch that fits.</exception>
    /// <exception cref="ShapeException">The network does not suit the images, whatever the batch.</exception>
    /// <exception cref="GpuException">The device does not suit the precision.</exception>
    public static TrainGraph Create(DeviceCaps caps, TrainConfig config, ObjectiveSpec objective) => Create(caps, RecordOnce(caps), config, objective);

    /// <summary>The graph for an opened device, whose compiler has a say in the choice of kernels (<see cref="GpuDevice.Record"/>).</summary>
    /// <inheritdoc cref="Create(DeviceCaps, TrainConfig, ObjectiveSpec)" path="/exception"/>
    public static TrainGraph Create(GpuDevice device, TrainConfig config, ObjectiveSpec objective) => Create(device.Caps, device.Record, config, objective);

    internal static Func<Action<Recorder>, Recorder> RecordOnce(DeviceCaps caps) => record =>
    {
        var gpu = new Recorder(caps);
        record(gpu);
        return gpu;
    };

    private static TrainGraph Create(DeviceCaps caps, Func<Action<Recorder>, Recorder> record, TrainConfig config, ObjectiveSpec objective)
    {
        _ = config.Precision.Storage(caps);
        config = config with { MicroBatch = config.MicroBatch ?? BatchFit.LargestMicroBatch(caps, config, objective) ?? 1 };
        try
        {
            return new TrainGraph(caps, record, config, objective);
        }
        catch (Exception e) when (e is GpuException or ShapeException && BatchFit.Instead(caps, config, objective) is { } instead)
        {
            throw new GpuOutOfMemoryException($"{BatchFit.Asked(config)}: {e.Message} {char.ToUpperInvariant(instead[0])}{instead[1..]}.", 0);
        }
    }

    /// <summary>The graph of a configuration whose micro-batch is not `auto`; record: makes a recorder and records with it.</summary>
    internal TrainGraph(DeviceCaps caps, Func<Action<Recorder>, Recorder> record, TrainConfig config, ObjectiveSpec objective)
    {
        this.config = config;
        this.objective = objective;
        Caps = caps;
        Images = TrainSetup.Images(config);
        Model = new Model(TrainSetup.Network(config, objective.TextWidth, objective.Classes));
        Objective = new Objective(objective);
        Optimizer = new OptimizerSettings(config.Optimizer, config.WeightDecay, config.Momentum, config.Nesterov).Create(Model.Parameters, caps);
        var storage = config.Precision.Storage(caps);
        Scaler = storage == DType.Float32 ? null : new LossScaler(storage);
        Sources = new SourceRing(caps, objective.Samples, views: 2, Images);
        MicroBatches = config.MicroBatch is > 0 and var size && size < objective.Samples ? new MicroBatches(objective.Samples, size) : null;
        var parts = new StepParts(Model, Objective, storage, StepVariables) { Optimizer = Optimizer, Scaler = Scaler, MicroBatches = MicroBatches };
        Step = record(gpu => TrainStep.Record(gpu, parts, Sources));
    }

    public DeviceCaps Caps { get; }
    public AugmentSpec Images { get; }
    public Model Model { get; }
    public Objective Objective { get; }
    public Optimizer Optimizer { get; }

    /// <summary>Null in fp32.</summary>
    public LossScaler? Scaler { get; }
    public SourceRing Sources { get; }

    /// <summary>Null where the network works on the whole batch at once.</summary>
    public MicroBatches? MicroBatches { get; }
    public Tensor StepVariables { get; } = Nn.Optim.StepVariables.NewTensor();
    public Recorder Step { get; }

    /// <summary>Images per run of the network where the run is evaluated: no more than a step has.</summary>
    public int EvaluationRows => Math.Min(MaxEvaluationRows, MicroBatches?.Rows ?? 2 * objective.Samples);

    /// <summary>Uploads what stays the same over the run, and the optimiser's and the loss scale's first state.</summary>
    public void Initialize(GpuDevice device)
    {
        Objective.Prepare(device);
        Optimizer.Initialize(device);
        Scaler?.Upload(device, Scaler.First);
    }

    /// <summary>Copies what a step works on to the device.</summary>
    /// <param name="device">Device.</param>
    /// <param name="images">The batch's sources, and the table of their views.</param>
    /// <param name="labels">Class indices [N]; null where the loss needs none.</param>
    /// <param name="text">Caption embeddings [N,D], D padded; null where the loss needs none.</param>
    /// <param name="variables">The step's.</param>
    /// <param name="half">Of the ring, for the sources.</param>
    /// <param name="halfFree">When nothing reads that half any more.</param>
    public void Upload(GpuDevice device, PackedBatch images, uint[]? labels, float[]? text, StepVariables variables, int half, GpuTicket halfFree = default)
    {
        Sources.Upload(device, images, half, halfFree);
        Objective.Upload(device, labels, text);
        variables.Upload(device, StepVariables);
    }

    /// <summary>
    /// Identifies what a bit-identical repeat needs: every dispatch with its kernel, the kernel's code, specialisation, grid and parameters, the device and its driver.
    /// </summary>
    public string Fingerprint()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Caps.FileKey} {Caps.DriverInfo} {Caps.SubgroupSize}\n");
        foreach (var dispatch in Step.Dispatches)
        {
            text.Append(CultureInfo.InvariantCulture, $"{dispatch.Kernel.Key} {ShaderLibrary.Hash(dispatch.Kernel.Name)} {dispatch.Groups} {Convert.ToHexString(dispatch.PushConstants)}{(dispatch.Loop is null ? "" : $" {dispatch.Times}")}\n");
        }
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16].ToLowerInvariant();
    }

    /// <summary>Builds the step's plan.</summary>
    /// <exception cref="GpuOutOfMemoryException">It does not fit beside the run's evaluations, or the driver gives less than the device has; names the largest batch that fits.</exception>
    public Plan BuildPlan(GpuDevice device, PlanOptions? options = null)
    {
        var layout = PlanLayout.Create(Step.Dispatches, Caps, options);
        RequireFit(layout);
        try
        {
            return Plan.Build(device, layout);
        }
        catch (GpuOutOfMemoryException e)
        {
            var (held, further) = device.ProbeMemory(e.RequestedBytes);
            // What else changes before the next start.
            further -= further / 16;
            var left = Caps with { DeviceLocalBytes = held + further, MaxMemoryAllocationSize = Math.Min(Caps.MaxMemoryAllocationSize, Math.Max(held, further)) };
            throw new GpuOutOfMemoryException($"{BatchFit.Asked(config)}: {e.Message} End other programs that use the device, or: {Remedy(left)}.", e.RequestedBytes);
        }
    }

    /// <summary>Throws where the memory of the step and of the run's evaluations is more than the device has, or one of the step's buffers is more than the device gives in one piece, naming the largest batch that fits.</summary>
    public void RequireFit(PlanLayout layout)
    {
        if (layout.Fits(Caps, EvaluationBytes))
        {
            return;
        }
        var evaluations = EvaluationBytes == 0 ? "" : $" and {EvaluationBytes >> 20} MiB more for its evaluations";
        throw new GpuOutOfMemoryException(
            $"{BatchFit.Asked(config)} needs {layout.TotalBytes >> 20} MiB{evaluations}, {layout.Largest.Bytes >> 20} of them in one piece; {Caps.Name} has {Caps.DeviceLocalBytes >> 20} MiB, at most {Caps.MaxMemoryAllocationSize >> 20} in one piece; {Remedy(Caps)}.",
            layout.TotalBytes);
    }

    /// <summary>Whether the device can hold the step, and the run's evaluations beside it.</summary>
    internal bool Fits => PlanLayout.Create(Step.Dispatches, Caps).Fits(Caps, EvaluationBytes);

    private string Remedy(DeviceCaps caps) => BatchFit.Instead(caps, config, objective) ?? "not even two samples fit: lower --image-size or --width, or use a smaller --arch";

    // What an evaluation takes beside the step's memory, which stays while it runs.
    private long EvaluationBytes => config.ValData is null ? 0 : evaluationBytes ??= Evaluator.ExtraBytes(Caps, Model, Images, EvaluationRows);

    public void Dispose()
    {
        Model.Dispose();
        Objective.Dispose();
        Optimizer.Dispose();
        Scaler?.Dispose();
        Sources.Dispose();
        MicroBatches?.Dispose();
        StepVariables.View.Buffer.Dispose();
    }
}
