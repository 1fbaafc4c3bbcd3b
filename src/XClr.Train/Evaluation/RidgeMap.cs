using System.Numerics.Tensors;
using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using Tensor = XClr.Nn.Tensor;

namespace XClr.Train.Evaluation;

/// <summary>
/// Ridge regression from standardised image features, with an intercept, to text embeddings, in closed form: W = (Sxx + lambda n I)^-1 Sxt on centred sums. Places images in the text space for
/// networks that do not do it themselves (X-CLR, SimCLR, SupCon).
/// </summary>
/// <param name="Map">Features to text space.</param>
/// <param name="Lambda">Chosen on a seeded fifth of the training rows, by the mean cosine of predicted and true embeddings.</param>
/// <param name="HeldOutCosine">That mean cosine.</param>
public sealed record RidgeMap(AffineMap Map, double Lambda, double HeldOutCosine)
{
    /// <summary>Values of lambda that are tried.</summary>
    public static IReadOnlyList<double> Lambdas { get; } = [1e-4, 1e-3, 1e-2, 1e-1, 1];

    /// <summary>Rows that a fit needs, so that a fifth of them is one.</summary>
    public const int FewestRows = 5;

    // Sums over n rows: of x, of t, of x x^T [F,F] and of x t^T [F,D].
    private sealed record Sums(int Count, double[] X, double[] T, double[] Xx, double[] Xt);

    /// <summary>Fits on features [n,F] and embeddings [n,D]; <see cref="FewestRows"/> at least.</summary>
    public static RidgeMap FitBest(GpuDevice device, RowMatrix x, RowMatrix t, CancellationToken stop)
    {
        var order = Enumerable.Range(0, x.Count).ToArray();
        var standardizer = Standardizer.Of(x, order);
        new Random(0).Shuffle(order);
        var (held, fitted) = (order[..(order.Length / 5)], order[(order.Length / 5)..]);
        var sums = SumsOf(device, x, t, fitted, standardizer);
        var (heldX, heldT) = (x.Choose(held), t.Choose(held));
        var (best, bestCosine) = (Lambdas[0], double.NegativeInfinity);
        foreach (var lambda in Lambdas)
        {
            stop.ThrowIfCancellationRequested();
            var cosine = MeanCosine(Solve(sums, standardizer, lambda).Apply(device, heldX, stop), heldT);
            (best, bestCosine) = cosine > bestCosine ? (lambda, cosine) : (best, bestCosine);
        }
        return new RidgeMap(Solve(Add(sums, SumsOf(device, x, t, held, standardizer)), standardizer, best), best, bestCosine);
    }

    /// <summary>Fits with one lambda.</summary>
    public static AffineMap Fit(GpuDevice device, RowMatrix x, RowMatrix t, double lambda)
    {
        int[] all = [.. Enumerable.Range(0, x.Count)];
        var standardizer = Standardizer.Of(x, all);
        return Solve(SumsOf(device, x, t, all, standardizer), standardizer, lambda);
    }

    private static double MeanCosine(RowMatrix predicted, RowMatrix wanted) =>
        Enumerable.Range(0, wanted.Count).Average(i => TensorPrimitives.Norm(predicted[i]) > 0 && TensorPrimitives.Norm(wanted[i]) > 0 ? TensorPrimitives.CosineSimilarity(predicted[i], wanted[i]) : 0);

    private static Sums Add(Sums a, Sums b)
    {
        static double[] Plus(double[] x, double[] y) => [.. x.Zip(y, (p, q) => p + q)];
        return new Sums(a.Count + b.Count, Plus(a.X, b.X), Plus(a.T, b.T), Plus(a.Xx, b.Xx), Plus(a.Xt, b.Xt));
    }

    // The products over rows are weight gradients: x^T x and x^T t, on the device; their sums over blocks are in double precision.
    private static Sums SumsOf(GpuDevice device, RowMatrix x, RowMatrix t, int[] chosen, Standardizer standardizer)
    {
        var (f, d) = (ModelSpec.Stored(x.Width), ModelSpec.Stored(t.Width));
        using var xs = new RowBlocks(device, x, chosen, standardizer);
        var (xx, xt) = (Tensor.Persistent("gram", new Shape(f, f), MemoryCategory.Outputs), Tensor.Persistent("cross", new Shape(f, d), MemoryCategory.Outputs));
        var sums = new Sums(chosen.Length, new double[f], new double[d], new double[(long)f * f], new double[(long)f * d]);
        try
        {
            foreach (var block in xs.Blocks)
            {
                using var ts = new RowBlocks(device, t, chosen.AsSpan(block.First, block.Count).ToArray(), Standardizer.None(t.Width));
                xs.Load(block);
                // Texts are narrower than features or of their order; a block of them may still be cut.
                foreach (var part in ts.Blocks)
                {
                    ts.Load(part);
                    AddProducts(device, xs.Rows(block.Count), ts.Rows(part.Count), part, (xx, xt), sums);
                }
            }
        }
        finally
        {
            xx.View.Buffer.Dispose();
            xt.View.Buffer.Dispose();
        }
        var row = new float[x.Width];
        foreach (var i in chosen)
        {
            standardizer.Apply(x[i], row);
            AddTo(sums.X, row);
            AddTo(sums.T, t[i]);
        }
        return sums;
    }

    private static void AddProducts(GpuDevice device, Tensor x, Tensor t, RowBlock part, (Tensor Xx, Tensor Xt) products, Sums sums)
    {
        var rows = x.Rows(part.First, part.Count);
        using (var plan = Plan.Build(device, device.Record(gpu =>
        {
            LinearOp.BackwardWeight(gpu, rows, rows, products.Xx);
            LinearOp.BackwardWeight(gpu, rows, t, products.Xt);
        })))
        {
            plan.Run();
        }
        AddTo(sums.Xx, device.Transfer.Download(products.Xx, sums.Xx.Length));
        AddTo(sums.Xt, device.Transfer.Download(products.Xt, sums.Xt.Length));
    }

    private static void AddTo(double[] sum, ReadOnlySpan<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            sum[i] += values[i];
        }
    }

    private static AffineMap Solve(Sums s, Standardizer standardizer, double lambda)
    {
        var (width, f, d) = (standardizer.Shift.Length, s.X.Length, s.T.Length);
        var (a, b) = (new double[width][], new double[width][]);
        Parallel.For(0, width, i =>
        {
            a[i] = [.. Enumerable.Range(0, width).Select(j => s.Xx[i * f + j] - (s.X[i] * s.X[j] / s.Count) + (i == j ? lambda * s.Count : 0))];
            b[i] = [.. Enumerable.Range(0, d).Select(j => s.Xt[i * d + j] - (s.X[i] * s.T[j] / s.Count))];
        });
        Cholesky.Solve(a, b);
        var (weight, bias) = (new float[f * d], new float[d]);
        for (var j = 0; j < d; j++)
        {
            bias[j] = (float)((s.T[j] - Enumerable.Range(0, width).Sum(i => s.X[i] * b[i][j])) / s.Count);
        }
        for (var i = 0; i < width; i++)
        {
            for (var j = 0; j < d; j++)
            {
                weight[i * d + j] = (float)b[i][j];
            }
        }
        return new AffineMap(standardizer, weight, bias, d);
    }
}
