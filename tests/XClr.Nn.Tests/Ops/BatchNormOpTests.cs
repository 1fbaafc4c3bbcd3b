using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit.References;
using static XClr.Bench.Cases.BatchNormCases;
using Values = System.Collections.Generic.IReadOnlyDictionary<string, double[]>;

namespace XClr.Nn.Tests.Ops;

public class BatchNormOpTests
{
    // A value passes through about ten roundings of 6e-8 of its own size, sums over rows through a few more; elements reach nine times the tensor's rms.
    private const double Rounding = 1e-5;

    // Of two rows xhat is -1 and 1 whatever x is, so that dx is what eps leaves of terms that cancel: a hundredth of them, with their roundings.
    private const double TwoRows = 1e-3;

    [SkippableTheory, EachDevice]
    public void Forward_matches_reference(string device) => ForAll(Forward, (op, v) => CheckForward(device, op, v, Rounding));

    [SkippableTheory, EachDevice]
    public void Inference_matches_reference(string device) => ForAll(Inference, (op, v) => OpRunner.Check(device, op, t => BatchNormReference.Infer(t, v.Relu, v.Residual, v.Affine), Rounding));

    [SkippableTheory, EachDevice]
    public void Backward_matches_reference(string device) => ForAll(Backward, (op, v) => OpRunner.Check(device, op, t => Named(BatchNormReference.Backward(t, v.Relu, v.Residual, v.Affine), t, v), Tolerance(op)));

    // As of the other cases; storage in 16 bits as in Halves_match_reference.
    [SkippableTheory, EachDevice]
    public void Others_may_normalise_on_load(string device)
    {
        foreach (var dims in new int[][] { [3, 5, 7, 12], [2, 13, 3, 148], [9, 9, 7, 20] })
        {
            foreach (var storage in (DType[])[DType.Float32, .. StoredValues.Halves])
            {
                string[] halves = ["x", "y", "residual", "dy", "dx"];
                var tolerance = Math.Max(Rounding, 9 * StoredValues.Rounding(storage));
                OpRunner.Check(device, ResidualOnLoad(dims).In(storage, halves), t => Pick(BatchNormReference.Forward(
                    new Dictionary<string, double[]>(t) { ["residual"] = Conv2dReference.Prologue(t["residual"], t["scale"], t["shift"], relu: false) }, relu: true, residual: true, affine: true), "y"), tolerance);
                OpRunner.Check(device, BackwardOnLoad(dims).In(storage, halves), t => Pick(BatchNormReference.Backward(t, relu: true, residual: false, affine: true), "dx", "dgamma", "dbeta"), tolerance);
            }
        }
    }

    // Storage in 16 bits rounds each stored value, of values up to nine times the rms.
    [SkippableTheory, EachDeviceAndHalf]
    public void Halves_match_reference(string device, DType storage)
    {
        var rounding = 9 * StoredValues.Rounding(storage);
        string[] halves = ["x", "y", "residual", "dy", "dx"];
        ForAll(Forward, (op, v) => CheckForward(device, op.In(storage, halves), v, rounding));
        ForAll(Inference, (op, v) => OpRunner.Check(device, op.In(storage, halves), t => BatchNormReference.Infer(t, v.Relu, v.Residual, v.Affine), rounding));
        ForAll(Backward, (op, v) => OpRunner.Check(device, op.In(storage, halves), t => Named(BatchNormReference.Backward(t, v.Relu, v.Residual, v.Affine), t, v), Math.Max(rounding, Tolerance(op))));
    }

    [SkippableTheory, EachDevice]
    public void Works_in_place(string device) => OpRunner.Check(device, InPlace([5, 3, 7, 148]), t => new Dictionary<string, double[]>
    {
        ["x"] = BatchNormReference.Forward(t, relu: true, residual: false, affine: true)["y"],
        ["dy"] = BatchNormReference.Backward(t, relu: true, residual: false, affine: true)["dx"],
    }, Rounding);

    // 14,400 rows of 20 channels are 1.1 MB: two bindings at the floor's 1 MB, so that the partials' numbering across slices is seen.
    [SkippableTheory, EachDevice]
    public void Tensors_above_the_binding_range_are_sliced(string device)
    {
        var v = new Variant(Relu: true, Residual: true);
        CheckForward(device, TrainingForward([9, 40, 40, 20], v), v, Rounding);
        OpRunner.Check(device, BackwardCase([9, 40, 40, 20], v), t => Named(BatchNormReference.Backward(t, v.Relu, v.Residual, v.Affine), t, v), Rounding);
    }

    // mean / std = 1,000: x itself is rounded to 6e-8 * 1,000 = 6e-5 of a standard deviation before the op sees it (the reference sees the same x), but the mean, kept in fp32,
    // carries half of that as an error, and the row blocks' means as much again; variances come from exact deviations and keep their digits.
    [SkippableTheory, EachDevice]
    public void Statistics_survive_a_large_mean(string device)
    {
        var v = new Variant();
        void Shift(Dictionary<string, float[]> t) => t["x"] = [.. t["x"].Select(x => x + 1000)];
        CheckForward(device, TrainingForward([8, 16, 16, 12], v), v, 2e-4, Shift);
        OpRunner.Check(device, BackwardCase([8, 16, 16, 12], v), t => Named(BatchNormReference.Backward(t, v.Relu, v.Residual, v.Affine), t, v), 1e-3, Shift);
    }

    // A variance of 1e-8 is far below eps: 1/sqrt(var + eps) = 316; the deviations of 1e-4 carry the roundings of values near 1, 6e-8 / 1e-4 = 6e-4 of themselves, seen alike by the reference.
    [SkippableTheory, EachDevice]
    public void Tiny_variance_stays_finite(string device) => CheckForward(device, TrainingForward([64, 3, 3, 8], new()), new(), 1e-4,
        t => t["x"] = [.. t["x"].Select(x => 1 + 1e-4f * x)]);

    [SkippableTheory, EachDevice]
    public void Constant_channels_give_beta(string device) => CheckForward(device, TrainingForward([5, 3, 3, 8], new()), new(), Rounding,
        t => Array.Fill(t["x"], 0.7f));

    [SkippableTheory, EachDevice]
    public void Partials_of_another_op_are_merged(string device)
    {
        // Blocks of 5 rows of 127, the last of 2, as a convolution's epilogue would leave them.
        OpRunner.Check(device, FromPartials(127, 12, 5), t => Pick(BatchNormReference.Forward(t, false, false, false), "mean", "inv_std", "running_mean", "running_var"), Rounding,
            t => t["partials"] = BlockStatistics(t["x"], 12, 5));
    }

    // 2,000 and 4,813 blocks, the last of 11 rows, whose roundings would add up to some 1e-6: a few roundings of the result are allowed, none of the sums on the way.
    [SkippableTheory, EachDevice]
    public void Many_partials_are_merged_without_losing_digits(string device)
    {
        foreach (var rows in new[] { 32000, 77003 })
        {
            OpRunner.Check(device, FromPartials(rows, 12, 16), t => Pick(BatchNormReference.Forward(t, false, false, false), "mean", "inv_std"), 2.5e-7, t =>
            {
                t["x"] = [.. t["x"].Select(x => x + 0.5f)];
                t["partials"] = BlockStatistics(t["x"], 12, 16);
            });
        }
    }

    [SkippableTheory, EachDevice]
    public void Scale_and_shift_equal_the_normalisation(string device) => OpRunner.Check(device, ScaleShift(60, 20), t =>
    {
        var want = BatchNormReference.Forward(t, false, false, true);
        double[] scale = [.. want["inv_std"].Select((v, i) => v * t["gamma"][i])];
        return new Dictionary<string, double[]> { ["scale"] = scale, ["shift"] = [.. scale.Select((v, i) => t["beta"][i] - v * want["mean"][i])] };
    }, Rounding);

    [SkippableFact]
    public void Nan_passes_through_the_relu()
    {
        var op = InferenceForward([1, 1, 2, 4], new(Relu: true));
        var inputs = OpRunner.Inputs(op);
        inputs["x"][5] = float.NaN;
        Assert.True(float.IsNaN(OpRunner.Run(TestDevices.Get(TestDevices.Lavapipe), op, inputs)["y"][5]), "a NaN must reach the loss, where it is noticed");
    }

    [SkippableFact]
    public void Training_on_one_value_is_refused_by_name()
    {
        var recorder = new Recorder(TestDevices.Get(TestDevices.Lavapipe).Caps);
        Tensor Vector(string name) => recorder.NewTensor(name, new Shape(4));
        var state = new BatchNormState(null, null, Vector("layer4.1.bn2.running_mean"), Vector("running_var"));
        var refused = Assert.Throws<ShapeException>(() => BatchNormOp.Statistics(recorder, recorder.NewTensor("x", new Shape(1, 1, 1, 4)), state, Vector("mean"), Vector("inv_std")));
        Assert.Contains("layer4.1.bn2", refused.Message, StringComparison.Ordinal);
        Assert.Contains("one value per channel", refused.Message, StringComparison.Ordinal);
    }

    // Central differences of a double-precision loss, step 1e-5: truncation 1e-10, rounding 1e-11; ReLU's kinks are avoided by this seed.
    [Fact]
    public void Reference_gradient_matches_finite_differences()
    {
        var v = new Variant(Relu: true, Residual: true);
        var t = OpRunner.Inputs(BackwardCase([2, 3, 2, 4], v)).ToDictionary(i => i.Key, i => i.Value.Select(x => (double)x).ToArray());
        var want = BatchNormReference.Backward(t, v.Relu, v.Residual, v.Affine);
        double Loss() => BatchNormReference.Forward(t, v.Relu, v.Residual, v.Affine)["y"].Zip(t["dy"], (y, d) => y * d).Sum();
        foreach (var (name, gradient) in new[] { ("x", "dx"), ("gamma", "dgamma"), ("beta", "dbeta"), ("residual", "dresidual") })
        {
            for (var i = 0; i < t[name].Length; i++)
            {
                var at = t[name][i];
                t[name][i] = at + 1e-5;
                var up = Loss();
                t[name][i] = at - 1e-5;
                var slope = (up - Loss()) / 2e-5;
                t[name][i] = at;
                Assert.Equal(slope, want[gradient][i], 1e-7);
            }
        }
    }

    private static void ForAll(IEnumerable<OpCase> cases, Action<OpCase, Variant> check)
    {
        foreach (var op in cases)
        {
            check(op, new Variant(op.Name.Contains("relu", StringComparison.Ordinal), op.Name.Contains("residual", StringComparison.Ordinal), op.Name.Contains(" affine", StringComparison.Ordinal)));
        }
    }

    private static double Tolerance(OpCase op) => op.Inputs[0].Shape.As2D().M == 2 ? TwoRows : Rounding;

    /// <summary>Compares y, and the mean by the channel's standard deviation; inv_std and the running statistics within a few roundings whatever the tolerance of the others.</summary>
    private static void CheckForward(string device, OpCase op, Variant v, double tolerance, Action<Dictionary<string, float[]>>? shape = null)
    {
        var inputs = OpRunner.Inputs(op);
        shape?.Invoke(inputs);
        var got = OpRunner.Run(TestDevices.Get(device), op, inputs);
        var want = BatchNormReference.Forward(inputs.ToDictionary(i => i.Key, i => i.Value.Select(x => (double)x).ToArray()), v.Relu, v.Residual, v.Affine);
        var name = $"{op.Name} on {device}: ";
        Closeness.Require(name + "y", got["y"], want["y"], tolerance);
        Closeness.Require(name + "inv_std", got["inv_std"], want["inv_std"], 2e-6);
        Closeness.Require(name + "running_var", got["running_var"], want["running_var"], 2e-6);
        Closeness.Require(name + "running_mean", got["running_mean"], want["running_mean"], 1e-6);
        for (var i = 0; i < want["mean"].Length; i++)
        {
            // Half a unit in the last place of the mean, and roundings of deviations of the size of a standard deviation.
            var allowed = 1.2e-7 * Math.Abs(want["mean"][i]) + 1e-6 / want["inv_std"][i];
            Assert.True(Math.Abs(got["mean"][i] - want["mean"][i]) <= allowed, $"{name}mean of channel {i} is {got["mean"][i]}, expected {want["mean"][i]}");
        }
    }

    /// <summary>The reference's gradients under the case's names: parameters' gradients on top of what was there, the residual's in place of dy.</summary>
    private static Dictionary<string, double[]> Named(Dictionary<string, double[]> want, Values t, Variant v)
    {
        var named = new Dictionary<string, double[]> { ["dx"] = want["dx"] };
        if (v.Affine)
        {
            (named["dgamma"], named["dbeta"]) = (Sum(want["dgamma"], t["dgamma"]), Sum(want["dbeta"], t["dbeta"]));
        }
        if (v.Residual)
        {
            named["dy"] = want["dresidual"];
        }
        return named;
    }

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static Dictionary<string, double[]> Pick(Dictionary<string, double[]> all, params string[] names) => names.ToDictionary(n => n, n => all[n]);

    private static float[] BlockStatistics(float[] x, int c, int rows)
    {
        var blocks = x.Chunk(rows * c).Select(b => BatchNormReference.Statistics(b.ToDoubles(), c)
            is var (mean, variance) ? mean.Concat(variance.Select(v => v * (b.Length / c))) : []);
        return [.. blocks.SelectMany(b => b).Select(v => (float)v)];
    }
}
