using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Tests.Ops;

/// <summary>Rows of micro-batches are copied, so they are equal to the bit; the loop that goes through them is a plan's.</summary>
public class MicroBatchesTests
{
    public static TheoryData<string, int, int, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int, int, int>();
            foreach (var device in TestDevices.All)
            {
                cases.Add(device, 6, 2, 5);
                cases.Add(device, 7, 1, 13);
                cases.Add(device, 5, 5, 25);
                cases.Add(device, 12, 4, 128);
            }
            return cases;
        }
    }

    // Each micro-batch's rows are taken and put to their places in another tensor: after the loop the two are equal. An earlier value that the loop reads every time must still be there the last time.
    [SkippableTheory, MemberData(nameof(Cases))]
    public void A_loop_goes_through_all_rows(string name, int samples, int size, int width)
    {
        var device = TestDevices.Get(name);
        lock (TestDevices.Gate)
        {
            // A batch of one micro-batch: puts all rows where they are.
            using var copy = new MicroBatches(size, size);
            using var micro = new MicroBatches(samples, size);
            var source = Tensor.Persistent("source", new Shape(2 * samples, width), MemoryCategory.Inputs);
            var (target, first, last) = (NewOutput("target", source.Shape), NewOutput("first", new Shape(2 * size, width)), NewOutput("last", new Shape(2 * size, width)));
            try
            {
                float[] values = [.. Enumerable.Range(0, 2 * samples * width).Select(i => (float)i)];
                device.Transfer.Upload<float>(source, values);
                using var plan = Plan.Build(device, Record(device, micro, copy, source, target, first, last), new PlanOptions { Poison = true, Timing = PlanTiming.Dispatches });
                plan.Run();
                plan.Run();
                Assert.Equal(values, device.Transfer.Download(target, values.Length));
                Assert.Equal(Rows(values, samples, size, width, 0), device.Transfer.Download(first, 2 * size * width));
                Assert.Equal(Rows(values, samples, size, width, micro.Count - 1), device.Transfer.Download(last, 2 * size * width));
                TestDevices.RequireSilence(device);
            }
            finally
            {
                foreach (var tensor in new[] { source, target, first, last })
                {
                    tensor.View.Buffer.Dispose();
                }
            }
        }
    }

    [SkippableTheory]
    [InlineData(TestDevices.Lavapipe, 1)]
    [InlineData(TestDevices.Floor, 300_001)]
    public void Zeros_cover_a_whole_buffer(string name, int quads)
    {
        var device = TestDevices.Get(name);
        lock (TestDevices.Gate)
        {
            var x = NewOutput("x", new Shape(quads, 4));
            try
            {
                device.Transfer.Upload<float>(x, [.. Enumerable.Repeat(float.NaN, 4 * quads)]);
                var gpu = new Recorder(device.Caps);
                ZeroOp.Forward(gpu, x.View.Buffer);
                using var plan = Plan.Build(device, gpu);
                plan.Run();
                Assert.All(device.Transfer.Download(x, 4 * quads), v => Assert.Equal(0, v));
                TestDevices.RequireSilence(device);
            }
            finally
            {
                x.View.Buffer.Dispose();
            }
        }
    }

    [Fact]
    public void A_size_that_does_not_divide_the_batch_is_refused() =>
        Assert.Contains("6 samples has no micro-batches of 4", Assert.Throws<ShapeException>(() => new MicroBatches(6, 4)).Message, StringComparison.Ordinal);

    private static Recorder Record(GpuDevice device, MicroBatches micro, MicroBatches copy, Tensor source, Tensor target, Tensor first, Tensor last)
    {
        var gpu = new Recorder(device.Caps);
        copy.Begin(gpu);
        micro.Begin(gpu);
        var kept = micro.Take(gpu, source);
        using (gpu.Repeat(micro.Count))
        {
            var part = micro.Take(gpu, source);
            micro.Put(gpu, part, target);
            copy.Put(gpu, kept, first);
            copy.Put(gpu, part, last);
            micro.Next(gpu);
        }
        return gpu;
    }

    private static float[] Rows(float[] values, int samples, int size, int width, int index) =>
        [.. Enumerable.Range(0, 2).SelectMany(view => values.Skip((view * samples + index * size) * width).Take(size * width))];

    private static Tensor NewOutput(string name, Shape shape) => Tensor.Persistent(name, shape, MemoryCategory.Outputs);
}
