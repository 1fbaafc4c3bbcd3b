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
/// Convolution without bias, batch norm, and optionally a residual add and ReLU behind it. Forward in training keeps what backward needs:
/// the input, the convolution's output, its statistics, and the layer's output. Activations and their gradients are stored as the input is.
/// </summary>
internal sealed class ConvBnLayer(ConvBnSpec spec, WorkingSet working)
{
    private readonly int channels = ModelSpec.Stored(spec.OutChannels);
    private ConvGeometry geometry;
    private LayerOutput input;
    private Tensor? convolved, mean, invStd, y;
    private NormOnLoad? onLoad;
    private ReluMask mask;

    private Tensor Weight => working.Weight($"{spec.Conv}.weight");

    private BatchNormState Norm => working.Norm(spec.Norm);

    /// <summary>Whether this layer takes an input that is yet to be normalised.</summary>
    public bool NormalisesOnLoad(DeviceCaps caps) => Conv2dOp.NormalisesOnLoad(caps, spec.Kernel * spec.Kernel);

    /// <summary>
    /// x: [N,H,W,C]; residual and the result: [N,P,Q,K]. With <paramref name="defer"/> (training, no residual) the result is the convolution's output, and its normalisation is left to whoever loads it.
    /// </summary>
    public LayerOutput Forward(Recorder gpu, LayerOutput x, Mode mode, bool relu, LayerOutput? residual = null, bool defer = false)
    {
        using var layer = gpu.Layer(spec.Conv);
        var (n, h, w, c) = x.Values.Shape.AsNhwc();
        geometry = new ConvGeometry(n, h, w, c, channels, spec.Kernel, spec.Kernel, spec.Stride, spec.Pad);
        input = x;
        convolved = gpu.NewTensor("conv", geometry.Y, type: x.Values.Type);
        if (mode == Mode.Eval)
        {
            Conv2dOp.Forward(gpu, x.Values, Weight, convolved, geometry);
            BatchNormOp.Infer(gpu, convolved, Norm, convolved, relu, residual?.Values);
            return new(convolved);
        }
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
        BatchNormOp.Normalize(gpu, convolved, Norm, mean, invStd, y, relu, residual?.Values, residual?.OnLoad);
        return new(y);
    }

    private LayerOutput Deferred(Recorder gpu, Tensor values, Tensor mean, Tensor invStd, bool relu)
    {
        onLoad = new NormOnLoad(gpu.NewTensor("scale", new Shape(channels)), gpu.NewTensor("shift", new Shape(channels)), relu);
        BatchNormOp.ScaleShift(gpu, Norm, mean, invStd, onLoad.Scale, onLoad.Shift);
        (mask, y) = (relu ? ReluMask.OnLoad : ReluMask.None, null);
        return new(values, onLoad);
    }

    /// <summary>dy: [N,P,Q,K], overwritten. Writes the norm's parameter gradients; returns the gradient of the convolution's output, and with a residual that of the residual, in dy's memory.</summary>
    public Tensor BackwardNorm(Recorder gpu, Tensor dy, bool residual = false)
    {
        using var layer = gpu.Layer(spec.Conv);
        var dx = residual ? gpu.NewTensor("dconv", dy.Shape, type: dy.Type) : dy;
        BatchNormOp.Backward(gpu, dy, convolved!, Norm, mean!, invStd!, dx, mask, y, working.Parameters.Gradient($"{spec.Norm}.weight"), working.Parameters.Gradient($"{spec.Norm}.bias"),
            dresidual: residual ? dy : null, onLoad: mask == ReluMask.OnLoad ? onLoad : null);
        return dx;
    }

    /// <summary>Writes the weight's gradient from the gradient of the convolution's output.</summary>
    public void BackwardWeight(Recorder gpu, Tensor dconv)
    {
        using var layer = gpu.Layer(spec.Conv);
        Conv2dOp.BackwardWeight(gpu, input.Values, dconv, working.Parameters.Gradient($"{spec.Conv}.weight"), geometry, input.OnLoad);
    }

    /// <summary>The input's gradient, [N,H,W,C]: written to a new tensor, or added to <paramref name="sum"/>, which is then returned.</summary>
    public Tensor BackwardData(Recorder gpu, Tensor dconv, Tensor? sum = null)
    {
        using var layer = gpu.Layer(spec.Conv);
        var dx = sum ?? gpu.NewTensor("dx", input.Values.Shape, type: input.Values.Type);
        Conv2dOp.BackwardData(gpu, dconv, Weight, dx, geometry, accumulate: sum is not null);
        return dx;
    }
}
