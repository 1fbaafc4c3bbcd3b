using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Nn.Layers;

/// <summary>y = relu(main(x) + identity(x)), identity = x or a strided 1x1 projection of it.</summary>
internal sealed class ResidualBlock(BlockSpec spec, WorkingSet working)
{
    private readonly ConvBnLayer[] main = [.. spec.Main.Select(s => new ConvBnLayer(s, working))];
    private readonly ConvBnLayer? downsample = spec.Downsample is { } d ? new ConvBnLayer(d, working) : null;

    // In the place of the last of main where that pays.
    private readonly MomentConvBnLayer ofMoments = new(spec.Main[^1], working);
    private bool takesMoments;

    /// <summary>Of the last forward pass in training, for the data gradient that is the gradient of the block's output.</summary>
    public NormPass PassAbove => takesMoments ? ofMoments.PassAbove : main[^1].PassAbove;

    /// <summary>x: [N,H,W,C]; result: [N,P,Q,K].</summary>
    public Tensor Forward(Recorder gpu, Tensor x, Mode mode)
    {
        var hidden = new LayerOutput(x);
        var identity = downsample?.Forward(gpu, hidden, mode, relu: false, defer: true) ?? hidden;
        for (var i = 0; i < main.Length - 1; i++)
        {
            hidden = main[i].Forward(gpu, hidden, mode, relu: true, defer: main[i + 1].NormalisesOnLoad(gpu.Caps));
        }
        takesMoments = mode == Mode.Train && ofMoments.IsTaken(gpu, hidden, identity, main[^2].PassAbove.Mask);
        return takesMoments ? ofMoments.Forward(gpu, hidden.Values, identity) : main[^1].Forward(gpu, hidden, mode, relu: true, identity).Values;
    }

    /// <summary>dy: [N,P,Q,K], overwritten. Returns dx: [N,H,W,C], the gradient of the output of what has the pass <paramref name="below"/> (null: of something else than a layer).</summary>
    public LayerGradient Backward(Recorder gpu, LayerGradient dy, NormPass? below)
    {
        var hidden = takesMoments
            ? ofMoments.Backward(gpu, dy, main[^2].PassAbove)
            : main[^1].Backward(gpu, main[^1].BackwardNorm(gpu, dy, residual: true), below: main[^2].PassAbove);
        for (var i = main.Length - 2; i > 0; i--)
        {
            hidden = main[i].Backward(gpu, main[i].BackwardNorm(gpu, hidden), below: main[i - 1].PassAbove);
        }
        return main[0].Backward(gpu, main[0].BackwardNorm(gpu, hidden), sum: IdentityGradient(gpu, new(dy.Values)), below);
    }

    private LayerGradient IdentityGradient(Recorder gpu, LayerGradient didentity) =>
        downsample is null ? didentity : downsample.Backward(gpu, downsample.BackwardNorm(gpu, didentity), sparse: true);
}
