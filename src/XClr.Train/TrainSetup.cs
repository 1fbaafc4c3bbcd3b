using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Weights;
using XClr.Text;

namespace XClr.Train;

/// <summary>A configuration's choices in the terms of the libraries below.</summary>
public static class TrainSetup
{
    /// <summary>P of the projectors, and of CLIP's maps.</summary>
    public const int ProjectionWidth = 128, ClipWidth = 512;

    // X-CLR with more classes compares the batch's captions, as it does without classes: the similarities of all pairs take 64 MiB here.
    private const int MostComparedClasses = 4096;

    // Samples among which captions are looked for.
    private const int CaptionSearch = 20_000;
    private const int LabelSample = 1000;

    /// <summary>Opens a device by index, UUID or name (null = XCLR_DEVICE, else the best), with the pipeline cache in the cache folder. memoryLimit: bytes, null = all; shaders: edited ones, null = the program's; resumed: what a run goes on from, whose choices of kernels it keeps.</summary>
    public static GpuDevice OpenDevice(string? device, long? memoryLimit = null, ShaderFolder? shaders = null, CheckpointState? resumed = null) =>
        GpuDevice.Open(DeviceOptions(device, memoryLimit) with { Shaders = shaders, Tuning = resumed is null ? null : caps => TrainCheckpoint.Tuning(resumed, caps) });

    /// <summary>The values that a training begins with: drawn, or those of --init-weights; says what was taken from there, null where nothing was.</summary>
    /// <exception cref="SafetensorsException">The weights are another network's.</exception>
    public static string? Initialize(GpuDevice device, Model model, TrainConfig config)
    {
        ModelInit.Fill(device, model, config.Seed);
        if (config.InitWeights is not { } weights)
        {
            return null;
        }
        using var file = BackboneWeights.Open(CheckpointPath.Resolve(weights).Model);
        ModelFile.Load(device, model, Model.IsBackbone, [file]);
        return file.Report;
    }

    /// <summary>How <see cref="OpenDevice"/> opens it.</summary>
    public static DeviceOptions DeviceOptions(string? device, long? memoryLimit) => new() { Device = device, CacheFolder = CacheFolder.Default, MemoryLimit = memoryLimit };

    /// <summary>Decoding threads: as asked, or one per core that nothing else keeps busy.</summary>
    public static int Workers(TrainConfig config, int busyCores = 0) => config.Workers > 0 ? config.Workers : Math.Max(1, Environment.ProcessorCount - busyCores);

    /// <summary>How training reads samples, from the beginning, decoded to at most <paramref name="imageBytes"/> each.</summary>
    public static SampleStreamOptions StreamOptions(TrainConfig config, int imageBytes) => new()
    {
        Seed = config.Seed,
        Workers = Workers(config, busyCores: 1),
        Captions = config.Captions,
        Augment = config.AugmentStrengths,
        OutputSize = config.ImageSize,
        Decode = new DecodeOptions { MaxBytes = imageBytes },
        Prefetch = BatchLoader.PrefetchFor(config.BatchSize),
        MaxBadFraction = config.MaxBadFraction,
    };

    /// <summary>What all views share: size, filter, ImageNet's normalisation.</summary>
    public static AugmentSpec Images(TrainConfig config)
    {
        var strengths = config.AugmentStrengths;
        var filter = strengths.Interpolation == Interpolation.Bicubic ? ResizeFilter.Bicubic : ResizeFilter.Bilinear;
        return new AugmentSpec(config.ImageSize, filter, AugmentSpec.ImageNetMean, AugmentSpec.ImageNetStd, Blur: strengths.BlurP > 0);
    }

    /// <summary>The network with its head. textWidth: D, for CLIP's text map; classes: K, for the supervised loss's classifier.</summary>
    /// <exception cref="UsageException">The loss is supervised, and there is no data set whose classes would say how many there are.</exception>
    public static ModelSpec Network(TrainConfig config, int textWidth, int classes) => config.Loss.Facts().Head switch
    {
        HeadKind.Clip => new ModelSpec(config.Arch, config.Stem, config.Width, HeadKind.Clip, ClipWidth, textWidth),
        HeadKind.Classifier when classes == 0 => throw new UsageException($"--loss {config.Loss.LowerName()} needs --data, whose classes give the size of the last layer."),
        HeadKind.Classifier => new ModelSpec(config.Arch, config.Stem, config.Width, HeadKind.Classifier, classes),
        _ => new ModelSpec(config.Arch, config.Stem, config.Width, config.Projector == Projector.Mlp ? HeadKind.Mlp : HeadKind.Linear, ProjectionWidth),
    };

    /// <summary>Opens the validation data, with the same caption template, and with the labels of the training data (null: with its own).</summary>
    /// <exception cref="DataException">It has a class that the training data lack.</exception>
    public static IImageDataset OpenValidation(TrainConfig config, IImageDataset? training, CancellationToken stop = default, Action<string>? note = null)
    {
        var validation = Open(config, validation: true, stop, note);
        try
        {
            return training is null ? validation : ClassMatch.To(training, validation);
        }
        catch
        {
            validation.Dispose();
            throw;
        }
    }

    /// <summary>Opens the training data, or the validation data with the same class list and caption template but its own labels. stop: ends opening, counting and waiting for servers; note: is told of what takes long.</summary>
    public static IImageDataset Open(TrainConfig config, bool validation, CancellationToken stop = default, Action<string>? note = null)
    {
        var path = (validation ? config.ValData : config.Data) ?? throw new UsageException(validation ? "--val-data is missing." : "--data is missing.");
        var options = new DatasetOptions { ClassesFile = config.Classes, CaptionTemplate = config.CaptionTemplate, Stop = stop, Note = note };
        return DatasetFactory.Open(path, config.DataFormat.LowerName(), options);
    }

    /// <summary>The loss; labelled sets with template captions look X-CLR's targets up by class, where a table of all pairs is small, else they compare the samples' captions.</summary>
    /// <exception cref="DataException">The loss needs labels or class names, and the data have none.</exception>
    public static ObjectiveSpec CreateObjective(TrainConfig config, IImageDataset data, CaptionSource? captions)
    {
        RequireSuits(config, data);
        var facts = config.Loss.Facts();
        var similarity = facts.TextTemperature && config.CaptionTemplate is { } template && data.Classes is { Count: <= MostComparedClasses } classes && IsLabelled(data) ? captions!.ClassSimilarity(classes, template) : null;
        return ObjectiveSpec.Of(config, captions?.Width ?? 0) with { ClassSimilarity = similarity, Classes = facts.Head == HeadKind.Classifier ? data.Classes!.Count : 0 };
    }

    /// <summary>Refuses data that lack what the loss needs: labels, classes' names, captions.</summary>
    /// <exception cref="DataException">They do.</exception>
    public static void RequireSuits(TrainConfig config, IImageDataset data)
    {
        var (loss, facts) = (config.Loss.LowerName(), config.Loss.Facts());
        if (facts.Target == TargetKind.Labels && !IsLabelled(data))
        {
            RequireReadable(data);
            throw new DataException($"'{data.Name}' has no labels, which --loss {loss} needs; use a folder per class, a table with a label column, shards with .cls members or IDX files, or --loss simclr.");
        }
        if (facts.Head == HeadKind.Classifier && data.Classes is null)
        {
            throw new DataException($"'{data.Name}' has no class names, which --loss {loss} counts; name a --classes file (a name a line, in the labels' order).");
        }
        if (facts.Target == TargetKind.Text && !FirstCaptions(data, 2).Skip(1).Any())
        {
            RequireReadable(data);
            throw new DataException($"'{data.Name}' has no captions, which --loss {loss} needs; name --caption-template for a labelled set, or use --loss simclr.");
        }
    }

    /// <summary>Warns where --val-data is --data.</summary>
    public static void WarnOfTrainingImages(TrainConfig config, Action<string> warn)
    {
        static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (config is { Data: { } data, ValData: { } held } && Full(data) == Full(held))
        {
            warn($"--val-data is --data, {data}: what is measured on it is measured on images that the network is trained on.");
        }
    }

    /// <summary>Captions of the data's first samples, so many at most.</summary>
    public static IEnumerable<string> FirstCaptions(IImageDataset data, int count) => data.Read(ReadOrder.Sequential).Take(CaptionSearch).Where(s => s.Caption is not null).Take(count).Select(s => s.Caption!);

    // Data of which nothing can be read lack neither labels nor captions.
    private static void RequireReadable(IImageDataset data)
    {
        var first = data.Read(ReadOrder.Sequential).Take(LabelSample).ToList();
        if (first.Count > 0 && first.All(s => s.Fault is not null))
        {
            throw new DataException($"'{data.Name}': none of its first {first.Count} samples can be read; {first[0].Source}: {first[0].FaultDetail}");
        }
    }

    private static bool IsLabelled(IImageDataset data) => data.Read(ReadOrder.Sequential).Take(LabelSample).Any(s => s.Label is not null);
}
