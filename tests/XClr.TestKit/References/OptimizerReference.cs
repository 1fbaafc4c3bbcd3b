namespace XClr.TestKit.References;

/// <summary>
/// One parameter list under an optimiser in double precision, tensor by tensor, by the definitions of torch.optim (SGD, AdamW), of LARS as in SimCLR, and of
/// torch's clip_grad_norm_. Decay[t]: weight decay and LARS's adaptation apply to tensor t.
/// </summary>
public sealed class OptimizerReference(double[][] values, bool[] decays)
{
    private int updates;

    public double[][] Values { get; } = [.. values.Select(v => v.ToArray())];
    public double[][] First { get; } = [.. values.Select(v => new double[v.Length])];
    public double[][] Second { get; } = [.. values.Select(v => new double[v.Length])];

    /// <summary>Norm of all gradients; scales them in place to at most the norm given (0: not at all).</summary>
    public static double Clip(double[][] gradients, double most)
    {
        var norm = Math.Sqrt(gradients.Sum(g => g.Sum(x => x * x)));
        var factor = most > 0 ? Math.Min(1, most / (norm + 1e-6)) : 1;
        foreach (var gradient in gradients)
        {
            for (var i = 0; i < gradient.Length; i++)
            {
                gradient[i] *= factor;
            }
        }
        return norm;
    }

    public void Sgd(double[][] gradients, double lr, double momentum, double weightDecay, bool nesterov)
    {
        var first = updates++ == 0;
        Each((t, i) =>
        {
            var g = gradients[t][i] + (decays[t] ? weightDecay * Values[t][i] : 0);
            var v = First[t][i] = first ? g : (momentum * First[t][i]) + g;
            Values[t][i] -= lr * (nesterov ? g + (momentum * v) : v);
        });
    }

    public void Lars(double[][] gradients, double lr, double momentum, double weightDecay, double trust)
    {
        for (var t = 0; t < Values.Length; t++)
        {
            var g = gradients[t].Select((x, i) => x + (decays[t] ? weightDecay * Values[t][i] : 0)).ToArray();
            var (w, n) = (Norm(Values[t]), Norm(g));
            var ratio = decays[t] && w > 0 && n > 0 ? trust * w / n : 1;
            for (var i = 0; i < g.Length; i++)
            {
                First[t][i] = (momentum * First[t][i]) + (lr * ratio * g[i]);
                Values[t][i] -= First[t][i];
            }
        }
    }

    public void AdamW(double[][] gradients, double lr, double weightDecay, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
    {
        updates++;
        Each((t, i) =>
        {
            var g = gradients[t][i];
            Values[t][i] *= 1 - (decays[t] ? lr * weightDecay : 0);
            First[t][i] = (beta1 * First[t][i]) + ((1 - beta1) * g);
            Second[t][i] = (beta2 * Second[t][i]) + ((1 - beta2) * g * g);
            var denominator = (Math.Sqrt(Second[t][i]) / Math.Sqrt(1 - Math.Pow(beta2, updates))) + epsilon;
            Values[t][i] -= lr / (1 - Math.Pow(beta1, updates)) * First[t][i] / denominator;
        });
    }

    private static double Norm(double[] x) => Math.Sqrt(x.Sum(v => v * v));

    private void Each(Action<int, int> update)
    {
        for (var t = 0; t < Values.Length; t++)
        {
            for (var i = 0; i < Values[t].Length; i++)
            {
                update(t, i);
            }
        }
    }
}
