using XClr.Data;
using XClr.Nn.Models;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>
/// The one table of `train`'s options. Command line, help, config files, recipes and the saved configuration are all driven by it.
/// </summary>
public static class TrainOptions
{
    /// <summary>All options, in the order of the help text.</summary>
    public static IReadOnlyList<TrainOption> All { get; } = [.. Data(), .. Network(), .. Objective(), .. Images(), .. Optimisation(), .. Run()];

    private static readonly Dictionary<string, TrainOption> ByName = All.ToDictionary(o => o.Name, StringComparer.Ordinal);

    /// <summary>The option of this name (without dashes).</summary>
    /// <exception cref="UsageException">There is none; the message names the nearest.</exception>
    public static TrainOption Find(string name, string? source = null) => ByName.TryGetValue(name, out var option)
        ? option
        : throw new UsageException($"{OptionText.Origin(source)}there is no option '{name}'.{OptionText.Suggestion(name, ByName.Keys)}");

    /// <summary>
    /// Sets options from text. A preset of augmentation named here comes before the strengths, wherever it stands, and replaces all strengths
    /// set earlier; --steps and --epochs replace each other.
    /// </summary>
    /// <param name="config">What the values are set in.</param>
    /// <param name="values">Names without dashes, and values.</param>
    /// <param name="source">The file they come from; null: the command line.</param>
    /// <exception cref="UsageException">An unknown or repeated name, or a value that is not accepted.</exception>
    public static TrainConfig Apply(TrainConfig config, IReadOnlyList<KeyValuePair<string, string>> values, string? source)
    {
        var origin = OptionText.Origin(source);
        if (values.GroupBy(v => v.Key).FirstOrDefault(g => g.Count() > 1) is { } repeated)
        {
            throw new UsageException($"{origin}'{repeated.Key}' is given {repeated.Count()} times; give it once.");
        }
        if (values.Count(v => v is { Key: "steps" or "epochs", Value.Length: > 0 }) > 1)
        {
            throw new UsageException($"{origin}'steps' and 'epochs' both say how long to train; give one of them.");
        }
        foreach (var (name, text) in values.OrderBy(v => v.Key == "augment" ? 0 : 1))
        {
            config = Find(name, source).Set(config, text, source);
        }
        return config;
    }

    private static IEnumerable<TrainOption> Data()
    {
        yield return Option("data", "path", "Training set: WebDataset shards (brace ranges; '::' between several), Parquet files, an image folder, a CSV/TSV/JSONL table, or an IDX folder",
            OptionValues.OptionalText, c => c.Data, (c, v) => c with { Data = v });
        yield return Option("val-data", "path", "Held-out set for evaluation, in the same forms",
            OptionValues.OptionalText, c => c.ValData, (c, v) => c with { ValData = v });
        yield return Option("data-format", "name", "Format of --data and --val-data",
            OptionValues.Choice<DataFormat>(), c => c.DataFormat, (c, v) => c with { DataFormat = v });
        yield return Option("classes", "path", "Class names, line = index: 'name' or 'wnid<TAB>name, synonyms'",
            OptionValues.OptionalText, c => c.Classes, (c, v) => c with { Classes = v });
        yield return Option("caption-template", "text with {class}", "Caption of a labelled image, such as 'a photo of a {class}'",
            OptionValues.OptionalText, c => c.CaptionTemplate, (c, v) => c with { CaptionTemplate = v });
        yield return Option("max-bad-fraction", "share", "End the run if more than this share of an epoch's samples cannot be used; unset: never",
            OptionValues.OptionalNumber(0, 1), c => c.MaxBadFraction, (c, v) => c with { MaxBadFraction = v });
        yield return Option("workers", "threads", "Decoding threads; 0: one per core, less one. The order of the data does not depend on it",
            OptionValues.Int(0, 1024), c => c.Workers, (c, v) => c with { Workers = v });
    }

    private static IEnumerable<TrainOption> Network()
    {
        yield return Option("arch", "name", "Backbone", OptionValues.Choice<Arch>(), c => c.Arch, (c, v) => c with { Arch = v });
        yield return Option("stem", "name", "First layers: imagenet (7x7 stride 2, pool), half (3x3 stride 2), small (3x3 stride 1: for 32 to 64 pixels)",
            OptionValues.Choice<Stem>(), c => c.Stem, (c, v) => c with { Stem = v });
        yield return Option("width", "multiple of the channels", "Width of the backbone",
            OptionValues.Number(0.0625, 8), c => c.Width, (c, v) => c with { Width = v });
        yield return Option("projector", "name", "Projection head: mlp (Linear, BN, ReLU, Linear, BN) or linear",
            OptionValues.Choice<Projector>(), c => c.Projector, (c, v) => c with { Projector = v });
        yield return Option("init-weights", "path", "Backbone weights to start from, under torchvision's names: a .safetensors, a zip .pth of torch.save (torchvision's, timm's ResNets), a step folder or a run folder; a run that resumes has its own",
            OptionValues.OptionalText, c => c.InitWeights, (c, v) => c with { InitWeights = v });
    }

    private static IEnumerable<TrainOption> Objective()
    {
        yield return Option("loss", "name", "Objective",
            OptionValues.Choice<LossKind>(), c => c.Loss, (c, v) => c with { Loss = v });
        yield return Option("tau", "temperature", "Temperature of the image similarities",
            OptionValues.Number(1e-4, 100), c => c.Tau, (c, v) => c with { Tau = v });
        yield return Option("tau-s", "temperature", "Temperature of the caption similarities: smaller puts more of the target on the sample's own other view",
            OptionValues.Number(1e-4, 100), c => c.TauS, (c, v) => c with { TauS = v });
        yield return Option("text-encoder", "name or path", "Frozen caption encoder: static-minilm-128 (built in) or a sentence-transformer directory with an ONNX model",
            OptionValues.Text, c => c.TextEncoder, (c, v) => c with { TextEncoder = v });
        yield return Option("captions", "choice", "Which of an image's several captions counts: the first, one drawn each epoch, or the mean of all their embeddings",
            OptionValues.Choice<CaptionUse>(), c => c.Captions, (c, v) => c with { Captions = v });
        yield return Option("text-provider", "name[:index]", "Where the caption encoder runs: cpu, cuda, tensorrt, dml, coreml, openvino, rocm, migraphx, qnn",
            OptionValues.Text, c => c.TextProvider, (c, v) => c with { TextProvider = v });
    }

    private static IEnumerable<TrainOption> Images()
    {
        yield return Option("image-size", "pixels", "Side of the square views",
            OptionValues.Int(8, 2048), c => c.ImageSize, (c, v) => c with { ImageSize = v });
        yield return Option("augment", "name", "Augmentation preset; naming it resets every strength below",
            OptionValues.Choice<AugmentPreset>(), c => c.Augment,
            (c, v) => c with { Augment = v, AugmentStrengths = AugmentSettings.Preset(v.LowerName()) });
        yield return Strength("random-crop", "", "Random resized crop; false takes the centred square", OptionValues.Switch, s => s.RandomCrop, (s, v) => s with { RandomCrop = v });
        yield return Strength("crop-area-min", "share of the image", "Smallest crop", Positive(1), s => s.AreaMin, (s, v) => s with { AreaMin = v });
        yield return Strength("crop-area-max", "share of the image", "Largest crop", Positive(1), s => s.AreaMax, (s, v) => s with { AreaMax = v });
        yield return Strength("crop-ratio-min", "width over height", "Narrowest crop", OptionValues.Number(1e-3, 1e3), s => s.RatioMin, (s, v) => s with { RatioMin = v });
        yield return Strength("crop-ratio-max", "width over height", "Widest crop", OptionValues.Number(1e-3, 1e3), s => s.RatioMax, (s, v) => s with { RatioMax = v });
        yield return Strength("interpolation", "name", "Resampling of the crop, antialiased", OptionValues.Choice<Interpolation>(), s => s.Interpolation, (s, v) => s with { Interpolation = v });
        yield return Strength("flip-p", "probability", "Horizontal flip", Probability, s => s.FlipP, (s, v) => s with { FlipP = v });
        yield return Strength("jitter-p", "probability", "Colour jitter", Probability, s => s.JitterP, (s, v) => s with { JitterP = v });
        yield return Strength("brightness", "share", "Jitter of brightness: factors from 1-b to 1+b", OptionValues.Number(0, 100), s => s.Brightness, (s, v) => s with { Brightness = v });
        yield return Strength("contrast", "share", "Jitter of contrast", OptionValues.Number(0, 100), s => s.Contrast, (s, v) => s with { Contrast = v });
        yield return Strength("saturation", "share", "Jitter of saturation", OptionValues.Number(0, 100), s => s.Saturation, (s, v) => s with { Saturation = v });
        yield return Strength("hue", "turns", "Jitter of hue: shifts from -h to h", OptionValues.Number(0, 0.5), s => s.Hue, (s, v) => s with { Hue = v });
        yield return Strength("grey-p", "probability", "Greyscale", Probability, s => s.GreyP, (s, v) => s with { GreyP = v });
        yield return Strength("blur-p", "probability", "Gaussian blur, radius a twentieth of the side", Probability, s => s.BlurP, (s, v) => s with { BlurP = v });
        yield return Strength("blur-sigma-min", "pixels", "Weakest blur", OptionValues.Number(1e-3, 1e3), s => s.BlurSigmaMin, (s, v) => s with { BlurSigmaMin = v });
        yield return Strength("blur-sigma-max", "pixels", "Strongest blur", OptionValues.Number(1e-3, 1e3), s => s.BlurSigmaMax, (s, v) => s with { BlurSigmaMax = v });
        yield return Strength("solarise-p", "probability", "Solarising, first view", Probability, s => s.SolariseP, (s, v) => s with { SolariseP = v });
        yield return Strength("solarise-second-p", "probability", "Solarising, second view", Probability, s => s.SolariseSecondP, (s, v) => s with { SolariseSecondP = v });
        yield return Strength("solarise-threshold", "of values from 0 to 1", "Values from here up are inverted", Probability, s => s.SolariseThreshold, (s, v) => s with { SolariseThreshold = v });
    }

    private static IEnumerable<TrainOption> Optimisation()
    {
        yield return Option("batch-size", "samples", "Samples that the loss compares in a step; each gives two views",
            OptionValues.Int(1, 1 << 20), c => c.BatchSize, (c, v) => c with { BatchSize = v });
        yield return Option("micro-batch", "samples", "Samples that the network works on at a time, for batches larger than memory; 0: the whole batch; auto: as many as fit. The loss still compares the whole batch; batch norm sees a micro-batch",
            OptionValues.IntOrAuto, c => c.MicroBatch, (c, v) => c with { MicroBatch = v });
        yield return Option("epochs", "passes over the data", "Length of the run: the steps that this many passes over all samples take (if some are skipped, the others are seen more often); replaces --steps",
            OptionValues.OptionalNumber(0, 1e6, aboveMin: true), c => c.Epochs, (c, v) => v is null ? c with { Epochs = null } : c with { Epochs = v, Steps = null });
        yield return Option("steps", "optimiser steps", "Length of the run; replaces --epochs",
            OptionValues.OptionalLong(1), c => c.Steps, (c, v) => v is null ? c with { Steps = null } : c with { Steps = v, Epochs = null });
        yield return Option("optimizer", "name", "Optimiser; batch-norm parameters and biases get no decay and no adaptation",
            OptionValues.Choice<OptimizerKind>(), c => c.Optimizer, (c, v) => c with { Optimizer = v });
        yield return Option("lr", "per step", "Base learning rate, before scaling",
            OptionValues.Number(0, 1e6), c => c.Lr, (c, v) => c with { Lr = v });
        yield return Option("lr-scaling", "name", "Learning rate used: none = lr, linear = lr * batch / 256, sqrt = lr * sqrt(batch)",
            OptionValues.Choice<LrScaling>(), c => c.LrScaling, (c, v) => c with { LrScaling = v });
        yield return Option("warmup-epochs", "passes over the data", "Linear warm-up; unset: a tenth of the run",
            OptionValues.OptionalNumber(0, 1e6), c => c.WarmupEpochs, (c, v) => c with { WarmupEpochs = v });
        yield return Option("schedule", "name", "Learning rate after the warm-up",
            OptionValues.Choice<ScheduleKind>(), c => c.Schedule, (c, v) => c with { Schedule = v });
        yield return Option("milestones", "epochs, comma-separated", "Where --schedule step lowers the rate, such as 30,60,80",
            OptionValues.OptionalText, c => c.Milestones, (c, v) => c with { Milestones = v });
        yield return Option("gamma", "factor", "What --schedule step multiplies the rate by",
            Positive(1e3), c => c.Gamma, (c, v) => c with { Gamma = v });
        yield return Option("weight-decay", "per step", "Weight decay",
            OptionValues.Number(0, 100), c => c.WeightDecay, (c, v) => c with { WeightDecay = v });
        yield return Option("momentum", "factor", "Momentum of sgd and lars",
            OptionValues.Number(0, 0.999999), c => c.Momentum, (c, v) => c with { Momentum = v });
        yield return Option("nesterov", "", "Nesterov momentum (sgd)", OptionValues.Switch, c => c.Nesterov, (c, v) => c with { Nesterov = v });
        yield return Option("clip-norm", "L2 norm", "Largest norm of all gradients; 0: no clipping",
            OptionValues.Number(0, 1e9), c => c.ClipNorm, (c, v) => c with { ClipNorm = v });
        yield return Option("precision", "name", "Storage of activations and working weights: 16 bits in amp (fp16) and bf16",
            OptionValues.Choice<Precision>(), c => c.Precision, (c, v) => c with { Precision = v });
    }

    private static IEnumerable<TrainOption> Run()
    {
        yield return Option("seed", "number", "Seed of initialisation, order and augmentation: two runs with one seed are bit-identical",
            OptionValues.ULong, c => c.Seed, (c, v) => c with { Seed = v });
        yield return Option("run-dir", "folder", "Folder of the run; unset: a new one under runs/",
            OptionValues.OptionalText, c => c.RunDir, (c, v) => c with { RunDir = v });
        yield return Option("save-every", "steps", "Steps between checkpoints; the last step is saved in any case",
            OptionValues.Long(1), c => c.SaveEvery, (c, v) => c with { SaveEvery = v });
        yield return Option("keep", "checkpoints", "Newest checkpoints to keep; the best one stays too",
            OptionValues.Int(1, 1_000_000), c => c.Keep, (c, v) => c with { Keep = v });
        yield return Option("eval-every", "steps", "Steps between evaluations on --val-data; 0: before and after training only",
            OptionValues.Long(0), c => c.EvalEvery, (c, v) => c with { EvalEvery = v });
        yield return Option("log-every", "steps", "Steps between lines of metrics.jsonl",
            OptionValues.Long(1), c => c.LogEvery, (c, v) => c with { LogEvery = v });
        yield return Option("max-time", "time", "Save and stop after this time, such as 150m; --resume auto goes on",
            OptionValues.OptionalDuration, c => c.MaxTime, (c, v) => c with { MaxTime = v });
        yield return Option("resume", "auto or path", "Go on from a checkpoint: auto takes the run folder's latest, if there is one",
            OptionValues.OptionalText, c => c.Resume, (c, v) => c with { Resume = v });
        yield return Option("memory-limit", "bytes, or with K, M, G", "Device memory that may be used; unset: all of it",
            OptionValues.OptionalSize, c => c.MemoryLimit, (c, v) => c with { MemoryLimit = v });
        yield return Option("device", "index, name or UUID", "Vulkan device; unset: XCLR_DEVICE, else discrete before integrated before CPU",
            OptionValues.OptionalText, c => c.Device, (c, v) => c with { Device = v });
    }

    private static OptionValue<double> Probability => OptionValues.Number(0, 1);

    private static OptionValue<double> Positive(double max) => OptionValues.Number(0, max, aboveMin: true);

    private static TrainOption<T> Option<T>(
        string name, string unit, string help, OptionValue<T> value, Func<TrainConfig, T> get, Func<TrainConfig, T, TrainConfig> set) =>
        new(name, unit, help, value, get, set);

    private static TrainOption<T> Strength<T>(
        string name, string unit, string help, OptionValue<T> value, Func<AugmentSettings, T> get, Func<AugmentSettings, T, AugmentSettings> set) =>
        new(name, unit, help, value, c => get(c.AugmentStrengths), (c, v) => c with { AugmentStrengths = set(c.AugmentStrengths, v) });
}
