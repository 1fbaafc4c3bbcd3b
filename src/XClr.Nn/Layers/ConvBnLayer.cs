using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Nn.Layers;

/// <summary>Whether batch statistics are computed and running statistics moved (Train), or the running ones applied (Eval).</summary>
public enum Mode
{
    Train,
    Eval,
}

/// <summary>What a layer hands on: [N,H,W,C], and the normalisation that whoever loads it must apply (null: it is finished).</summary>
internal readonly record struct LayerOutput(Tensor Values, NormOnLoad? OnLoad = null);

/// <summary>
/// The gradient of a layer's output [N,P,Q,K]. With Sums it is masked by the layer's ReLU already, and they are its batch norm's (<see cref="Conv2dOp.BackwardData"/>). With Every above 1 only the pixels whose row and
/// column are multiples of it are there; at the others it is zero, which is not written.
/// </summary>
internal readonly record struct LayerGradient(Tensor Values, Tensor? Sums = null, int Every = 1);

/// <summary>
/// Convolution without bias, batch norm, and optionally a residual add and ReLU behind it. Forward in training keeps what backward needs:
/// the input, the convolution's output, its statistics, and the layer's output. Activations and their gradients are stored as the input is.
/// </summary>
internal sealed class ConvBnLayer(ConvBnSpec spec, WorkingSet working)
{
    private readonly int channels = ModelSpec.Stored(spec.OutChannels);
    private ConvGeometry geometry;
    private LayerOutput input;
    private Tensor? convolved, mean, invStd, y, signs;
    private NormOnLoad? onLoad;
    private ReluMask mask;

    private Tensor Weight => working.Weight($"{spec.Conv}.weight");

    private BatchNormState Norm => working.Norm(spec.Norm);

    private (Tensor Gamma, Tensor Beta) NormGradients => (working.Parameters.Gradient($"{spec.Norm}.weight"), working.Parameters.Gradient($"{spec.Norm}.bias"));

    private NormPass Pass => new(convolved!, Norm, mean!, invStd!, mask, y, mask == ReluMask.OnLoad ? onLoad : null);

    /// <summary>Of the last forward pass in training, for the data gradient that is the gradient of this layer's output.</summary>
    public NormPass PassAbove => signs is null ? Pass : Pass with { Mask = ReluMask.FromSigns, Y = signs };

    /// <summary>Whether this layer takes an input that is yet to be normalised.</summary>
    public bool NormalisesOnLoad(DeviceCaps caps) => Conv2dOp.NormalisesOnLoad(caps, spec.Kernel * spec.Kernel, channels);

    /// <summary>
    /// x: [N,H,W,C]; residual (in inference overwritten) and the result: [N,P,Q,K]. With <paramref name="defer"/> (training, no residual) the result is the convolution's output, and its normalisation is left to whoever loads it.
    /// </summary>
    public LayerOutput Forward(Recorder gpu, LayerOutput x, Mode mode, bool relu, LayerOutput? residual = null, bool defer = false)
    {
        using var layer = gpu.Layer(spec.Conv);
        geometry = spec.Geometry(x.Values);
        input = x;
        if (mode == Mode.Eval)
        {
            return new(Infer(gpu, x.Values, relu, residual?.Values));
        }
        convolved = gpu.NewTensor("conv", geometry.Y, type: x.Values.Type);
        mean = gpu.NewTensor("mean", new Shape(channels));
        invStd = gpu.NewTensor("inv_std", new Shape(channels));
        var epilogue = new ConvEpilogue(gpu.NewTensor("partials", ConvEpilogue.PartialsShape(gpu.Caps, geometry), MemoryCategory.Workspace));
        Conv2dOp.Forward(gpu, x.Values, Weight, convolved, geometry, x.OnLoad, epilogue);
        BatchNormOp.Statistics(gpu, convolved, Norm, mean, invStd, epilogue.ToStatistics(gpu.Caps));
        if (defer)
        {
            return Deferred(gpu, convolved, mean, invStd, relu);
        }
        (mask, onLoad) = (!relu ? ReluMask.None : residual is null ? ReluMask.Recomputed : ReluMask.FromOutput, null);
        y = gpu.NewTensor("y", convolved.Shape, type: convolved.Type);
        signs = mask == ReluMask.FromOutput ? BatchNormOp.Signs(gpu, y) : null;
        BatchNormOp.Normalize(gpu, convolved, Norm, mean, invStd, y, relu, residual?.Values, residual?.OnLoad, signs);
        return new(y);
    }

    // The batch norm is folded into the convolution; what is added to it is overwritten by the result.
    private Tensor Infer(Recorder gpu, Tensor x, bool relu, Tensor? residual)
    {
        var norm = new NormOnStore(gpu.NewTensor("scale", new Shape(channels)), gpu.NewTensor("shift", new Shape(channels)), relu);
        BatchNormOp.InferScaleShift(gpu, Norm, norm.Scale, norm.Shift);
        var result = residual ?? gpu.NewTensor("y", geometry.Y, type: x.Type);
        Conv2dOp.Forward(gpu, x, Weight, result, geometry, accumulate: residual is not null, onStore: norm);
        return result;
    }

    private LayerOutput Deferred(Recorder gpu, Tensor values, Tensor mean, Tensor invStd, bool relu)
    {
        onLoad = new NormOnLoad(gpu.NewTensor("scale", new Shape(channels)), gpu.NewTensor("shift", new Shape(channels)), relu);
        BatchNormOp.ScaleShift(gpu, Norm, mean, invStd, onLoad.Scale, onLoad.Shift);
        (mask, y, signs) = (relu ? ReluMask.OnLoad : ReluMask.None, null, null);
        return new(values, onLoad);
    }

    /// <summary>dy: [N,P,Q,K], overwritten. Writes (or adds to) the norm's parameter gradients; returns the gradient of the convolution's output, and with a residual that of the residual, in dy's memory.</summary>
    public Tensor BackwardNorm(Recorder gpu, LayerGradient dy, bool residual = false)
    {
        using var layer = gpu.Layer(spec.Conv);
        var values = dy.Values;
        var dx = residual ? gpu.NewTensor("dconv", values.Shape, type: values.Type) : values;
        var (dgamma, dbeta) = NormGradients;
        if (dy.Sums is { } sums)
        {
            BatchNormOp.BackwardFromSums(gpu, values, Pass, sums, dx, dgamma, dbeta, working.AddsGradients);
            return dx;
        }
        BatchNormOp.Backward(gpu, values, Pass, dx, dgamma, dbeta, working.AddsGradients, dresidual: residual ? values : null);
        return dx;
    }

    /// <summary>As <see cref="BackwardNorm"/> for a layer that was left to a max pool to normalise. dy: the pooled image's gradient.</summary>
    public Tensor BackwardPooledNorm(Recorder gpu, Tensor dy, Tensor argmax, PoolWindow window)
    {
        using var layer = gpu.Layer(spec.Conv);
        var dx = gpu.NewTensor("dconv", convolved!.Shape, type: convolved.Type);
        var (dgamma, dbeta) = NormGradients;
        MaxPoolOp.Backward(gpu, dy, argmax, window, Pass, dx, dgamma, dbeta, working.AddsGradients);
        return dx;
    }

    /// <summary>Writes (or adds to) the weight's gradient from the gradient of the convolution's output.</summary>
    public void BackwardWeight(Recorder gpu, Tensor dconv)
    {
        using var layer = gpu.Layer(spec.Conv);
        Conv2dOp.BackwardWeight(gpu, input.Values, dconv, working.Parameters.Gradient($"{spec.Conv}.weight"), geometry, input.OnLoad, working.AddsGradients);
    }

    /// <summary>
    /// <see cref="BackwardWeight"/> and the input's gradient, [N,H,W,C]: written to a new tensor, or added to <paramref name="sum"/>, which is then returned. It is the last of the gradient of the output of what has the pass
    /// <paramref name="below"/>, where that is given. With <paramref name="sparse"/> what a strided 1x1 convolution does not read is left out (<see cref="LayerGradient.Every"/>).
    /// </summary>
    public LayerGradient Backward(Recorder gpu, Tensor dconv, LayerGradient? sum = null, NormPass? below = null, bool sparse = false)
    {
        using var layer = gpu.Layer(spec.Conv);
        var dx = sum?.Values ?? gpu.NewTensor("dx", input.Values.Shape, type: input.Values.Type);
        var every = sparse ? geometry.ReachedEvery : 1;
        var sums = Conv2dOp.Backward(gpu, input.Values, dconv, Weight, dx, working.Parameters.Gradient($"{spec.Conv}.weight"), geometry, input.OnLoad, addEvery: sum?.Every ?? 0, working.AddsGradients, below,
            leaveUnreached: every > 1);
        return new(dx, sums, every);
    }
}
