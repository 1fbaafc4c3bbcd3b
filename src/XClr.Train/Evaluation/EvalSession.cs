using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using XClr.Data;
using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train.Evaluation;

/// <summary>One network's features of both sets, and the protocols on them.</summary>
internal sealed class EvalSession(GpuDevice device, Model model, EvalData data, EvalOptions options, FeatureSet queries, FeatureSet? bank, CancellationToken stop)
{
    private readonly AnswerKey? key = queries.Labels is null ? null : data.KeyOf(queries);
    private readonly Dictionary<string, double> values = new() { [EvalNames.Queries] = queries.Count, [EvalNames.Skipped] = queries.Skipped.Values.Sum() };
    private readonly List<ProtocolResult> protocols = [];
    private readonly List<string> unmeasured = [];
    private CaptionSource? captions;
    private TextSpace? space;

    public EvalResults Results => new(values, protocols, unmeasured);

    /// <summary>Carries protocols out; those that the data do not allow are listed.</summary>
    public void Measure(EvalProtocol asked)
    {
        try
        {
            Head();
            Timed(asked, EvalProtocol.Knn | EvalProtocol.Linear, "k-NN, linear probe", () => Supervised(asked));
            Timed(asked, EvalProtocol.Fidelity, "fidelity", Fidelity);
            Timed(asked, EvalProtocol.ZeroShot, "zero-shot", ZeroShot);
            Timed(asked, EvalProtocol.Retrieval, "retrieval", Retrieve);
        }
        finally
        {
            if (captions?.StoreFailure is { } failure)
            {
                data.Warn(failure);
            }
            captions?.Dispose();
        }
    }

    /// <summary>Trains the probe with augmentation on each part of the training images, on views of this kind, and measures it on the central views.</summary>
    public void MeasureAugmented(AugmentSpec images)
    {
        if (data.Bank is not { Classes: { } classes } || key is null || !data.Bank.Read(ReadOrder.Sequential).Any(s => s.Label is not null))
        {
            unmeasured.Add("linear-aug was not measured: it needs held-out images with labels, and training images (--data) with labels whose classes have names (--classes).");
            return;
        }
        foreach (var subset in options.Fractions)
        {
            var training = subset.IsAll && data.Limits.Bank is null ? data.Bank : SubsetDataset.Of(data.Bank, subset, data.Limits.Bank);
            var map = AugmentedProbe.Fit(device, model, images, training, classes.Count, options.ProbeEpochs, data, stop);
            var result = new ProtocolResult("linear-aug") { Fraction = subset.Name, TrainingImages = (int)training.Count };
            Add(EvalNames.LinearAugTop1, result, LinearProbe.Probabilities(device, map, queries.Features, stop), areProbabilities: true, subset);
        }
    }

    private void Timed(EvalProtocol asked, EvalProtocol protocol, string name, Action measure)
    {
        if ((asked & protocol) != 0)
        {
            var clock = Stopwatch.StartNew();
            measure();
            data.Note(string.Create(CultureInfo.InvariantCulture, $"{name}: {clock.Elapsed.TotalSeconds:0.0} s"));
        }
    }

    private CaptionSource Captions => captions ??= CaptionSource.Open(data.TextEncoder, data.TextProvider, [data.Validation, data.Bank], data.Warn);

    // Labels of a set with classes of its own would be compared with those of another.
    private void Head()
    {
        if (queries.Logits is not { } logits || key is null || key.Counted.Count == 0)
        {
            return;
        }
        if (data.TrainedClasses is { } own && own.Count != logits.Width)
        {
            unmeasured.Add($"the classifier was not measured: it has {logits.Width} classes, and '{data.Validation.Name}' {own.Count} of its own; its training set as --data, or all of its classes as --classes, say which is which.");
            return;
        }
        if (data.TrainedClasses is null)
        {
            data.Warn($"'{data.Validation.Name}' has labels without names: they are taken for the numbers of the classifier's {logits.Width} classes; --classes names what they are.");
        }
        values[EvalNames.HeadTop1] = key.Counted.Average(i => key.Accepts(i, TensorPrimitives.IndexOfMax(logits[i])) ? 1.0 : 0);
    }

    private void Supervised(EvalProtocol asked)
    {
        if (key is null)
        {
            unmeasured.Add("k-NN and the linear probe were not measured: not all held-out images have a label.");
            return;
        }
        if (bank is null)
        {
            unmeasured.Add("k-NN and the linear probe were not measured: there are no training images; pass --data.");
            return;
        }
        if (bank.Labels is not { } labels)
        {
            unmeasured.Add($"k-NN and the linear probe were not measured: not all training images ('{data.Bank!.Name}') have a label; name a labelled set by --data.");
            return;
        }
        if (data.Bank!.Classes is null != data.Validation.Classes is null)
        {
            var (named, numbered) = data.Bank.Classes is null ? (data.Validation, data.Bank) : (data.Bank, data.Validation);
            data.Warn($"'{named.Name}' has names of classes and '{numbered.Name}' numbers alone: class i of the one is taken to be class i of the other; --classes says which is which.");
        }
        values[EvalNames.Bank] = bank.Count;
        foreach (var subset in options.Fractions)
        {
            var rows = subset.Of(bank.Keys, labels);
            if (asked.HasFlag(EvalProtocol.Knn))
            {
                var (part, own) = rows.Length == bank.Count ? (bank.Features, labels) : (bank.Features.Choose(rows), [.. rows.Select(r => labels[r])]);
                var votes = KnnClassifier.Votes(device, part, own, Classes(labels), queries.Features, stop: stop);
                Add(EvalNames.KnnTop1, new ProtocolResult("knn") { Fraction = subset.Name, TrainingImages = rows.Length }, votes, areProbabilities: true, subset);
            }
            if (asked.HasFlag(EvalProtocol.Linear))
            {
                var fit = LinearProbe.FitBest(device, bank.Features, rows, labels, Classes(labels), stop);
                var result = new ProtocolResult("linear") { Fraction = subset.Name, TrainingImages = rows.Length, Penalty = fit.Penalty, Converged = fit.Converged };
                Add(EvalNames.LinearTop1, result, LinearProbe.Probabilities(device, fit.Map, queries.Features, stop), areProbabilities: true, subset);
            }
        }
    }

    private int Classes(int[] labels) => Math.Max(data.TrainedClasses?.Count ?? 0, 1 + Math.Max(labels.Max(), key!.Right is null ? key.Labels.Max() : 0));

    // The held-out images that have a caption; null, with a word, where none has.
    private FeatureSet? Captioned(string protocol)
    {
        var set = queries.Captioned();
        if (set.Count == 0)
        {
            unmeasured.Add($"{protocol} was not measured: no held-out image has a caption; for a labelled set pass --caption-template.");
            return null;
        }
        if (set.Count < queries.Count)
        {
            data.Warn($"{queries.Count - set.Count} of {queries.Count} held-out images have no caption; {protocol} is of the others.");
        }
        return set;
    }

    private void Fidelity()
    {
        if (Captioned("fidelity") is not { } set)
        {
            return;
        }
        if (set.Count < 3)
        {
            unmeasured.Add("fidelity was not measured: it needs three held-out images with a caption at least.");
            return;
        }
        var text = Captions.Embed([.. set.Captions.Take(SimilarityFidelity.MaxSamples).Select(c => c!)]);
        double Of(RowMatrix images) => SimilarityFidelity.Compute(images.First(SimilarityFidelity.MaxSamples), images.Width, text, Captions.Width);
        values[EvalNames.Fidelity] = Of(set.Features);
        if (set.Projections is { } projections)
        {
            values[EvalNames.FidelityProjections] = Of(projections);
        }
    }

    private void ZeroShot()
    {
        if (key is null || data.TrainedClasses is not { } names)
        {
            unmeasured.Add("zero-shot was not measured: not all held-out images have a label with a name (--classes).");
            return;
        }
        if (Space("zero-shot") is not { } space)
        {
            return;
        }
        var classes = space.Classes(device, Captions, names, options.Templates, stop);
        var cosines = AffineMap.ToRows(classes).Apply(device, space.Images(device, queries, stop), stop);
        var result = new ProtocolResult("zeroshot") { Map = space.Name, Templates = options.Templates.Count, TrainingImages = space.Ridge is null ? null : bank!.Captions.Count(c => c is not null) };
        Add(EvalNames.ZeroShotTop1, result, space.LogitScale is { } scale ? Softmax(cosines, scale) : cosines, space.LogitScale is not null, Subset.All);
    }

    private void Retrieve()
    {
        if (Captioned("retrieval") is not { } set)
        {
            return;
        }
        if (set.Count < 2)
        {
            unmeasured.Add("retrieval was not measured: it needs two held-out images with a caption at least.");
            return;
        }
        if (Space("retrieval") is not { } space)
        {
            return;
        }
        var texts = Retrieval.WithTexts(device, space.Images(device, set, stop), set.AllCaptions, t => space.Texts(device, Captions.EmbedRows(t), stop), stop);
        var images = Retrieval.OfImages(device, set.Features, Captions.EmbedRows([.. set.Captions.Select(c => c!)]), set.Labels, stop);
        protocols.Add(new ProtocolResult("retrieval") { Map = space.Name, Retrieval = texts, Images = images, TrainingImages = space.Ridge is null ? null : bank!.Captions.Count(c => c is not null) });
        foreach (var (name, recall) in new[] { (EvalNames.ImageToText, texts.ImageToText), (EvalNames.TextToImage, texts.TextToImage) })
        {
            (values[name + "1"], values[name + "5"], values[name + "10"]) = (recall.R1, recall.R5, recall.R10);
        }
        values[EvalNames.NeighbourTextCosine] = images.TextCosine;
        if (images.Precision is { } precision)
        {
            values[EvalNames.NeighbourPrecision] = precision;
        }
    }

    // Null, with a word, where the training images do not place this network's among texts.
    private TextSpace? Space(string protocol)
    {
        if (space is not null)
        {
            return space;
        }
        if (model.Spec.Head == HeadKind.Clip)
        {
            return space = TextSpace.OfClip(device, model);
        }
        var training = bank?.Captioned();
        if (training is null || training.Count < RidgeMap.FewestRows)
        {
            unmeasured.Add($"{protocol} was not measured: it places this network's images among texts by a ridge map, which is fitted on {RidgeMap.FewestRows} training images with captions at least; "
                + (training is null ? "pass --data." : $"'{data.Bank!.Name}' has {training.Count} of {bank!.Count}; raise --limit, name more images by --data, or for a labelled set pass --caption-template."));
            return null;
        }
        return space = TextSpace.OfRidge(RidgeMap.FitBest(device, training.Features, Captions.EmbedRows([.. training.Captions.Select(c => c!)]), stop));
    }

    private void Add(string name, ProtocolResult result, RowMatrix scores, bool areProbabilities, Subset subset)
    {
        var counted = key!.Counted;
        var judged = counted.Count == queries.Count ? Classification.Of(scores, key, areProbabilities) : Classification.Of(scores.Choose(counted), key.Choose(counted), areProbabilities);
        var suffix = subset.IsAll ? "" : "@" + subset.Name;
        protocols.Add(result with { Top1Name = name + suffix, Classification = judged });
        values[name + suffix] = judged.Top1;
        if (judged.Top5 is { } top5)
        {
            values[name.Replace("top1", "top5", StringComparison.Ordinal) + suffix] = top5;
        }
    }

    private static RowMatrix Softmax(RowMatrix cosines, double scale)
    {
        var all = new RowMatrix(cosines.Width);
        var row = new float[cosines.Width];
        for (var i = 0; i < cosines.Count; i++)
        {
            TensorPrimitives.Multiply(cosines[i], (float)scale, row);
            TensorPrimitives.SoftMax<float>(row, row);
            all.Add(row);
        }
        return all;
    }
}
