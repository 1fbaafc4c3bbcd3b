using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Losses;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>What an objective compares rows with.</summary>
/// <param name="Loss">The loss.</param>
/// <param name="Samples">N, samples per batch.</param>
/// <param name="Tau">Temperature of the image similarities (CLIP learns its own).</param>
/// <param name="TauS">Temperature of the caption similarities.</param>
/// <param name="TextWidth">Padded width of the caption embeddings.</param>
/// <param name="ClassSimilarity">[K,K] row-major: X-CLR on labelled sets looks targets up by label; null = per-sample captions.</param>
/// <param name="Classes">K, classes that the supervised loss tells apart; 0 = another loss.</param>
public sealed record ObjectiveSpec(LossKind Loss, int Samples, float Tau, float TauS, int TextWidth = 0, float[]? ClassSimilarity = null, int Classes = 0)
{
    /// <summary>A configuration's, where the data say nothing of targets. textWidth: padded width of its caption embeddings, 0 where the loss needs none.</summary>
    public static ObjectiveSpec Of(TrainConfig config, int textWidth) => new(config.Loss, config.BatchSize, (float)config.Tau, (float)config.TauS, textWidth);

    /// <summary>What a batch must bring.</summary>
    public TargetKind Target => ClassSimilarity is null ? Loss.Facts().Target : TargetKind.Labels;
}

/// <summary>A loss with its per-batch inputs on the device. Statistics [4]: loss, target entropy, target_own_view, embedding_std; of the supervised loss only the first.</summary>
public sealed class Objective : IDisposable
{
    private readonly ObjectiveSpec spec;
    private readonly Tensor? text;
    private readonly Tensor? labels;
    private readonly Tensor? similarity;
    private readonly Tensor loss = Tensor.Persistent("loss", new Shape(1), MemoryCategory.Outputs);

    public Objective(ObjectiveSpec spec)
    {
        this.spec = spec;
        text = spec.Target == TargetKind.Text ? Tensor.Persistent("text", new Shape(spec.Samples, spec.TextWidth), MemoryCategory.Inputs) : null;
        labels = spec.Target == TargetKind.Labels ? Tensor.Persistent("labels", new Shape(LabelRows * spec.Samples), MemoryCategory.Inputs, DType.UInt32) : null;
        Correct = spec.Loss == LossKind.Supervised ? Tensor.Persistent("correct", new Shape(1), MemoryCategory.Outputs) : null;
        var classes = spec.ClassSimilarity is { } s ? (int)Math.Sqrt(s.Length) : 0;
        similarity = classes > 0 ? Tensor.Persistent("class_similarity", new Shape(classes, classes), MemoryCategory.Inputs) : null;
    }

    /// <summary>Device results of the last step: [4], see the class.</summary>
    public Tensor Statistics { get; } = Tensor.Persistent("loss_statistics", new Shape(4), MemoryCategory.Outputs);

    /// <summary>Rows of the last step, of 2N, whose largest logit is their label's: [1]; null where the loss is not supervised.</summary>
    public Tensor? Correct { get; }

    // The supervised loss takes a label per row of logits, the others one per sample.
    private int LabelRows => spec.Loss == LossKind.Supervised ? 2 : 1;

    /// <summary>Uploads what stays the same over the run.</summary>
    public void Prepare(GpuDevice device)
    {
        if (similarity is not null)
        {
            device.Transfer.Upload<float>(similarity, spec.ClassSimilarity);
        }
    }

    /// <summary>Uploads a batch's targets.</summary>
    public void Upload(GpuDevice device, uint[]? batchLabels, float[]? batchText)
    {
        if (labels is not null)
        {
            device.Transfer.Upload<uint>(labels, LabelRows == 2 ? [.. batchLabels!, .. batchLabels!] : batchLabels);
        }
        if (text is not null)
        {
            device.Transfer.Upload<float>(text, batchText);
        }
    }

    /// <summary>Records loss, statistics and the gradient of the projections (or logits) [2N,P], and for CLIP that of the text side up to its map.</summary>
    public Tensor Record(Recorder gpu, Model model, Tensor projections, Tensor stepVariables)
    {
        var gradient = gpu.NewTensor("dprojections", projections.Shape);
        if (spec.Loss == LossKind.Clip)
        {
            RecordClip(gpu, model, projections, stepVariables, gradient);
            return gradient;
        }
        if (spec.Loss == LossKind.Supervised)
        {
            SoftmaxCrossEntropyOp.Forward(gpu, projections, labels!, spec.Classes, Statistics.Rows(0, 1), gradient, Correct, stepVariables: stepVariables);
            return gradient;
        }
        var rows = new ContrastiveRows(projections);
        var state = gpu.NewTensor("contrastive_state", new Shape(spec.Samples, ContrastiveLoss.StateWidth));
        ContrastiveLoss.Forward(gpu, rows, Targets(), spec.Tau, state, loss, Statistics);
        ContrastiveLoss.Backward(gpu, rows, Targets(), spec.Tau, state, stepVariables, gradient);
        return gradient;
    }

    private ContrastiveTargets Targets() => spec.Loss switch
    {
        LossKind.SimClr => new ContrastiveTargets.OtherView(),
        LossKind.SupCon => new ContrastiveTargets.SameLabel(labels!),
        _ when similarity is not null => new ContrastiveTargets.ClassSimilarity(labels!, similarity, spec.TauS),
        _ => new ContrastiveTargets.Text(text!, spec.TauS),
    };

    private void RecordClip(Recorder gpu, Model model, Tensor projections, Tensor stepVariables, Tensor gradient)
    {
        var texts = model.ForwardText(gpu, text!);
        var rows = new ClipRows(projections, texts);
        var scale = model.Parameters.Value(Model.LogitScale);
        var state = gpu.NewTensor("clip_state", new Shape(4 * spec.Samples, ClipLoss.StateWidth));
        var textGradient = gpu.NewTensor("dtext_projections", texts.Shape);
        ClipLoss.Forward(gpu, rows, scale, state, loss, Statistics);
        ClipLoss.Backward(gpu, rows, scale, state, state, stepVariables, gradient, textGradient, model.Parameters.Gradient(Model.LogitScale));
        model.BackwardText(gpu, textGradient);
    }

    public void Dispose()
    {
        foreach (var tensor in new[] { text, labels, similarity, loss, Statistics, Correct })
        {
            tensor?.View.Buffer.Dispose();
        }
    }
}
