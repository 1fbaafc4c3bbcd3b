namespace XClr.Gpu.Tests;

/// <summary>Dispatches that are divided into parts of their workgroups.</summary>
public class PlanCutTests
{
    [Theory]
    [InlineData(13, 64, 5)]
    [InlineData(64, 64, 64)]
    [InlineData(65, 64, 2)]
    [InlineData(65, 64, 60)]
    [InlineData(1000, 64, 7)]
    [InlineData(100_000, 64, 9)]
    [InlineData(3, 64, 8)]
    public void Parts_hold_every_workgroup_once_and_leave_the_flat_number_as_it_is(long groups, long limit, int parts)
    {
        var grid = Plan.Grid(groups, limit);
        var seen = new List<long>();
        for (var p = 0; p < parts; p++)
        {
            var (from, count) = new PartRange(p, p + 1, parts).Of(grid);
            for (var z = from.Z; z < from.Z + count.Z; z++)
            {
                for (var y = from.Y; y < from.Y + count.Y; y++)
                {
                    for (var x = from.X; x < from.X + count.X; x++)
                    {
                        // flat_group() of common/grid.glsl, which sees the part's numbers of workgroups.
                        seen.Add(((long)z * count.Y + y) * count.X + x);
                    }
                }
            }
        }
        Assert.Equal(Enumerable.Range(0, (int)(grid.X * grid.Y * grid.Z)).Select(i => (long)i), seen);
    }

    [Fact]
    public void Slices_divide_what_is_longer_than_the_budget_and_join_what_is_shorter()
    {
        using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
        var gpu = new Recorder(PaperDevice.Caps);
        foreach (var groups in new[] { 9, 9, 9, 9, 3, 9 })
        {
            gpu.Dispatch(CopyKernel.Kernel, groups, new CopyKernel.Params(1, 1), [x], [y]);
        }
        var times = new SliceTimes(gpu.Dispatches, PaperDevice.Caps);
        // Not measured yet: 2 MiB at 100 GB/s are 21 microseconds.
        Assert.Equal([.. Enumerable.Range(0, 6).Select(i => new PlanCut(i))], times.Cut(3e4));
        Assert.Equal([new(0, 0, 3), new(0, 1, 3), new(0, 2, 3)], times.Cut(1e4).Where(s => s.Dispatch == 0));

        times.Take(times.Cut(3e4), [40, 50, 20, 250, 1000, 30]);
        PlanCut[] cut = [new(0), new(2), new(3, 0, 3), new(3, 1, 3), new(3, 2, 3), new(4, 0, 3), new(4, 1, 3), new(4, 2, 3), new(5)];
        Assert.Equal(cut, times.Cut(100));
        Assert.Equal([new PlanCut(0)], times.Cut(1e6));
        Assert.True(times.Serve(cut, 100));
        // A part that was held up does not speak for its dispatch.
        times.Take(cut, [90, 20, 84, 84, 2000, 333, 2000, 334, 30]);
        Assert.Equal(cut, times.Cut(100));
        Assert.False(times.Serve(cut, 1e6));
    }

    [Fact]
    public void Times_follow_a_load_that_lasts_and_no_single_stall()
    {
        using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
        var gpu = new Recorder(PaperDevice.Caps);
        for (var i = 0; i < 4; i++)
        {
            gpu.Dispatch(CopyKernel.Kernel, 9, new CopyKernel.Params(1, 1), [x], [y]);
        }
        var times = new SliceTimes(gpu.Dispatches, PaperDevice.Caps);
        times.Take(times.Cut(1e9), [30, 30, 60, 60]);
        PlanCut[] whole = [new(0)], cut = [new(0), new(2), new(3)];
        Assert.Equal(cut, times.Cut(100));
        // One stall, of 100 times what a run takes, changes nothing; a device that has become much slower does, by and by.
        times.Take(whole, [180]);
        times.Take(whole, [18_000]);
        times.Take(whole, [180]);
        times.Take(whole, [180]);
        Assert.Equal(cut, times.Cut(100));
        for (var run = 0; run < 8; run++)
        {
            times.Take(whole, [480]);
        }
        Assert.False(times.Serve(cut, 100));
        Assert.Equal([new(0), new(1), new(2, 0, 2), new(2, 1, 2), new(3, 0, 2), new(3, 1, 2)], times.Cut(100));
        for (var run = 0; run < 8; run++)
        {
            times.Take(whole, [180]);
        }
        Assert.Equal(cut, times.Cut(100));
    }

    /// <summary>Of an estimate, which may be far too high, a dispatch has 64 parts at most; of a time that was measured as many as it needs.</summary>
    [Fact]
    public void An_estimate_divides_a_dispatch_less_far_than_a_measurement()
    {
        using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
        var gpu = new Recorder(PaperDevice.Caps);
        gpu.Dispatch(CopyKernel.Kernel, 1000, new CopyKernel.Params(1, 1), [x], [y]);
        var times = new SliceTimes(gpu.Dispatches, PaperDevice.Caps);
        Assert.Equal(64, times.Cut(1).Count);
        times.Take(times.Cut(1e9), [1e6]);
        Assert.Equal(1000, times.Cut(1).Count);
    }

    [Fact]
    public void No_segment_goes_over_an_end_of_a_loop()
    {
        using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
        var gpu = new Recorder(PaperDevice.Caps);
        void Record() => gpu.Dispatch(CopyKernel.Kernel, 9, new CopyKernel.Params(1, 1), [x], [y]);
        Record();
        for (var loop = 0; loop < 2; loop++)
        {
            using var repeated = gpu.Repeat(2);
            Record();
            Record();
        }
        Record();
        Record();
        Assert.Equal([new(0), new(1), new(3), new(5)], PlanCut.Within(gpu.Dispatches, PaperDevice.Caps, _ => 1, budget: 100));
    }

    /// <summary>Other vendors' drivers may emulate matrices.</summary>
    [Fact]
    public void Matrices_count_as_fast_where_the_device_has_units_for_them()
    {
        using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
        var gpu = new Recorder(PaperDevice.Caps);
        gpu.Dispatch(CopyKernel.Kernel, 9, new CopyKernel.Params(1, 1), [x], [y], new DispatchCost(1e12));
        gpu.Dispatch(new Kernel<CopyKernel.Params>("bench/matrix_coopmat", reads: 1, writes: 1), 9, new CopyKernel.Params(1, 1), [x], [y], new DispatchCost(1e12));
        double[] Seconds(DeviceCaps caps) => [.. gpu.Dispatches.Select(SlowDevice.Of(caps).Seconds)];
        Assert.Equal([2, 2], Seconds(PaperDevice.Caps));
        Assert.Equal([2, 0.1], Seconds(PaperDevice.Caps with { VendorId = 0x10DE }));
        Assert.Equal([10, 10], Seconds(PaperDevice.Caps with { VendorId = 0x10DE, Kind = GpuKind.Integrated }));
    }

    /// <summary>A profile of a plan whose submits divide a dispatch, in a loop and outside it, has one time for each; what it writes is what a whole one writes.</summary>
    [SkippableFact]
    public void A_divided_dispatch_of_a_loop_is_timed_as_one()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        const int Count = 81_000, Quads = Count / 4;
        using var x = new GpuBuffer("x", Count * sizeof(float), MemoryCategory.Inputs);
        using var z = new GpuBuffer("z", Count * sizeof(float), MemoryCategory.Outputs);
        var values = Enumerable.Range(0, Count).Select(i => MathF.Sin(i)).ToArray();
        device.Transfer.Upload<float>(x, values);
        var gpu = new Recorder(device.Caps);
        var y = gpu.Transient("y", Count * sizeof(float), MemoryCategory.Activations);
        void Record(GpuBuffer from, GpuBuffer to) => gpu.Dispatch(CopyKernel.Kernel, (Quads + 255) / 256, new CopyKernel.Params(Quads, 1), [from], [to], new DispatchCost(3e9));
        Record(x, y);
        using (gpu.Repeat(2))
        {
            Record(y, z);
            Record(x, y);
        }
        Record(y, z);
        // At 5 GFLOP/s a dispatch is 0.6 s.
        using var plan = Plan.Build(device, gpu, new PlanOptions { MaxSubmitSeconds = 0.2, Timing = PlanTiming.Dispatches });
        Assert.Equal([.. Enumerable.Range(0, 12).Select(i => new PlanCut(i / 3, i % 3, 3))], plan.Starts);
        Assert.Equal(18, plan.SegmentCount);
        plan.Run();
        var spans = plan.ReadTimings()!.Spans;
        Assert.Equal(4, spans.Count);
        Assert.All(spans, s => Assert.True(s.End > s.Start, $"{s}"));
        var found = new float[Count];
        device.Transfer.Download(z.View, found.AsSpan());
        Assert.Equal(values, found);
        TestDevices.RequireSilence(device);
    }

    [SkippableTheory]
    [InlineData("", 9)]
    [InlineData("maxComputeWorkGroupCount=64", 9)]
    [InlineData("maxComputeWorkGroupCount=7", 4)]
    public void A_divided_dispatch_writes_what_a_whole_one_writes(string caps, int parts)
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, caps);
        const int Count = 81_000, Quads = Count / 4;
        using var x = new GpuBuffer("x", Count * sizeof(float), MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", Count * sizeof(float), MemoryCategory.Outputs);
        using var z = new GpuBuffer("z", Count * sizeof(float), MemoryCategory.Outputs);
        var values = Enumerable.Range(0, Count).Select(i => MathF.Sin(i)).ToArray();
        device.Transfer.Upload<float>(x, values);
        var gpu = new Recorder(device.Caps);
        gpu.Dispatch(CopyKernel.Kernel, (Quads + 255) / 256, new CopyKernel.Params(Quads, 1), [x], [y]);
        gpu.Dispatch(CopyKernel.Kernel, (Quads + 255) / 256, new CopyKernel.Params(Quads, 1), [y], [z]);
        using var plan = Plan.Build(device, gpu);
        plan.Cut([.. Enumerable.Range(0, parts).Select(p => new PlanCut(0, p, parts)), .. Enumerable.Range(1, parts - 1).Select(p => new PlanCut(1, p, parts))]);
        Assert.Equal(2 * parts - 1, plan.SegmentCount);
        plan.Run();
        Assert.Equal(2 * parts - 1, plan.ReadTimings()!.Spans.Count);
        var found = new float[Count];
        device.Transfer.Download(z.View, found.AsSpan());
        Assert.Equal(values, found);
        TestDevices.RequireSilence(device);
    }
}
