using System.Globalization;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>A run's state to and from checkpoint folders.</summary>
internal static class TrainCheckpoint
{
    private const string UpdatesName = "step", ScaleName = "loss_scale", GrowthName = "loss_scale_growth", SkippedName = "skipped_steps";

    /// <summary>Saves model, head, optimiser and state; returns the folder.</summary>
    public static string Save(CheckpointStore store, GpuDevice device, TrainGraph graph, TrainConfig config, string fingerprint, long step, DataProgress progress, CheckpointMetric? best, bool prune = true)
    {
        var batches = step * (graph.MicroBatches?.Count ?? 1);
        var state = new CheckpointState
        {
            FormatVersion = CheckpointState.CurrentVersion,
            Architecture = Describe(graph.Model.Spec),
            ImageSize = config.ImageSize,
            Mean = Numbers(graph.Images.Mean),
            Std = Numbers(graph.Images.Std),
            Step = step,
            Epoch = progress.Position.Epoch,
            DataPosition = progress.Position.Index,
            Samples = progress.Samples,
            SkippedSamples = progress.Skipped,
            Seed = config.Seed,
            Config = config.ToJson(),
            PlanFingerprint = fingerprint,
            Tuning = new CheckpointTuning(Gpu.Tuning.KernelsHash, TuningUse.WaysOf(graph.Step)),
            BestMetric = best,
            Commit = SourceRevision.Commit,
            Device = graph.Caps.FullName,
        };
        return store.Save(state, new CheckpointTensors(
            ModelFile.BackboneEntries(device, graph.Model, batches), ModelFile.HeadEntries(device, graph.Model, batches), OptimizerEntries(device, graph), EncoderExport.Metadata(graph.Model.Spec, graph.Images)), prune);
    }

    /// <summary>The state that a run goes on from.</summary>
    /// <exception cref="CheckpointException">The checkpoint lacks it, the head or the optimiser.</exception>
    public static CheckpointState StateOf(CheckpointPath path) => path.State is null || path.Optimizer is null || path.Head is null
        ? throw new CheckpointException($"{path.StepFolder ?? path.Model}: a run goes on from a step folder with model, head, optimizer and state; for weights alone use --init-weights.")
        : CheckpointState.Read(path.State);

    /// <summary>The choices of kernels that a resumed run keeps; null where it can not: another device, driver or other kernels, or a checkpoint that does not say.</summary>
    public static Tuning? Tuning(CheckpointState state, DeviceCaps caps) =>
        state.Tuning is { } saved && saved.Kernels == Gpu.Tuning.KernelsHash && state.Device == caps.FullName ? new Tuning(saved.Ways) : null;

    /// <summary>Reads the tensors of a checkpoint that a run goes on from; state: its <see cref="StateOf"/>.</summary>
    /// <exception cref="CheckpointException">It belongs to another network.</exception>
    public static void Resume(CheckpointPath path, CheckpointState state, GpuDevice device, TrainGraph graph)
    {
        RequireSameNetwork(path, state.Architecture, Describe(graph.Model.Spec));
        ModelFile.Load(device, graph.Model, _ => true, path.Model, path.Head!);
        using var file = SafetensorsFile.Open(path.Optimizer!);
        if (graph.Optimizer.States.Any(s => !file.Contains($"{s.Name}.{graph.Model.Parameters.Parameters[0].Name}")))
        {
            var other = state.Config.TryGetProperty("optimizer", out var name) ? $"--optimizer {name}" : "another optimiser";
            throw new CheckpointException($"{path.StepFolder}: the run was trained by {other}, whose state is no start for the one asked for; leave --optimizer out, or begin a new run from these weights with --init-weights.");
        }
        foreach (var (name, flat) in graph.Optimizer.States)
        {
            foreach (var parameter in graph.Model.Parameters.Parameters)
            {
                StateDict.Upload(device, graph.Model.Parameters, flat, new NamedArray(parameter.Name, StateDict.TorchShape(parameter), file.ReadFloat32($"{name}.{parameter.Name}")));
            }
        }
        UpdateCount.Upload(device, graph.Optimizer, Whole(file, UpdatesName));
        if (graph.Scaler is { } scaler)
        {
            // A run that began in another precision begins with the first scale.
            var skipped = file.Contains(SkippedName) ? Whole(file, SkippedName) : 0;
            scaler.Upload(device, scaler.IsDynamic && file.Contains(ScaleName) ? new LossScale(Scale(file), Whole(file, GrowthName), skipped) : scaler.First with { Skipped = skipped });
        }
    }

    // A count of the optimiser's state.
    private static long Whole(SafetensorsFile file, string name) => file.ReadInt64(file.Require(name).Name)[0] is var count && count is >= 0 and <= uint.MaxValue
        ? count
        : throw new SafetensorsException($"{file.Path}: '{name}' is {count}, expected 0 to {uint.MaxValue}; the file is damaged: use another step's folder.");

    private static float Scale(SafetensorsFile file) => file.ReadFloat32(file.Require(ScaleName).Name)[0] is var scale && scale > 0 && float.IsFinite(scale)
        ? scale
        : throw new SafetensorsException($"{file.Path}: '{ScaleName}' is {scale}, expected a number above 0; the file is damaged: use another step's folder.");

    /// <summary>A network in the words of state.json.</summary>
    public static CheckpointArchitecture Describe(ModelSpec spec) => new(
        spec.Arch.LowerName(), spec.Stem.LowerName(), spec.Width, spec.Head.LowerName(), spec.FeatureWidth, spec.ProjectionWidth);

    /// <summary>The normalisation and size that a checkpoint's network expects.</summary>
    public static AugmentSpec Images(CheckpointState state, ResizeFilter filter) =>
        new(state.ImageSize, filter, new(state.Mean[0], state.Mean[1], state.Mean[2]), new(state.Std[0], state.Std[1], state.Std[2]), Blur: false);

    private static void RequireSameNetwork(CheckpointPath path, CheckpointArchitecture own, CheckpointArchitecture asked)
    {
        if (own == asked)
        {
            return;
        }
        static IEnumerable<(string Option, object Value)> Options(CheckpointArchitecture a) => [("arch", a.Arch), ("stem", a.Stem), ("width", a.Width), ("head", a.Projector), ("features", a.FeatureWidth), ("outputs", a.ProjectionWidth)];
        var differences = Options(own).Zip(Options(asked)).Where(o => !o.First.Value.Equals(o.Second.Value)).Select(o => string.Create(CultureInfo.InvariantCulture, $"{o.First.Option} {o.First.Value}, and the run asks for {o.Second.Value}"));
        throw new CheckpointException($"{path.StepFolder}: holds another network: {string.Join("; ", differences)}. Resume with the run's own --config.");
    }

    private static IEnumerable<SafetensorsEntry> OptimizerEntries(GpuDevice device, TrainGraph graph)
    {
        yield return SafetensorsEntry.Int64(UpdatesName, [], new[] { UpdateCount.Download(device, graph.Optimizer) });
        if (graph.Scaler is { } scaler)
        {
            var scale = scaler.Download(device);
            yield return SafetensorsEntry.Int64(SkippedName, [], new[] { scale.Skipped });
            if (scaler.IsDynamic)
            {
                yield return SafetensorsEntry.Float32(ScaleName, [], new[] { scale.Scale });
                yield return SafetensorsEntry.Int64(GrowthName, [], new[] { scale.GrowthCount });
            }
        }
        foreach (var (name, flat) in graph.Optimizer.States)
        {
            foreach (var array in StateDict.Download(device, graph.Model.Parameters, flat))
            {
                yield return ModelFile.Float(array, $"{name}.");
            }
        }
    }

    private static float[] Numbers(System.Numerics.Vector3 v) => [v.X, v.Y, v.Z];
}
