using System.Numerics.Tensors;

namespace XClr.Train.Evaluation;

/// <summary>Limited-memory BFGS (Nocedal and Wright, algorithm 7.5) with a weak Wolfe line search by bisection (Lewis and Overton), for smooth functions computed in fp32.</summary>
internal static class Lbfgs
{
    private const int Memory = 10, MostTrials = 25;
    private const double Decrease = 1e-4, Curvature = 0.9;

    // The values stand still where this many iterations lowered them by less than this, relative to them: what fp32 can tell.
    private const int Patience = 10;
    private const double Still = 1e-6;

    // A value's own rounding in fp32, relative to it: a smaller increase is none.
    private const double Noise = 1e-7;

    /// <summary>Where it ended. Converged: the gradient's largest entry is within the tolerance, or the values stand still.</summary>
    public sealed record Outcome(double[] Point, int Iterations, bool Converged);

    /// <summary>A point's value and gradient.</summary>
    public delegate (double Value, double[] Gradient) Function(double[] point);

    private sealed record State(double[] Point, double Value, double[] Gradient);

    /// <summary>Minimises from a start until no entry of the gradient exceeds <paramref name="tolerance"/>, the values stand still, no step helps, or after <paramref name="most"/> iterations.</summary>
    public static Outcome Minimize(Function function, double[] start, double tolerance, int most, CancellationToken stop)
    {
        var pairs = new List<(double[] Step, double[] Change, double Product)>();
        var (value, gradient) = function(start);
        var at = new State(start, value, gradient);
        var earlier = new Queue<double>();
        for (var iteration = 0; ; iteration++)
        {
            stop.ThrowIfCancellationRequested();
            earlier.Enqueue(at.Value);
            var still = earlier.Count > Patience && earlier.Dequeue() - at.Value <= Still * Math.Abs(at.Value);
            if (still || Math.Abs(TensorPrimitives.MaxMagnitude<double>(at.Gradient)) <= tolerance)
            {
                return new Outcome(at.Point, iteration, Converged: true);
            }
            var next = iteration == most ? null : Search(function, at, Direction(at.Gradient, pairs), pairs.Count == 0);
            if (next is null && pairs.Count > 0 && iteration < most)
            {
                // The remembered curvature misleads: begin again from the gradient.
                pairs.Clear();
                next = Search(function, at, Direction(at.Gradient, pairs), first: true);
            }
            if (next is null)
            {
                return new Outcome(at.Point, iteration, Converged: false);
            }
            Remember(pairs, at, next);
            at = next;
        }
    }

    private static void Remember(List<(double[] Step, double[] Change, double Product)> pairs, State from, State to)
    {
        var (step, change) = (new double[from.Point.Length], new double[from.Point.Length]);
        TensorPrimitives.Subtract<double>(to.Point, from.Point, step);
        TensorPrimitives.Subtract<double>(to.Gradient, from.Gradient, change);
        var product = TensorPrimitives.Dot<double>(step, change);
        if (product <= 1e-12 * TensorPrimitives.Dot<double>(change, change))
        {
            return;
        }
        pairs.Add((step, change, product));
        if (pairs.Count > Memory)
        {
            pairs.RemoveAt(0);
        }
    }

    private static double[] Direction(double[] gradient, List<(double[] Step, double[] Change, double Product)> pairs)
    {
        var direction = new double[gradient.Length];
        TensorPrimitives.Negate<double>(gradient, direction);
        var alphas = new double[pairs.Count];
        for (var i = pairs.Count - 1; i >= 0; i--)
        {
            alphas[i] = TensorPrimitives.Dot<double>(pairs[i].Step, direction) / pairs[i].Product;
            TensorPrimitives.MultiplyAdd<double>(pairs[i].Change, -alphas[i], direction, direction);
        }
        if (pairs is [.., var last])
        {
            TensorPrimitives.Multiply(direction, last.Product / TensorPrimitives.Dot<double>(last.Change, last.Change), direction);
        }
        for (var i = 0; i < pairs.Count; i++)
        {
            var beta = TensorPrimitives.Dot<double>(pairs[i].Change, direction) / pairs[i].Product;
            TensorPrimitives.MultiplyAdd<double>(pairs[i].Step, alphas[i] - beta, direction, direction);
        }
        return direction;
    }

    // Null where no step along the direction lowers the value.
    private static State? Search(Function function, State at, double[] direction, bool first)
    {
        var slope = TensorPrimitives.Dot<double>(at.Gradient, direction);
        if (slope >= 0)
        {
            return null;
        }
        var (low, high, size) = (0.0, double.PositiveInfinity, first ? Math.Min(1, 1 / TensorPrimitives.Norm<double>(direction)) : 1);
        State? best = null;
        for (var trial = 0; trial < MostTrials; trial++)
        {
            var point = new double[direction.Length];
            TensorPrimitives.MultiplyAdd<double>(direction, size, at.Point, point);
            var (value, gradient) = function(point);
            if (!(value <= at.Value + (Decrease * size * slope) + (Noise * Math.Abs(at.Value))))
            {
                high = size;
            }
            else
            {
                best = new State(point, value, gradient);
                if (TensorPrimitives.Dot<double>(gradient, direction) >= Curvature * slope)
                {
                    return best;
                }
                low = size;
            }
            size = double.IsInfinity(high) ? 2 * low : (low + high) / 2;
        }
        return best;
    }
}
