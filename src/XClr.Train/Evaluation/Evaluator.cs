using XClr.Data;
using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Text;

namespace XClr.Train.Evaluation;

/// <summary>How many images count at most; null = all.</summary>
public sealed record EvalLimits(int? Bank, int? Queries)
{
    /// <summary>Inside a training run: seeded parts, so that an evaluation stays short.</summary>
    public static EvalLimits InTraining { get; } = new(2000, 1000);
}

/// <summary>Data of an evaluation. Bank: training images, null where no protocol asks for them. Warn: told what the user should know of the data.</summary>
public sealed record EvalData(IImageDataset? Bank, IImageDataset Validation, string TextEncoder, string TextProvider, int Workers, EvalLimits Limits, Action<string> Warn);

/// <summary>An evaluation of a checkpoint.</summary>
/// <param name="Checkpoint">Run folder, step folder or .safetensors.</param>
/// <param name="Network">What the user says of the network.</param>
/// <param name="Config">Data, data format, classes, template, text provider, device and workers are read of it; ValData must be set.</param>
/// <param name="TextEncoder">Caption encoder; null = the one that the network was trained with, or the built-in one where that is not known.</param>
/// <param name="Protocol">What is measured.</param>
/// <param name="Options">How.</param>
/// <param name="Limits">How many images count.</param>
/// <param name="BatchSize">Images per run of the network.</param>
public sealed record EvalRequest(string Checkpoint, NetworkOptions Network, TrainConfig Config, string? TextEncoder, EvalProtocol Protocol, EvalOptions Options, EvalLimits Limits, int BatchSize = 64);

/// <summary>Measures a network on held-out images.</summary>
public static class Evaluator
{
    /// <summary>Evaluates a checkpoint. <paramref name="warn"/> is told what the user should know.</summary>
    public static EvalResults Run(EvalRequest request, Action<string> warn, CancellationToken stop)
    {
        var config = request.Config;
        using var bank = config.Data is null ? null : TrainSetup.Open(config, validation: false);
        using var validation = TrainSetup.OpenValidation(config, bank);
        using var device = TrainSetup.OpenDevice(config.Device);
        using var loaded = LoadedModel.Open(device, request.Checkpoint, request.Network);
        var encoder = request.TextEncoder ?? loaded.Trained?.TextEncoder ?? config.TextEncoder;
        var hasTexts = validation.Read(ReadOrder.Sequential).FirstOrDefault(s => s.Fault is null)?.Caption is not null;
        if (((request.Protocol & EvalProtocol.Texts) != 0 && hasTexts) || request.Protocol.HasFlag(EvalProtocol.ZeroShot))
        {
            RequireEncoder(encoder, config.TextProvider, request.TextEncoder is null ? loaded.StateFile : null);
        }
        var data = new EvalData(bank, validation, encoder, config.TextProvider, TrainSetup.Workers(config), request.Limits, warn);
        return Measure(device, loaded.Model, loaded.Images, data, request.Protocol, stop, request.BatchSize, request.Options);
    }

    /// <summary>Bytes of device memory that an evaluation inside a training run takes beside its model's: the encoder's, and after them those of k-NN.</summary>
    internal static long ExtraBytes(DeviceCaps caps, Model model, AugmentSpec images, int rows)
    {
        var (bank, queries) = (EvalLimits.InTraining.Bank!.Value, EvalLimits.InTraining.Queries!.Value);
        return Math.Max(Encoder.ExtraBytes(caps, model, images, rows), NearestRows.Bytes(caps, model.Spec.FeatureWidth, bank, queries, KnnClassifier.NeighboursFor(bank)));
    }

    /// <summary>Measures a model that is on a device.</summary>
    public static EvalResults Measure(GpuDevice device, Model model, AugmentSpec images, EvalData data, EvalProtocol protocol, CancellationToken stop, int rows, EvalOptions? options = null)
    {
        options ??= EvalOptions.Default;
        var (queries, bank) = Extract(device, model, images, data, protocol, stop, rows);
        var session = new EvalSession(device, model, data, options, queries, bank, stop);
        session.Measure(protocol);
        if (protocol.HasFlag(EvalProtocol.LinearAug))
        {
            session.MeasureAugmented(images);
        }
        return session.Results;
    }

    // The encoder's memory is free again before anything is computed on the features.
    private static (FeatureSet Queries, FeatureSet? Bank) Extract(GpuDevice device, Model model, AugmentSpec images, EvalData data, EvalProtocol protocol, CancellationToken stop, int rows)
    {
        using var encoder = new Encoder(device, model, images, rows);
        FeatureSet Of(IImageDataset set, int? limit) => FeatureSet.Extract(encoder, set, limit, data.Workers, data.Warn, stop);
        var queries = Of(data.Validation, data.Limits.Queries);
        var wanted = ((protocol & (EvalProtocol.Knn | EvalProtocol.Linear)) != 0 && queries.Labels is not null)
            || ((protocol & (EvalProtocol.ZeroShot | EvalProtocol.Retrieval)) != 0 && model.Spec.Head != HeadKind.Clip);
        return (queries, wanted && data.Bank is not null ? Of(data.Bank, data.Limits.Bank) : null);
    }

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
}
