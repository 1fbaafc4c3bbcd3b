using XClr.Gpu;
using XClr.Nn.Layers;
using XClr.Nn.Ops;
using XClr.Nn.Optim;

namespace XClr.Nn.Models;

/// <summary>What a forward pass gives: F features per image before the head, and P normalised projections, or a classifier's logits (null without a head).</summary>
public sealed record ModelOutput(Tensor Features, Tensor? Projections);

/// <summary>
/// A ResNet with its head: the parameters, and the recording of forward and backward passes. One forward and its backward are recorded at a time.
/// </summary>
public sealed class Model : IDisposable
{
    /// <summary>Name of CLIP's learned logarithm of the inverse temperature, a scalar.</summary>
    public const string LogitScale = "clip.logit_scale";
    private const string ImageMap = "clip.image_projection.weight";
    public const string TextMap = "clip.text_projection.weight";

    /// <summary>Name of the projectors' first weight [hidden or P,F].</summary>
    public const string ProjectorMap = Projector.FirstWeight;

    /// <summary>Names of the classifier's weight [K,F] and bias [K], torchvision's.</summary>
    public const string ClassifierWeight = Classifier.Weight, ClassifierBias = Classifier.Bias;

    private static readonly PoolWindow PoolWindow = new(3, 3, Stride: 2, Pad: 1);

    private readonly WorkingSet working;
    private readonly ConvBnLayer stem;
    private readonly ResidualBlock[] blocks;
    private readonly Projector? projector;
    private readonly Classifier? classifier;
    private Tensor? lastMap, features, projected, projections, norms, argmax, text, mappedText, textProjections, textNorms;

    public Model(ModelSpec spec)
    {
        Spec = spec;
        Blueprint = new ResNetBlueprint(spec);
        var head = HeadParameters(spec);
        var buffers = Blueprint.Layers.SelectMany(l => l.Buffers);
        Parameters = new ParameterSet(Blueprint.Layers.SelectMany(l => l.Parameters).Concat(head), HasProjector(spec) ? buffers.Concat(Projector.Buffers(spec)) : buffers);
        working = new WorkingSet(Parameters);
        stem = new ConvBnLayer(Blueprint.Stem, working);
        blocks = [.. Blueprint.Blocks.Select(b => new ResidualBlock(b, working))];
        projector = HasProjector(spec) ? new Projector(spec, working) : null;
        classifier = spec.Head == HeadKind.Classifier ? new Classifier(working) : null;
    }

    public ModelSpec Spec { get; }
    public ResNetBlueprint Blueprint { get; }
    public ParameterSet Parameters { get; }

    /// <summary>True for the tensors of the backbone, which model.safetensors holds; the others are the head's.</summary>
    public static bool IsBackbone(string name) =>
        !name.StartsWith("projector.", StringComparison.Ordinal) && !name.StartsWith("clip.", StringComparison.Ordinal) && !name.StartsWith(Classifier.Prefix, StringComparison.Ordinal);

    /// <summary>
    /// Records the forward pass. images: [M,H,W,4], the fourth channel zero; where they are fp16 or bf16, so are the backbone's activations, their gradients and the weights it works with (features and
    /// everything behind them stay fp32). Results go to the tensors given, [M,F] and [M,P], or to new ones. In training running statistics are moved by <see cref="Commit"/>.
    /// </summary>
    public ModelOutput Forward(Recorder gpu, Tensor images, Mode mode, Tensor? featuresOut = null, Tensor? projectionsOut = null)
    {
        Begin(gpu, images.Type, mode);
        return Pass(gpu, images, mode, featuresOut, projectionsOut);
    }

    /// <summary>Records what one or several forward passes (<see cref="Pass"/>) with the same weights begin with. storage: of the images and activations.</summary>
    public void Begin(Recorder gpu, DType storage, Mode mode) => working.Begin(gpu, storage, mode, HeadOffset);

    /// <summary>As <see cref="Forward"/>, after a <see cref="Begin"/>. In training each pass moves the running statistics on from where the pass before left them, but one that is done <paramref name="again"/> for its backward pass.</summary>
    public ModelOutput Pass(Recorder gpu, Tensor images, Mode mode, Tensor? featuresOut = null, Tensor? projectionsOut = null, bool again = false)
    {
        working.BeginForward(moveStatistics: !again);
        features = featuresOut ?? gpu.NewTensor("features", new Shape(images.Shape[0], ModelSpec.Stored(Spec.FeatureWidth)));
        Backbone(gpu, images, mode);
        if (Spec.Head == HeadKind.None)
        {
            return new ModelOutput(features, null);
        }
        if (classifier is not null)
        {
            var logits = projectionsOut ?? gpu.NewTensor("logits", new Shape(images.Shape[0], ModelSpec.Stored(Spec.ProjectionWidth)));
            classifier.Forward(gpu, features, logits);
            return new ModelOutput(features, logits);
        }
        projected = projector?.Forward(gpu, features, mode) ?? Map(gpu, features, ImageMap);
        projections = projectionsOut ?? gpu.NewTensor("projections", projected.Shape);
        norms = gpu.NewTensor("projection_norms", new Shape(projected.Shape[0]));
        L2NormalizeOp.Forward(gpu, projected, projections, norms);
        return new ModelOutput(features, projections);
    }

    /// <summary>Records CLIP's text side. embeddings: [N,D]; result: [N,P], normalised.</summary>
    public Tensor ForwardText(Recorder gpu, Tensor embeddings)
    {
        text = embeddings;
        mappedText = Map(gpu, text, TextMap);
        textProjections = gpu.NewTensor("text_projections", mappedText.Shape);
        textNorms = gpu.NewTensor("text_norms", new Shape(mappedText.Shape[0]));
        L2NormalizeOp.Forward(gpu, mappedText, textProjections, textNorms);
        return textProjections;
    }

    /// <summary>Records the gradient of CLIP's text map from that of the normalised text projections [N,P].</summary>
    public void BackwardText(Recorder gpu, Tensor dprojections)
    {
        var dmapped = gpu.NewTensor("dtext", mappedText!.Shape);
        L2NormalizeOp.Backward(gpu, dprojections, textProjections!, textNorms!, dmapped);
        LinearOp.BackwardWeight(gpu, text!, dmapped, Parameters.Gradient(TextMap));
    }

    /// <summary>Records the backward pass: from the gradient of the normalised projections (or logits) [M,P] to the gradients of all parameters behind them, which are written, or added to with <paramref name="accumulate"/>.</summary>
    public void Backward(Recorder gpu, Tensor dprojections, bool accumulate = false)
    {
        working.BeginBackward(accumulate);
        if (classifier is not null)
        {
            BackwardFeatures(gpu, classifier.Backward(gpu, dprojections));
            return;
        }
        var dprojected = gpu.NewTensor("dprojected", projected!.Shape);
        L2NormalizeOp.Backward(gpu, dprojections, projections!, norms!, dprojected);
        BackwardFeatures(gpu, projector?.Backward(gpu, dprojected) ?? BackwardImageMap(gpu, dprojected));
    }

    /// <summary>Records the backbone's backward pass from the gradient of the features [M,F].</summary>
    public void BackwardFeatures(Recorder gpu, Tensor dfeatures)
    {
        var gradient = new LayerGradient(gpu.NewTensor("dmap", lastMap!.Shape, type: lastMap.Type));
        GlobalAvgPoolOp.Backward(gpu, dfeatures, gradient.Values);
        for (var i = blocks.Length - 1; i >= 0; i--)
        {
            gradient = blocks[i].Backward(gpu, gradient, below: i > 0 ? blocks[i - 1].PassAbove : Blueprint.MaxPool ? null : stem.PassAbove);
        }
        stem.BackwardWeight(gpu, Blueprint.MaxPool ? stem.BackwardPooledNorm(gpu, gradient.Values, argmax!, PoolWindow) : stem.BackwardNorm(gpu, gradient));
    }

    /// <summary>Records what follows the optimiser's step: the training pass's running statistics become the model's where the update was made, and CLIP's logit scale stays in [0, ln 100].</summary>
    public void Commit(Recorder gpu, Tensor optimizerResult)
    {
        working.Commit(gpu, optimizerResult);
        if (Spec.Head == HeadKind.Clip)
        {
            ConstrainLogitScale(gpu, Parameters);
        }
    }

    /// <summary>Records the clamp of CLIP's logit scale alone.</summary>
    public static void ConstrainLogitScale(Recorder gpu, ParameterSet parameters) => Optimizer.Clamp(gpu, parameters.Value(LogitScale), 0, MathF.Log(100));

    private void Backbone(Recorder gpu, Tensor images, Mode mode)
    {
        var stemmed = stem.Forward(gpu, new LayerOutput(images), mode, relu: true, defer: Blueprint.MaxPool);
        var pooled = Blueprint.MaxPool ? Pool(gpu, stemmed, mode) : stemmed.Values;
        lastMap = blocks.Aggregate(pooled, (x, block) => block.Forward(gpu, x, mode));
        GlobalAvgPoolOp.Forward(gpu, lastMap, features!);
    }

    private Tensor Pool(Recorder gpu, LayerOutput x, Mode mode)
    {
        using var layer = gpu.Layer("maxpool");
        var y = gpu.NewTensor("y", PoolWindow.Pooled(x.Values.Shape), type: x.Values.Type);
        argmax = mode == Mode.Train ? MaxPoolOp.NewArgmax(gpu, y.Shape) : null;
        MaxPoolOp.Forward(gpu, x.Values, PoolWindow, y, argmax, x.OnLoad);
        return y;
    }

    private Tensor Map(Recorder gpu, Tensor x, string weight)
    {
        var y = gpu.NewTensor("mapped", new Shape(x.Shape[0], ModelSpec.Stored(Spec.ProjectionWidth)));
        LinearOp.Forward(gpu, x, Parameters.Value(weight), bias: null, y);
        return y;
    }

    private Tensor BackwardImageMap(Recorder gpu, Tensor dmapped)
    {
        LinearOp.BackwardWeight(gpu, features!, dmapped, Parameters.Gradient(ImageMap), working.AddsGradients);
        var dfeatures = gpu.NewTensor("dfeatures", features!.Shape);
        LinearOp.BackwardData(gpu, dmapped, Parameters.Value(ImageMap), dfeatures);
        return dfeatures;
    }

    // Elements before the head in the flat buffers: the backbone is declared first.
    private long HeadOffset => Parameters.Parameters.FirstOrDefault(p => !IsBackbone(p.Name))?.Offset ?? Parameters.FlatCount;

    private static bool HasProjector(ModelSpec spec) => spec.Head is HeadKind.Mlp or HeadKind.Linear;

    private static IEnumerable<ParameterSpec> HeadParameters(ModelSpec spec) => spec.Head switch
    {
        HeadKind.None => [],
        HeadKind.Clip => [
            ModelTensor.Linear(ImageMap, spec.FeatureWidth, spec.ProjectionWidth),
            ModelTensor.Linear(TextMap, spec.TextWidth, spec.ProjectionWidth),
            new(LogitScale, new Shape(1))],
        HeadKind.Classifier => Classifier.Parameters(spec),
        _ => Projector.Parameters(spec),
    };

    public void Dispose() => Parameters.Dispose();
}
