using System.Numerics.Tensors;
using XClr.Gpu;
using XClr.Nn.Models;

namespace XClr.Train.Evaluation;

/// <summary>A fitted probe. Penalty: lambda of the mean loss + lambda / 2 |W|^2; scikit-learn's C is 1 / (lambda n).</summary>
public sealed record ProbeFit(AffineMap Map, double Penalty, int Iterations, bool Converged);

/// <summary>The protocol `linear`: L2-penalised logistic regression on standardised features, to convergence; the bias is not penalised.</summary>
public static class LinearProbe
{
    /// <summary>Largest entry of the mean loss's gradient at the end.</summary>
    public const double Tolerance = 1e-5;

    private const int MostIterations = 1000;

    /// <summary>Penalties that are tried, the strongest first: each start is the solution before it.</summary>
    public static IReadOnlyList<double> Penalties { get; } = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5];

    /// <summary>Chooses the penalty on a seeded tenth of the rows (of equally good ones the strongest), then fits all of them with it. Fewer than ten rows take the middle penalty.</summary>
    public static ProbeFit FitBest(GpuDevice device, RowMatrix x, int[] chosen, int[] labels, int classes, CancellationToken stop)
    {
        var order = (int[])chosen.Clone();
        new Random(0).Shuffle(order);
        var (held, fitted) = (order[..(order.Length / 10)], order[(order.Length / 10)..]);
        var (best, bestHits, start) = (Penalties[Penalties.Count / 2], -1, (double[]?)null);
        if (held.Length > 0)
        {
            var heldRows = x.Choose(held);
            foreach (var (fit, point) in Path(device, x, fitted, labels, classes, stop))
            {
                var logits = fit.Map.Apply(device, heldRows, stop);
                var hits = held.Where((row, i) => TensorPrimitives.IndexOfMax(logits[i]) == labels[row]).Count();
                (best, bestHits, start) = hits > bestHits ? (fit.Penalty, hits, point) : (best, bestHits, start);
            }
        }
        return Fit(device, x, chosen, labels, classes, best, stop, start);
    }

    /// <summary>Fits with one penalty, from a point near the solution where one is known.</summary>
    public static ProbeFit Fit(GpuDevice device, RowMatrix x, int[] chosen, int[] labels, int classes, double penalty, CancellationToken stop, double[]? start = null)
    {
        var standardizer = Standardizer.Of(x, chosen);
        using var problem = new SoftmaxRegression(device, x, chosen, labels, classes, standardizer);
        return Solve(problem, standardizer, start ?? new double[problem.PointLength], classes, penalty, stop).Fit;
    }

    /// <summary>Probabilities of the classes for features [m,F]: [m,K].</summary>
    public static RowMatrix Probabilities(GpuDevice device, AffineMap map, RowMatrix features, CancellationToken stop)
    {
        var logits = map.Apply(device, features, stop);
        var all = new RowMatrix(map.Outputs);
        var row = new float[map.Outputs];
        for (var i = 0; i < logits.Count; i++)
        {
            TensorPrimitives.SoftMax(logits[i], row);
            all.Add(row);
        }
        return all;
    }

    private static IEnumerable<(ProbeFit Fit, double[] Point)> Path(GpuDevice device, RowMatrix x, int[] chosen, int[] labels, int classes, CancellationToken stop)
    {
        var standardizer = Standardizer.Of(x, chosen);
        using var problem = new SoftmaxRegression(device, x, chosen, labels, classes, standardizer);
        var point = new double[problem.PointLength];
        foreach (var penalty in Penalties)
        {
            (var fit, point) = Solve(problem, standardizer, point, classes, penalty, stop);
            yield return (fit, point);
        }
    }

    private static (ProbeFit Fit, double[] Point) Solve(SoftmaxRegression problem, Standardizer standardizer, double[] start, int classes, double penalty, CancellationToken stop)
    {
        var end = Lbfgs.Minimize(p => problem.Evaluate(p, penalty), start, Tolerance, MostIterations, stop);
        var biases = ModelSpec.Stored(classes);
        var single = Array.ConvertAll(end.Point, v => (float)v);
        return (new ProbeFit(new AffineMap(standardizer, single[..^biases], single[^biases..], classes), penalty, end.Iterations, end.Converged), end.Point);
    }
}
