using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Nn.Layers;

/// <summary>The last layer of a block, as <see cref="ConvBnLayer"/> in training, where the output of its 1x1 convolution is not stored (<see cref="MomentNormOp"/>).</summary>
internal sealed class MomentConvBnLayer(ConvBnSpec spec, WorkingSet working)
{
    private readonly string weight = $"{spec.Conv}.weight";
    private MomentNormPass? pass;

    /// <summary>Of the last forward pass, for the data gradient that is the gradient of this layer's output.</summary>
    public NormPass PassAbove => pass!.Above;

    /// <summary>Whether this layer takes the place of the other one for such an input, residual, and ReLU <paramref name="below"/> x.</summary>
    public bool IsTaken(Recorder gpu, LayerOutput x, LayerOutput residual, ReluMask below) =>
        x.OnLoad is null && MomentNormOp.IsTaken(gpu, new(spec.Geometry(x.Values), x.Values.Type, residual.OnLoad is null ? ResidualKind.AsIs : ResidualKind.Normalised), below);

    /// <summary>x: [N,H,W,C]; residual and the result: [N,H,W,K].</summary>
    public Tensor Forward(Recorder gpu, Tensor x, LayerOutput residual)
    {
        using var layer = gpu.Layer(spec.Conv);
        var geometry = spec.Geometry(x);
        var y = gpu.NewTensor("y", geometry.Y, type: x.Type);
        pass = MomentNormOp.Forward(gpu, x, working.Weight(weight), working.Norm(spec.Norm), residual.Values, residual.OnLoad, y, geometry);
        return y;
    }

    /// <summary>dy: [N,H,W,K], masked by the ReLU afterwards, as the residual's gradient is. Writes (or adds to) the parameters' gradients; returns the input's, [N,H,W,C], which is the gradient of the output of what has the pass <paramref name="below"/>.</summary>
    public LayerGradient Backward(Recorder gpu, LayerGradient dy, NormPass below)
    {
        using var layer = gpu.Layer(spec.Conv);
        var sums = dy.Sums ?? BatchNormOp.MaskGradient(gpu, dy.Values, PassAbove);
        var dx = gpu.NewTensor("dx", pass!.X.Shape, type: pass.X.Type);
        Tensor Gradient(string name) => working.Parameters.Gradient(name);
        return new(dx, MomentNormOp.Backward(gpu, pass, dy.Values, sums, dx, Gradient(weight), Gradient($"{spec.Norm}.weight"), Gradient($"{spec.Norm}.bias"), working.AddsGradients, below));
    }
}
