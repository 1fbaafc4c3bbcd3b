using XClr.Data;
using XClr.Gpu;
using Xunit.Abstractions;

namespace XClr.Train.Tests;

/// <summary>Training in slices of a time budget.</summary>
public class HostTrainerTests(ITestOutputHelper output)
{
    private const int Side = 40;

    /// <summary>ResNet-18, 32 pixels, 8 rows (4 samples in two views), 4 ms: the figures in docs/plugin.md are what this prints (XCLR_SLICED_STEPS=20).</summary>
    [SkippableFact]
    public void Steps_in_slices_that_divide_dispatches_equal_whole_ones_to_the_bit()
    {
        var steps = int.Parse(Environment.GetEnvironmentVariable("XCLR_SLICED_STEPS") ?? "3", System.Globalization.CultureInfo.InvariantCulture);
        var budget = TimeSpan.FromMilliseconds(4);
        const string Config = """{"arch":"resnet18","stem":"small","image-size":32,"augment":"light","batch-size":4,"steps":1000,"optimizer":"sgd","lr":0.05,"lr-scaling":"none","loss":"simclr","seed":3}""";
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var whole = new HostTrainer(device, TrainConfig.FromText(Config, "test"), 0, _ => { });
        using var sliced = new HostTrainer(device, TrainConfig.FromText(Config, "test"), 0, _ => { });
        var random = new Random(1);
        var times = new List<TimeSpan>();
        for (var step = 0; step < steps; step++)
        {
            using var batch = new Noise(random, 4);
            var expected = whole.Step(batch.Images, null, null);
            sliced.Begin(batch.Images, null, null);
            float? loss;
            var slices = 0;
            while ((loss = sliced.Slice(budget)) is null)
            {
                slices++;
            }
            Assert.Equal(expected, loss);
            Assert.True(step == 0 || sliced.SliceTimes.Count == slices + 1, $"{sliced.SliceTimes.Count} times of {slices + 1} slices");
            times.AddRange(sliced.SliceTimes);
        }
        var sorted = times.Select(t => t.TotalMilliseconds).Order().ToList();
        output.WriteLine($"{device.Caps.FullName}: {sorted.Count} slices of {steps - 1} steps, budget {budget.TotalMilliseconds} ms; median {At(0.5):0.00}, 90 % {At(0.9):0.00}, 99 % {At(0.99):0.00}, longest {sorted[^1]:0.00} ms");
        TestDevices.RequireSilence(device);

        double At(double share) => sorted[(int)(share * (sorted.Count - 1))];
    }

    [SkippableFact]
    public void Each_step_has_views_of_its_own_and_the_gradient_is_clipped()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var batch = new Noise(new Random(1), 4);
        float[] Losses(string rate, string clip)
        {
            using var trainer = new HostTrainer(device, TrainConfig.FromText($$"""{"arch":"resnet18","stem":"small","width":0.125,"image-size":16,"augment":"light","batch-size":4,"steps":1000,"optimizer":"sgd","lr":{{rate}},"lr-scaling":"none","warmup-epochs":0,"loss":"simclr","seed":3,"clip-norm":{{clip}}}""", "test"), 0, _ => { });
            return [.. Enumerable.Range(0, 3).Select(_ => trainer.Step(batch.Images, null, null))];
        }
        // Weights that stand still: the losses differ by what was drawn.
        var still = Losses("1e-30", "0");
        Assert.Equal(3, still.Distinct().Count());
        double Largest(float[] losses) => losses.Zip(still, (a, b) => Math.Abs(a - b)).Max();
        // What begins at zero moves by next to nothing.
        Assert.InRange(Largest(Losses("0.1", "1e-20")), 0, 1e-4);
        Assert.InRange(Largest(Losses("0.1", "0")), 1e-2, 10);
        TestDevices.RequireSilence(device);
    }

    private sealed class Noise : IDisposable
    {
        public Noise(Random random, int count)
        {
            var row = new byte[Side * 3];
            Images = [.. Enumerable.Range(0, count).Select(_ => DecodedImage.FromRows(Side, Side, 3, y =>
            {
                random.NextBytes(row);
                return row;
            }, 0))];
        }

        public List<DecodedImage> Images { get; }

        public void Dispose() => Images.ForEach(i => i.Dispose());
    }
}
