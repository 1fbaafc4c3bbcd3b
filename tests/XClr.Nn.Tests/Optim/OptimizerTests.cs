using XClr.Gpu;
using XClr.Nn.Optim;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Optim;

/// <summary>Steps on the device against double precision: several updates, so that momentum, bias correction and the order of operations show.</summary>
public sealed class OptimizerTests
{
    // Each of the seven steps rounds a value and its states once or twice (6e-8 each, relative), norms of up to 3e5 terms are summed to 2e-7.
    private const double Tolerance = 1e-6;
    private const int Steps = 7;
    private const float LossScale = 4;

    // 1-D tensors, lengths that are no multiple of 4 or 8,192, and one tensor larger than a binding at the floor (1 MiB).
    private static readonly ParameterSpec[] Specs =
    [
        new("conv1.weight", new Shape(3, 3, 4, 8)), new("bn1.weight", new Shape(7)), new("bn1.bias", new Shape(1)), new("fc.weight", new Shape(601, 503)), new("zero.weight", new Shape(2, 5)),
        new("wide.weight", new Shape(1, 8193)), new("scale", new Shape(1), Decay: false),
    ];

    [SkippableTheory, EachDevice]
    public void Sgd_follows_torch(string device)
    {
        Compare(device, (p, caps) => new Sgd(p, caps, 0.9, 1e-2), (r, g, lr) => r.Sgd(g, lr, 0.9, 1e-2, false));
        Compare(device, (p, caps) => new Sgd(p, caps, 0.8, 1e-2, nesterov: true), (r, g, lr) => r.Sgd(g, lr, 0.8, 1e-2, true), clip: 0.5);
        Compare(device, (p, caps) => new Sgd(p, caps, 0, 0), (r, g, lr) => r.Sgd(g, lr, 0, 0, false), clip: 1e6);
    }

    [SkippableTheory, EachDevice]
    public void Lars_follows_its_definition(string device)
    {
        Compare(device, (p, caps) => new Lars(p, caps, 0.9, 1e-2, 0.02), (r, g, lr) => r.Lars(g, lr, 0.9, 1e-2, 0.02));
        Compare(device, (p, caps) => new Lars(p, caps, 0.9, 0), (r, g, lr) => r.Lars(g, lr, 0.9, 0, 0.001), clip: 2);
    }

    [SkippableTheory, EachDevice]
    public void Adam_w_follows_torch(string device)
    {
        Compare(device, (p, caps) => new AdamW(p, caps, 0.05), (r, g, lr) => r.AdamW(g, lr, 0.05));
        Compare(device, (p, caps) => new AdamW(p, caps, 0, 0.8, 0.95, 1e-6), (r, g, lr) => r.AdamW(g, lr, 0, 0.8, 0.95, 1e-6), clip: 1);
    }

    [SkippableFact]
    public void States_begin_at_zero_whatever_their_memory_held()
    {
        var gpu = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            using var parameters = new ParameterSet(Specs);
            using var optimizer = new AdamW(parameters, gpu.Caps);
            foreach (var (_, flat) in optimizer.States)
            {
                gpu.Transfer.Upload<float>(flat, [.. Enumerable.Repeat(3f, (int)parameters.FlatCount)]);
            }
            gpu.Transfer.Upload<uint>(optimizer.Updates, [3u]);
            optimizer.Initialize(gpu);
            foreach (var (name, flat) in optimizer.States)
            {
                Assert.True(gpu.Transfer.Download(flat, (int)parameters.FlatCount).All(v => v == 0), name);
            }
            // A count of zero has zero's bits.
            Assert.Equal(0, gpu.Transfer.Download(optimizer.Updates, 1)[0]);
        }
    }

    [SkippableTheory, EachDevice]
    public void A_step_with_a_non_finite_gradient_is_skipped_and_its_tensor_named(string device)
    {
        var gpu = TestDevices.Get(device);
        lock (TestDevices.Gate)
        {
            using var run = new OptimizerRun(gpu, Specs, Initial(), LossScale, (p, caps) => new AdamW(p, caps));
            run.Step(Gradients(0), 0.1f, 0);
            var (before, moments) = (run.Download(run.Parameters.Values), run.Download(run.Optimizer.States[0].Flat));
            var bad = Gradients(1);
            bad[4][^1] = float.NegativeInfinity;
            bad[5][8192] = float.NaN;
            var result = run.Step(bad, 0.1f, 1);
            Assert.Equal([4f, 0f], result[2..]);
            Assert.Equal("zero.weight", run.Parameters.Parameters[(int)result[2]].Name);
            Assert.Equal(before, run.Download(run.Parameters.Values));
            Assert.Equal(moments, run.Download(run.Optimizer.States[0].Flat));
            Assert.Equal([-1f, 1f], run.Step(Gradients(2), 0.1f, 1)[2..]);
            Assert.Equal(2u, BitConverter.SingleToUInt32Bits(gpu.Transfer.Download(run.Optimizer.Updates, 1)[0]));
            TestDevices.RequireSilence(gpu);
        }
    }

    [SkippableTheory, EachDevice]
    public void A_step_whose_norm_overflows_is_skipped_though_each_gradient_is_finite(string device)
    {
        var gpu = TestDevices.Get(device);
        lock (TestDevices.Gate)
        {
            Func<ParameterSet, DeviceCaps, Optimizer>[] optimizers = [(p, caps) => new AdamW(p, caps), (p, caps) => new Sgd(p, caps, 0.9, 1e-2), (p, caps) => new Lars(p, caps)];
            foreach (var make in optimizers)
            {
                // With and without clipping: by an infinite norm all gradients would be clipped to zero.
                foreach (var clip in new[] { 1f, 0f })
                {
                    using var run = new OptimizerRun(gpu, Specs, Initial(), 1, make);
                    run.Step(Gradients(0), 0.1f, clip);
                    float[][] Downloaded() => [run.Download(run.Parameters.Values), .. run.Optimizer.States.Select(s => run.Download(s.Flat))];
                    uint Updates() => BitConverter.SingleToUInt32Bits(gpu.Transfer.Download(run.Optimizer.Updates, 1)[0]);
                    var before = Downloaded();
                    var large = Gradients(1);
                    large[3][1000] = 2e19f;
                    var result = run.Step(large, 0.1f, clip);
                    // No tensor is to blame.
                    Assert.Equal([-1f, 0f], result[2..]);
                    Assert.Equal(float.PositiveInfinity, result[0]);
                    Assert.Equal(before, Downloaded());
                    Assert.Equal(1u, Updates());
                    Assert.Equal([-1f, 1f], run.Step(Gradients(2), 0.1f, clip)[2..]);
                    Assert.Equal(2u, Updates());
                }
            }
            TestDevices.RequireSilence(gpu);
        }
    }

    [SkippableTheory, EachDevice]
    public void Clamp_keeps_values_in_their_interval(string device)
    {
        var gpu = TestDevices.Get(device);
        lock (TestDevices.Gate)
        {
            var x = Tensor.Persistent("x", new Shape(3), MemoryCategory.Parameters);
            using var buffer = x.View.Buffer;
            gpu.Place([buffer]);
            gpu.Transfer.Upload<float>(x, [-0.5f, 2.5f, 7f]);
            var recorder = new Recorder(gpu.Caps);
            Optimizer.Clamp(recorder, x, 0, (float)Math.Log(100));
            using var plan = Plan.Build(gpu, recorder);
            plan.Run();
            Assert.Equal([0f, 2.5f, (float)Math.Log(100)], gpu.Transfer.Download(x, 3));
        }
    }

    [Fact]
    public void Coefficients_out_of_range_are_refused()
    {
        using var set = new ParameterSet([new("w", new Shape(2, 2))]);
        var caps = new Recorder(CapsOf(1 << 20)).Caps;
        Assert.Throws<ArgumentException>(() => new Sgd(set, caps, momentum: 1));
        Assert.Throws<ArgumentException>(() => new Sgd(set, caps, momentum: 0, nesterov: true));
        Assert.Throws<ArgumentException>(() => new Lars(set, caps, trust: 0));
        Assert.Throws<ArgumentException>(() => new AdamW(set, caps, beta2: 1));
        Assert.Throws<ShapeException>(() => new Sgd(set, CapsOf(1024)));
    }

    [Fact]
    public void Ranges_cover_every_element_once_and_stay_within_a_binding()
    {
        using var set = new ParameterSet(Specs);
        foreach (var limit in new[] { 32 << 10, 100_000, 1 << 20, 1_210_000, 1 << 27 })
        {
            var chunks = new ParameterChunks(set, CapsOf(limit));
            var covered = new int[set.FlatCount];
            var rangesOf = Specs.Select(_ => new HashSet<ParameterRange>()).ToArray();
            foreach (var range in chunks.Ranges)
            {
                Assert.InRange(range.Count * 4, 4, limit);
                Assert.Equal(0, range.Offset * 4 % ParameterSet.Alignment);
                foreach (var row in chunks.ChunkTable.ToArray().Chunk(4).Skip(range.FirstChunk).Take(range.Chunks))
                {
                    Assert.True((row[0] * 4) + row[1] <= range.Count);
                    for (var i = 0; i < row[1]; i++)
                    {
                        covered[range.Offset + (row[0] * 4) + i]++;
                    }
                    Assert.Equal(Specs[row[2]].Decay ? 1u : 0u, row[3]);
                    rangesOf[row[2]].Add(range);
                }
            }
            foreach (var parameter in set.Parameters)
            {
                Assert.All(covered[(int)parameter.Offset..(int)(parameter.Offset + parameter.Count)], n => Assert.Equal(1, n));
                // What fits a binding is in one (fc.weight just so in 1,210,000 bytes).
                Assert.True(rangesOf[parameter.Index].Count == 1 || Tensor.RoundUp(4 * parameter.Count, ParameterSet.Alignment) > limit / ParameterSet.Alignment * ParameterSet.Alignment, parameter.Name);
            }
            Assert.Equal(set.Count, covered.Sum());
        }
    }

    private static void Compare(string device, Func<ParameterSet, DeviceCaps, Optimizer> make, Action<OptimizerReference, double[][], double> reference, double clip = 0)
    {
        var gpu = TestDevices.Get(device);
        lock (TestDevices.Gate)
        {
            using var run = new OptimizerRun(gpu, Specs, Initial(), LossScale, make);
            var want = new OptimizerReference([.. Initial().Select(v => v.Select(x => (double)x).ToArray())], [.. Specs.Select(s => s.Decay)]);
            for (var step = 0; step < Steps; step++)
            {
                var lr = 0.1f / (1 + step);
                var gradients = Gradients(step);
                var result = run.Step(gradients, lr, (float)clip);
                double[][] unscaled = [.. gradients.Select(g => g.Select(x => (double)x / LossScale).ToArray())];
                var norm = OptimizerReference.Clip(unscaled, clip);
                reference(want, unscaled, lr);
                Closeness.Require($"{device} grad_norm", [result[0]], [norm], Tolerance);
            }
            foreach (var parameter in run.Parameters.Parameters)
            {
                Check(run, $"{device} {run.Optimizer.GetType().Name} {parameter.Name}", run.Parameters.Values, want.Values, parameter);
                Check(run, $"{device} {parameter.Name} first state", run.Optimizer.States[0].Flat, want.First, parameter);
                if (run.Optimizer.States.Count > 1)
                {
                    Check(run, $"{device} {parameter.Name} second state", run.Optimizer.States[1].Flat, want.Second, parameter);
                }
            }
            TestDevices.RequireSilence(gpu);
        }
    }

    private static float[][] Initial()
    {
        var random = new Random(5);
        return [.. Specs.Select(s => RandomValues.Normal(random, (int)s.Shape.Count, s.Name == "zero.weight" ? 0 : 1))];
    }

    private static float[][] Gradients(int step) => [.. Specs.Select((s, t) => RandomValues.Normal(new Random((100 * step) + t), (int)s.Shape.Count, 0.01 * LossScale))];

    private static void Check(OptimizerRun run, string what, GpuBuffer flat, double[][] want, Parameter parameter)
    {
        var got = run.Device.Transfer.Download(run.Parameters.In(flat, parameter.Name), (int)parameter.Count);
        var expected = want[parameter.Index];
        var rms = Math.Sqrt(expected.Average(v => v * v));
        for (var i = 0; i < got.Length; i++)
        {
            // Rounding is relative to the element, and for a small element to the terms that made it, of the tensor's size.
            var allowed = Tolerance * Math.Max(Math.Abs(expected[i]), rms);
            Assert.True(Math.Abs(got[i] - expected[i]) <= allowed, $"{what}: element {i} is {got[i]:g9}, expected {expected[i]:g12}, tensor's rms {rms:g3}");
        }
    }

    // What a device binds at once, at the coarsest alignment.
    private static DeviceCaps CapsOf(long range) => PaperDevice.Caps with { MaxStorageBufferRange = range, MinStorageBufferOffsetAlignment = 256 };
}
