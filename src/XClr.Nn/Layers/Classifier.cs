using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Nn.Layers;

/// <summary>Features to class logits: torchvision's `fc`, a linear layer with bias, weight [K,F] and bias [K] for K classes.</summary>
internal sealed class Classifier(WorkingSet working)
{
    public const string Prefix = "fc.", Weight = "fc.weight", Bias = "fc.bias";

    private readonly ParameterSet parameters = working.Parameters;
    private Tensor? features;

    public static IEnumerable<ParameterSpec> Parameters(ModelSpec spec) =>
        [ModelTensor.Linear(Weight, spec.FeatureWidth, spec.ProjectionWidth), ModelTensor.Vector(Bias, spec.ProjectionWidth)];

    /// <summary>input: [M,F]; result: [M,K], written to <paramref name="logits"/>.</summary>
    public void Forward(Recorder gpu, Tensor input, Tensor logits)
    {
        using var layer = gpu.Layer("fc");
        features = input;
        LinearOp.Forward(gpu, features, parameters.Value(Weight), parameters.Value(Bias), logits);
    }

    /// <summary>dlogits: [M,K]. Returns the features' gradient [M,F].</summary>
    public Tensor Backward(Recorder gpu, Tensor dlogits)
    {
        using var layer = gpu.Layer("fc");
        LinearOp.BackwardWeight(gpu, features!, dlogits, parameters.Gradient(Weight), working.AddsGradients);
        LinearOp.BackwardBias(gpu, dlogits, parameters.Gradient(Bias), working.AddsGradients);
        var dfeatures = gpu.NewTensor("dfeatures", features!.Shape);
        LinearOp.BackwardData(gpu, dlogits, parameters.Value(Weight), dfeatures);
        return dfeatures;
    }
}
