using System.Numerics.Tensors;
using XClr.Nn;
using XClr.Train.Evaluation;
using Xunit.Abstractions;

namespace XClr.Train.Tests.Evaluation;

/// <summary>k-NN, linear probe and ridge map on the device against scikit-learn's in double precision (tests/Golden/evaluation_golden.py).</summary>
public sealed class ScikitLearnTests : IDisposable
{
    private const int Features = 37, Classes = 7, TextWidth = 10;
    private readonly ITestOutputHelper output;
    private readonly SafetensorsFile golden = GoldenFile.Open("evaluation.safetensors");
    private readonly RowMatrix x, queries;
    private readonly int[] labels, queryLabels;

    public ScikitLearnTests(ITestOutputHelper output)
    {
        this.output = output;
        (x, queries) = (RowMatrix.Of(golden.ReadFloat32("x"), Features), RowMatrix.Of(golden.ReadFloat32("queries"), Features));
        (labels, queryLabels) = ([.. golden.ReadInt64("labels").Select(l => (int)l)], [.. golden.ReadInt64("query_labels").Select(l => (int)l)]);
    }

    public void Dispose() => golden.Dispose();

    // Cosines are sums of 37 products in fp32; shares of votes follow them with a factor of 10.
    [SkippableTheory, EachDevice]
    public void Knn_is_the_same_but_for_ties(string device)
    {
        var want = golden.ReadFloat64("knn_shares");
        var got = OnDevice(device, d => KnnClassifier.Votes(d, x, labels, Classes, queries, k: 20));
        var close = 0;
        for (var i = 0; i < queries.Count; i++)
        {
            var row = want.AsSpan(i * Classes, Classes).ToArray();
            var (first, second) = (row.Max(), row.Order().ElementAt(Classes - 2));
            close += first - second < 1e-5 ? 1 : 0;
            Assert.True(first - second < 1e-5 || Array.IndexOf(row, first) == TensorPrimitives.IndexOfMax(got[i]), $"query {i}: class {TensorPrimitives.IndexOfMax(got[i])} instead of {Array.IndexOf(row, first)}");
            for (var c = 0; c < Classes; c++)
            {
                Assert.Equal(row[c], got[i][c], 1e-5);
            }
        }
        output.WriteLine($"{close} of {queries.Count} queries have two votes within 1e-5 of each other");
    }

    // Both are at the optimum of the same convex function: scikit-learn to 1e-10 of its gradient, this one to 1e-5 of the mean's in fp32.
    [SkippableTheory, EachDevice]
    public void The_linear_probe_finds_the_same_optimum(string device)
    {
        var want = golden.ReadFloat64("linear_probabilities");
        int[] all = [.. Enumerable.Range(0, x.Count)];
        var (fit, got) = OnDevice(device, d =>
        {
            var fit = LinearProbe.Fit(d, x, all, labels, Classes, 1e-3, default);
            return (fit, LinearProbe.Probabilities(d, fit.Map, queries, default));
        });
        Assert.True(fit.Converged, $"after {fit.Iterations} iterations");
        for (var i = 0; i < want.Length; i++)
        {
            Assert.Equal(want[i], got[i / Classes][i % Classes], 2e-3);
        }
        var (ours, theirs) = (Hits(i => TensorPrimitives.IndexOfMax(got[i])), Hits(i => Array.IndexOf(want, want.AsSpan(i * Classes, Classes).ToArray().Max(), i * Classes) - (i * Classes)));
        Assert.InRange(ours - theirs, -0.005, 0.005);
    }

    // Rows in blocks: what comes from the host and what stayed on the device are the same numbers; another order of summation is fp32's rounding.
    [SkippableTheory, EachDevice]
    public void The_probe_in_blocks_has_the_same_gradient(string device)
    {
        int[] all = [.. Enumerable.Range(0, x.Count)];
        var standardizer = Standardizer.Of(x, all);
        var (whole, first, second) = OnDevice(device, d =>
        {
            (double, double[])[] Twice(long blockBytes)
            {
                using var problem = new SoftmaxRegression(d, x, all, labels, Classes, standardizer, blockBytes);
                double[] point = [.. Enumerable.Range(0, problem.PointLength).Select(i => Math.Sin(i) / 10)];
                return [problem.Evaluate(point, 1e-3), problem.Evaluate(point, 1e-3)];
            }
            var blocks = Twice(128 * 40 * sizeof(float));
            return (Twice(RowBlocks.MostBytes)[0], blocks[0], blocks[1]);
        });
        Assert.Equal(first.Item1, second.Item1);
        Assert.Equal(first.Item2, second.Item2);
        Assert.Equal(whole.Item1, first.Item1, 1e-5);
        Closeness.Require("gradient", [.. first.Item2.Select(v => (float)v)], whole.Item2, 1e-5);
    }

    // Sums over 600 rows in fp32: 1e-6 of the map, which the penalty conditions to about 1e2.
    [SkippableTheory, EachDevice]
    public void The_ridge_map_is_the_closed_form(string device)
    {
        var text = RowMatrix.Of(golden.ReadFloat32("text"), TextWidth);
        var got = OnDevice(device, d => RidgeMap.Fit(d, x, text, 1e-2).Apply(d, queries));
        Closeness.Require("ridge", got.First(queries.Count).Where((_, i) => i % got.Width < TextWidth).ToArray(), golden.ReadFloat64("ridge"), 1e-4);
    }

    [SkippableFact]
    public void The_penalty_is_chosen_on_held_out_rows()
    {
        int[] all = [.. Enumerable.Range(0, x.Count)];
        var fit = OnDevice(TestDevices.Lavapipe, d => LinearProbe.FitBest(d, x, all, labels, Classes, default));
        Assert.Contains(fit.Penalty, LinearProbe.Penalties);
        var got = OnDevice(TestDevices.Lavapipe, d => LinearProbe.Probabilities(d, fit.Map, queries, default));
        // Chance is 1 / 7.
        Assert.InRange(Hits(i => TensorPrimitives.IndexOfMax(got[i])), 0.5, 1);
        // The rows that were held out to choose it are fitted too. The same optimum from two starts, as above.
        var whole = OnDevice(TestDevices.Lavapipe, d => LinearProbe.Probabilities(d, LinearProbe.Fit(d, x, all, labels, Classes, fit.Penalty, default).Map, queries, default));
        for (var i = 0; i < queries.Count * Classes; i++)
        {
            Assert.Equal(whole[i / Classes][i % Classes], got[i / Classes][i % Classes], 2e-3);
        }
    }

    [SkippableFact]
    public void Of_penalties_that_are_equally_good_the_largest_is_taken()
    {
        // Two classes that any of them tells apart.
        var apart = RowMatrix.Of([.. Enumerable.Range(0, 40).SelectMany(i => new[] { i % 2 == 0 ? 1f : -1f, i / 40f })], 2);
        var fit = OnDevice(TestDevices.Lavapipe, d => LinearProbe.FitBest(d, apart, [.. Enumerable.Range(0, 40)], [.. Enumerable.Range(0, 40).Select(i => i % 2)], 2, default));
        Assert.Equal(LinearProbe.Penalties.Max(), fit.Penalty);
    }

    // The sums of two parts of the rows against those of all, in fp32.
    [SkippableFact]
    public void The_ridge_maps_penalty_is_chosen_on_held_out_rows_which_are_fitted_too()
    {
        // As a store of captions gives them: padded to a multiple of four.
        var text = RowMatrix.Of(Nn.Models.StateDict.Pad(golden.ReadFloat32("text"), TextWidth), Nn.Models.ModelSpec.Stored(TextWidth));
        var (best, got, whole) = OnDevice(TestDevices.Lavapipe, d =>
        {
            var best = RidgeMap.FitBest(d, x, text, default);
            return (best, best.Map.Apply(d, queries), RidgeMap.Fit(d, x, text, best.Lambda).Apply(d, queries));
        });
        Assert.Contains(best.Lambda, RidgeMap.Lambdas);
        Assert.InRange(best.HeldOutCosine, -1, 1);
        Closeness.Require("ridge", got.First(queries.Count), [.. whole.First(queries.Count).Select(v => (double)v)], 1e-4);
    }

    private double Hits(Func<int, int> predicted) => Enumerable.Range(0, queries.Count).Count(i => predicted(i) == queryLabels[i]) / (double)queries.Count;

    private static T OnDevice<T>(string name, Func<Gpu.GpuDevice, T> work)
    {
        var device = TestDevices.Get(name);
        lock (TestDevices.Gate)
        {
            var result = work(device);
            TestDevices.RequireSilence(device);
            return result;
        }
    }
}
