using System.Numerics.Tensors;
using XClr.Data;
using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Text;

namespace XClr.Train.Evaluation;

/// <summary>What is measured.</summary>
[Flags]
public enum EvalProtocol
{
    Knn = 1,
    Fidelity = 2,
    All = Knn | Fidelity,
}

/// <summary>Names of results, as in metrics.jsonl and tables.</summary>
public static class EvalNames
{
    /// <summary>Share of held-out images whose k nearest training images vote for the right label, 0 to 1.</summary>
    public const string KnnTop1 = "knn_top1";

    /// <summary>Share of held-out images whose class the network's own classifier names, 0 to 1.</summary>
    public const string HeadTop1 = "head_top1";

    /// <summary>Spearman correlation of feature similarities with caption similarities.</summary>
    public const string Fidelity = "fidelity";

    /// <summary>The same on projections.</summary>
    public const string FidelityProjections = "fidelity_projections";

    /// <summary>Training images in the bank, held-out images.</summary>
    public const string Bank = "bank_images", Queries = "val_images", Skipped = "skipped";
}

/// <summary>How many images count at most; null = all.</summary>
public sealed record EvalLimits(int? Bank, int? Queries)
{
    /// <summary>Inside a training run: seeded parts, so that an evaluation stays short.</summary>
    public static EvalLimits InTraining { get; } = new(2000, 1000);
}

/// <summary>Data of an evaluation. Bank: labelled training images for k-NN, null where it is not asked for. Warn: told what the user should know of the data.</summary>
public sealed record EvalData(IImageDataset? Bank, IImageDataset Validation, string TextEncoder, string TextProvider, int Workers, EvalLimits Limits, Action<string> Warn);

/// <summary>An evaluation of a checkpoint.</summary>
/// <param name="Checkpoint">Run folder, step folder or .safetensors.</param>
/// <param name="Network">What the user says of the network.</param>
/// <param name="Config">Data, data format, classes, template, text provider, device and workers are read of it; ValData must be set.</param>
/// <param name="TextEncoder">Caption encoder of the fidelity; null = the one that the network was trained with, or the built-in one where that is not known.</param>
/// <param name="Protocol">What is measured.</param>
/// <param name="Limits">How many images count.</param>
/// <param name="BatchSize">Images per run of the network.</param>
public sealed record EvalRequest(string Checkpoint, NetworkOptions Network, TrainConfig Config, string? TextEncoder, EvalProtocol Protocol, EvalLimits Limits, int BatchSize = 64);

/// <summary>Measures a network on held-out images.</summary>
public static class Evaluator
{
    /// <summary>Evaluates a checkpoint; results by name. <paramref name="warn"/> is told what the user should know.</summary>
    public static IReadOnlyDictionary<string, double> Run(EvalRequest request, Action<string> warn, CancellationToken stop)
    {
        var config = request.Config;
        using var bank = config.Data is null ? null : TrainSetup.Open(config, validation: false);
        using var validation = TrainSetup.OpenValidation(config, bank);
        using var device = TrainSetup.OpenDevice(config.Device);
        using var loaded = LoadedModel.Open(device, request.Checkpoint, request.Network);
        var encoder = request.TextEncoder ?? loaded.Trained?.TextEncoder ?? config.TextEncoder;
        if (request.Protocol.HasFlag(EvalProtocol.Fidelity) && validation.Read(ReadOrder.Sequential).FirstOrDefault(s => s.Fault is null)?.Caption is not null)
        {
            RequireEncoder(encoder, config.TextProvider, request.TextEncoder is null ? loaded.StateFile : null);
        }
        return Measure(device, loaded.Model, loaded.Images, new EvalData(bank, validation, encoder, config.TextProvider, TrainSetup.Workers(config), request.Limits, warn), request.Protocol, stop, request.BatchSize);
    }

    // Labels of a set with classes of its own would be compared with those of another.
    private static void RequireClasses(IImageDataset validation, int classes)
    {
        if (validation.Classes is { } own && own.Count != classes)
        {
            throw new DataException($"'{validation.Name}' has {own.Count} classes, the network's classifier {classes}; name the training images by --data, so that classes are matched by name, or all classes by --classes.");
        }
    }

    private static double Fidelity(RowMatrix images, float[] text, int textWidth) => SimilarityFidelity.Compute(images.First(SimilarityFidelity.MaxSamples), images.Width, text, textWidth);

    // Before the images go through the network, which may take long.
    private static void RequireEncoder(string encoder, string provider, string? savedIn)
    {
        try
        {
            CaptionSource.Open(encoder, provider).Dispose();
        }
        catch (TextException e) when (savedIn is not null)
        {
            throw new TextException($"{e.Message} It is the one that the network was trained with ({savedIn}); put it back, or name its present place or another encoder by --text-encoder.", e);
        }
    }

    /// <summary>Measures a model that is on a device; results by name.</summary>
    public static IReadOnlyDictionary<string, double> Measure(GpuDevice device, Model model, AugmentSpec images, EvalData data, EvalProtocol protocol, CancellationToken stop, int rows)
    {
        using var encoder = new Encoder(device, model, images, rows);
        FeatureSet Extract(IImageDataset set, int? limit) => FeatureSet.Extract(encoder, set, limit, data.Workers, data.Warn, stop);
        var queries = Extract(data.Validation, data.Limits.Queries);
        var results = new Dictionary<string, double> { [EvalNames.Queries] = queries.Count, [EvalNames.Skipped] = queries.Skipped.Values.Sum() };
        if (protocol.HasFlag(EvalProtocol.Knn) && data.Bank is not null && queries.Labels is not null)
        {
            var bank = Extract(data.Bank, data.Limits.Bank);
            results[EvalNames.Bank] = bank.Count;
            results[EvalNames.KnnTop1] = KnnClassifier.Top1(bank.Features, bank.Labels ?? throw new DataException($"'{data.Bank.Name}' has no labels, which k-NN needs."), queries.Features, queries.Labels);
        }
        if (queries.Logits is { } logits && queries.Labels is { } labels)
        {
            RequireClasses(data.Validation, logits.Width);
            results[EvalNames.HeadTop1] = Enumerable.Range(0, queries.Count).Count(i => TensorPrimitives.IndexOfMax(logits[i]) == labels[i]) / (double)queries.Count;
        }
        if (protocol.HasFlag(EvalProtocol.Fidelity) && queries.Captions is not null)
        {
            using var captions = CaptionSource.Open(data.TextEncoder, data.TextProvider);
            var text = captions.Embed([.. queries.Captions.Take(SimilarityFidelity.MaxSamples)]);
            if (captions.StoreFailure is { } failure)
            {
                data.Warn(failure);
            }
            results[EvalNames.Fidelity] = Fidelity(queries.Features, text, captions.Width);
            if (queries.Projections is { } projections)
            {
                results[EvalNames.FidelityProjections] = Fidelity(projections, text, captions.Width);
            }
        }
        return results;
    }
}
