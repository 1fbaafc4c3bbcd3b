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

/// <summary>
/// Convolution without bias, batch norm, and optionally a residual add and ReLU behind it. Forward in training keeps what backward needs:
/// the input, the convolution's output, its statistics, and the layer's output. Activations and their gradients are stored as the input is.
/// </summary>
internal sealed class ConvBnLayer(ConvBnSpec spec, WorkingSet working)
{
    private readonly int channels = ModelSpec.Stored(spec.OutChannels);
    private ConvGeometry geometry;
    private Tensor? x, convolved, mean, invStd, y;
    private ReluMask mask;

    private Tensor Weight => working.Weight($"{spec.Conv}.weight");

    private BatchNormState Norm => working.Norm(spec.Norm);

    /// <summary>x: [N,H,W,C]; residual and the result: [N,P,Q,K].</summary>
    public Tensor Forward(Recorder gpu, Tensor input, Mode mode, bool relu, Tensor? residual = null)
    {
        using var layer = gpu.Layer(spec.Conv);
        var (n, h, w, c) = input.Shape.AsNhwc();
        geometry = new ConvGeometry(n, h, w, c, channels, spec.Kernel, spec.Kernel, spec.Stride, spec.Pad);
        x = input;
        convolved = gpu.NewTensor("conv", geometry.Y, type: x.Type);
        if (mode == Mode.Eval)
        {
            Conv2dOp.Forward(gpu, x, Weight, convolved, geometry);
            BatchNormOp.Infer(gpu, convolved, Norm, convolved, relu, residual);
            return convolved;
        }
        mask = !relu ? ReluMask.None : residual is null ? ReluMask.Recomputed : ReluMask.FromOutput;
        mean = gpu.NewTensor("mean", new Shape(channels));
        invStd = gpu.NewTensor("inv_std", new Shape(channels));
        y = gpu.NewTensor("y", convolved.Shape, type: x.Type);
        var epilogue = new ConvEpilogue(gpu.NewTensor("partials", ConvEpilogue.PartialsShape(gpu.Caps, geometry), MemoryCategory.Workspace));
        Conv2dOp.Forward(gpu, x, Weight, convolved, geometry, epilogue: epilogue);
        BatchNormOp.Forward(gpu, convolved, Norm, mean, invStd, y, relu, residual, epilogue.ToStatistics(gpu.Caps));
        return y;
    }

    /// <summary>dy: [N,P,Q,K], overwritten. Writes the norm's parameter gradients; returns the gradient of the convolution's output, and with a residual that of the residual, in dy's memory.</summary>
    public Tensor BackwardNorm(Recorder gpu, Tensor dy, bool residual = false)
    {
        using var layer = gpu.Layer(spec.Conv);
        var dx = residual ? gpu.NewTensor("dconv", dy.Shape, type: dy.Type) : dy;
        BatchNormOp.Backward(gpu, dy, convolved!, Norm, mean!, invStd!, dx, mask, y, working.Parameters.Gradient($"{spec.Norm}.weight"), working.Parameters.Gradient($"{spec.Norm}.bias"),
            dresidual: residual ? dy : null);
        return dx;
    }

    /// <summary>Writes the weight's gradient from the gradient of the convolution's output.</summary>
    public void BackwardWeight(Recorder gpu, Tensor dconv)
    {
        using var layer = gpu.Layer(spec.Conv);
        Conv2dOp.BackwardWeight(gpu, x!, dconv, working.Parameters.Gradient($"{spec.Conv}.weight"), geometry);
    }

    /// <summary>The input's gradient, [N,H,W,C]: written to a new tensor, or added to <paramref name="sum"/>, which is then returned.</summary>
    public Tensor BackwardData(Recorder gpu, Tensor dconv, Tensor? sum = null)
    {
        using var layer = gpu.Layer(spec.Conv);
        var dx = sum ?? gpu.NewTensor("dx", x!.Shape, type: x.Type);
        Conv2dOp.BackwardData(gpu, dconv, Weight, dx, geometry, accumulate: sum is not null);
        return dx;
    }
}
