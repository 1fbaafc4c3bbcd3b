using System.Diagnostics;
using System.Globalization;
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
public sealed record EvalData(IImageDataset? Bank, IImageDataset Validation, string TextEncoder, string TextProvider, int Workers, EvalLimits Limits, Action<string> Warn)
{
    /// <summary>Which classes are right for held-out images; null: their labels.</summary>
    public AnswerFile? Answers { get; init; }

    /// <summary>Names of the classes that training labels count; the held-out set's where it has the same.</summary>
    public IReadOnlyList<string>? TrainedClasses { get; init; } = Validation.Classes;

    /// <summary>Is told how far an evaluation is.</summary>
    public Action<string> Note { get; init; } = static _ => { };

    /// <summary>The right answers for held-out images, which have labels.</summary>
    internal AnswerKey KeyOf(FeatureSet queries) => Answers is null
        ? new AnswerKey(queries.Labels!, Validation.Classes)
        : Answers.KeyOf(queries, Validation.Classes, TrainedClasses ?? throw new DataException("--answers names classes of the training set, whose names are not known: pass --data, or --classes."), Warn);
}

/// <summary>An evaluation of a checkpoint.</summary>
/// <param name="Checkpoint">Run folder, step folder or .safetensors.</param>
/// <param name="Network">What the user says of the network.</param>
/// <param name="Config">Data, data format, classes, template, text provider, device and workers are read of it; ValData must be set.</param>
/// <param name="TextEncoder">Caption encoder; null = the one that the network was trained with, or the built-in one where that is not known.</param>
/// <param name="Protocol">What is measured.</param>
/// <param name="Options">How.</param>
/// <param name="Limits">How many images count.</param>
/// <param name="BatchSize">Images per run of the network.</param>
public sealed record EvalRequest(string Checkpoint, NetworkOptions Network, TrainConfig Config, string? TextEncoder, EvalProtocol Protocol, EvalOptions Options, EvalLimits Limits, int BatchSize = 64)
{
    /// <summary>File of right answers, see <see cref="AnswerFile.Read"/>; null: the labels.</summary>
    public string? Answers { get; init; }

    /// <summary>What of the class names is the class.</summary>
    public NamePart ClassPart { get; init; }

    /// <summary>Is told how a bare file's weights were taken, and how far the evaluation is.</summary>
    public Action<string> Note { get; init; } = static _ => { };
}

/// <summary>Measures a network on held-out images.</summary>
public static class Evaluator
{
    private static readonly TimeSpan NoteEvery = TimeSpan.FromSeconds(10);

    /// <summary>Evaluates a checkpoint. <paramref name="warn"/> is told what the user should know.</summary>
    public static EvalResults Run(EvalRequest request, Action<string> warn, CancellationToken stop)
    {
        var config = request.Config;
        var answers = request.Answers is null ? null : AnswerFile.Read(request.Answers);
        TrainSetup.WarnOfTrainingImages(config, warn);
        using var bank = config.Data is null ? null : ClassPart.Of(TrainSetup.Open(config, validation: false, stop, request.Note), request.ClassPart);
        using var validation = OpenValidation(request, bank, answers, stop);
        using var device = TrainSetup.OpenDevice(config.Device);
        using var loaded = LoadedModel.Open(device, request.Checkpoint, request.Network, request.Note);
        var encoder = request.TextEncoder ?? loaded.Trained?.TextEncoder ?? config.TextEncoder;
        var hasTexts = validation.Read(ReadOrder.Sequential).FirstOrDefault(s => s.Fault is null)?.Caption is not null;
        if (((request.Protocol & EvalProtocol.Texts) != 0 && hasTexts) || request.Protocol.HasFlag(EvalProtocol.ZeroShot))
        {
            RequireEncoder(encoder, config.TextProvider, request.TextEncoder is null ? loaded.StateFile : null);
        }
        var data = new EvalData(bank, validation, encoder, config.TextProvider, TrainSetup.Workers(config), request.Limits, warn)
        {
            Answers = answers,
            TrainedClasses = bank?.Classes ?? (answers is { OwnClasses: true } ? config.Classes is null ? null : ClassList.Load(config.Classes).Names : validation.Classes),
            Note = request.Note,
        };
        return Measure(device, loaded.Model, loaded.Images, data, request.Protocol, stop, request.BatchSize, request.Options);
    }

    // Classes of its own are not looked for among those of the training set, nor in its list of names.
    private static IImageDataset OpenValidation(EvalRequest request, IImageDataset? bank, AnswerFile? answers, CancellationToken stop)
    {
        if (answers is { OwnClasses: true })
        {
            return TrainSetup.Open(request.Config with { Classes = null }, validation: true, stop, request.Note);
        }
        return request.ClassPart == NamePart.Whole ? TrainSetup.OpenValidation(request.Config, bank, stop, request.Note) : Matched(bank, ClassPart.Of(TrainSetup.Open(request.Config, validation: true, stop, request.Note), request.ClassPart));
    }

    private static IImageDataset Matched(IImageDataset? bank, IImageDataset validation) => bank is null ? validation : ClassMatch.To(bank, validation);

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
        var clock = Stopwatch.StartNew();
        var (queries, bank) = Extract(device, model, images, data, protocol, stop, rows);
        data.Note(string.Create(CultureInfo.InvariantCulture, $"features of {queries.Count} held-out and {bank?.Count ?? 0} training images: {clock.Elapsed.TotalSeconds:0.0} s"));
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
        FeatureSet Of(IImageDataset set, int? limit) => FeatureSet.Extract(encoder, set, limit, data.Workers, data.Warn, stop, Progress(set, limit, data.Note));
        var queries = Of(data.Validation, data.Limits.Queries);
        var wanted = ((protocol & (EvalProtocol.Knn | EvalProtocol.Linear)) != 0 && queries.Labels is not null)
            || ((protocol & (EvalProtocol.ZeroShot | EvalProtocol.Retrieval)) != 0 && model.Spec.Head != HeadKind.Clip);
        return (queries, wanted && data.Bank is not null ? Of(data.Bank, data.Limits.Bank) : null);
    }

    private static Action<Sample> Progress(IImageDataset set, int? limit, Action<string> note)
    {
        var (count, clock, next) = (0L, Stopwatch.StartNew(), NoteEvery);
        return _ =>
        {
            count++;
            if (clock.Elapsed >= next)
            {
                next = clock.Elapsed + NoteEvery;
                note(string.Create(CultureInfo.InvariantCulture, $"features of '{set.Name}': {count} of {limit ?? set.Count} images, {count / clock.Elapsed.TotalSeconds:0} images/s"));
            }
        };
    }

    // Before the images go through the network, which may take long.
    private static void RequireEncoder(string encoder, string provider, string? savedIn)
    {
        try
        {
            CaptionSource.Open(encoder, provider, []).Dispose();
        }
        catch (TextException e) when (savedIn is not null)
        {
            throw new TextException($"{e.Message} It is the one that the network was trained with ({savedIn}); put it back, or name its present place or another encoder by --text-encoder.", e);
        }
    }
}
