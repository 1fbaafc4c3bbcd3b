using XClr.Gpu;
using XClr.Nn.Models;

namespace XClr.Nn.Layers;

/// <summary>y = relu(main(x) + identity(x)), identity = x or a strided 1x1 projection of it.</summary>
internal sealed class ResidualBlock(BlockSpec spec, WorkingSet working)
{
    private readonly ConvBnLayer[] main = [.. spec.Main.Select(s => new ConvBnLayer(s, working))];
    private readonly ConvBnLayer? downsample = spec.Downsample is { } d ? new ConvBnLayer(d, working) : null;

    /// <summary>The layer whose output is the block's.</summary>
    public ConvBnLayer Last => main[^1];

    /// <summary>x: [N,H,W,C]; result: [N,P,Q,K].</summary>
    public Tensor Forward(Recorder gpu, Tensor x, Mode mode)
    {
        var hidden = new LayerOutput(x);
        var identity = downsample?.Forward(gpu, hidden, mode, relu: false, defer: true) ?? hidden;
        for (var i = 0; i < main.Length - 1; i++)
        {
            hidden = main[i].Forward(gpu, hidden, mode, relu: true, defer: main[i + 1].NormalisesOnLoad(gpu.Caps));
        }
        return main[^1].Forward(gpu, hidden, mode, relu: true, identity).Values;
    }

    /// <summary>dy: [N,P,Q,K], overwritten. Returns dx: [N,H,W,C], the gradient of the output of <paramref name="below"/> (null: of something else than a layer).</summary>
    public LayerGradient Backward(Recorder gpu, LayerGradient dy, ConvBnLayer? below)
    {
        var gradient = main[^1].BackwardNorm(gpu, dy, residual: true);
        for (var i = main.Length - 1; i > 0; i--)
        {
            gradient = main[i - 1].BackwardNorm(gpu, main[i].Backward(gpu, gradient, below: main[i - 1]));
        }
        return main[0].Backward(gpu, gradient, sum: IdentityGradient(gpu, new(dy.Values)), below);
    }

    private LayerGradient IdentityGradient(Recorder gpu, LayerGradient didentity) =>
        downsample is null ? didentity : downsample.Backward(gpu, downsample.BackwardNorm(gpu, didentity), sparse: true);
}
