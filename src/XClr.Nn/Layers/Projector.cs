using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Nn.Layers;

/// <summary>
/// Features to projections: `mlp` = Linear, BN, ReLU, Linear, BN without affine parameters (hidden width F); `linear` = one Linear. No biases, fp32 always.
/// Names are those of a torch Sequential: projector.0 .. projector.4.
/// </summary>
internal sealed class Projector(ModelSpec spec, WorkingSet working)
{
    public const string FirstWeight = "projector.0.weight", SecondWeight = "projector.3.weight";

    private readonly ParameterSet parameters = working.Parameters;
    private readonly bool mlp = spec.Head == HeadKind.Mlp;
    private Tensor? features, activated;
    private NormPass? hiddenPass, outputPass;

    public static IEnumerable<ParameterSpec> Parameters(ModelSpec spec) => spec.Head == HeadKind.Mlp
        ? [
            ModelTensor.Linear(FirstWeight, spec.FeatureWidth, spec.ProjectorHidden),
            ModelTensor.Vector("projector.1.weight", spec.ProjectorHidden), ModelTensor.Vector("projector.1.bias", spec.ProjectorHidden),
            ModelTensor.Linear(SecondWeight, spec.ProjectorHidden, spec.ProjectionWidth),
        ]
        : [ModelTensor.Linear(FirstWeight, spec.FeatureWidth, spec.ProjectionWidth)];

    public static IEnumerable<ParameterSpec> Buffers(ModelSpec spec) => spec.Head == HeadKind.Mlp
        ? [
            ModelTensor.Vector("projector.1.running_mean", spec.ProjectorHidden), ModelTensor.Vector("projector.1.running_var", spec.ProjectorHidden),
            ModelTensor.Vector("projector.4.running_mean", spec.ProjectionWidth), ModelTensor.Vector("projector.4.running_var", spec.ProjectionWidth),
        ]
        : [];

    private BatchNormState HiddenNorm => working.Norm("projector.1");

    private BatchNormState OutputNorm => working.Norm("projector.4", affine: false);

    /// <summary>features: [M,F]; result: [M,P], not normalised.</summary>
    public Tensor Forward(Recorder gpu, Tensor input, Mode mode)
    {
        using var layer = gpu.Layer("projector");
        var m = input.Shape[0];
        features = input;
        var first = gpu.NewTensor("projector.0", new Shape(m, ModelSpec.Stored(mlp ? spec.ProjectorHidden : spec.ProjectionWidth)));
        LinearOp.Forward(gpu, features, parameters.Value(FirstWeight), bias: null, first);
        if (!mlp)
        {
            return first;
        }
        activated = gpu.NewTensor("projector.2", first.Shape);
        var second = gpu.NewTensor("projector.3", new Shape(m, ModelSpec.Stored(spec.ProjectionWidth)));
        var normalized = gpu.NewTensor("projector.4", second.Shape);
        hiddenPass = Norm(gpu, first, HiddenNorm, activated, mode, relu: true);
        LinearOp.Forward(gpu, activated, parameters.Value(SecondWeight), bias: null, second);
        outputPass = Norm(gpu, second, OutputNorm, normalized, mode, relu: false);
        return normalized;
    }

    /// <summary>dy: [M,P], overwritten. Returns the features' gradient [M,F].</summary>
    public Tensor Backward(Recorder gpu, Tensor dy)
    {
        using var layer = gpu.Layer("projector");
        if (mlp)
        {
            BatchNormOp.Backward(gpu, dy, outputPass!, dy);
            LinearOp.BackwardWeight(gpu, activated!, dy, parameters.Gradient(SecondWeight), working.AddsGradients);
            var dhidden = gpu.NewTensor("dhidden", hiddenPass!.X.Shape);
            LinearOp.BackwardData(gpu, dy, parameters.Value(SecondWeight), dhidden);
            BatchNormOp.Backward(gpu, dhidden, hiddenPass, dhidden, parameters.Gradient("projector.1.weight"), parameters.Gradient("projector.1.bias"), working.AddsGradients);
            dy = dhidden;
        }
        LinearOp.BackwardWeight(gpu, features!, dy, parameters.Gradient(FirstWeight), working.AddsGradients);
        var dfeatures = gpu.NewTensor("dfeatures", features!.Shape);
        LinearOp.BackwardData(gpu, dy, parameters.Value(FirstWeight), dfeatures);
        return dfeatures;
    }

    // What backward needs; null in inference.
    private static NormPass? Norm(Recorder gpu, Tensor x, BatchNormState state, Tensor y, Mode mode, bool relu)
    {
        if (mode == Mode.Eval)
        {
            BatchNormOp.Infer(gpu, x, state, y, relu);
            return null;
        }
        var mean = gpu.NewTensor("mean", new Shape(x.Shape[1]));
        var invStd = gpu.NewTensor("inv_std", new Shape(x.Shape[1]));
        BatchNormOp.Forward(gpu, x, state, mean, invStd, y, relu);
        return new NormPass(x, state, mean, invStd, relu ? ReluMask.Recomputed : ReluMask.None);
    }
}
