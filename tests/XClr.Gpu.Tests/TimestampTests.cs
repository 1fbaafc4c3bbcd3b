namespace XClr.Gpu.Tests;

public class TimestampTests
{
    [Theory]
    [InlineData(64, 1.0, 100UL, 350UL, 250.0)]
    [InlineData(36, 52.083, 0xF_FFFF_FFF0UL, 0x10UL, 32 * 52.083)]
    [InlineData(36, 52.083, 0x10UL, 0xF_FFFF_FFF0UL, -32 * 52.083)]
    [InlineData(32, 1.0, 0xFFFF_FFFFUL, 0UL, 1.0)]
    [InlineData(48, 10.0, 0xABCD_0000_0000_0005UL, 0x1234_0000_0000_0007UL, 20.0)]
    [InlineData(64, 1.0, ulong.MaxValue, 4UL, 5.0)]
    public void Differences_mind_the_wrap_and_ignore_bits_that_are_not_valid(int bits, double period, ulong from, ulong to, double expected) =>
        Assert.Equal(expected, new TimestampClock(period, bits).Difference(from, to), 6);

    [Fact]
    public void A_run_longer_than_the_counter_is_unrolled()
    {
        var clock = new TimestampClock(2, 8);
        ulong[] ticks = [.. Enumerable.Range(0, 40).Select(i => (ulong)(250 + 50 * i) & 0xFF)];
        Assert.Equal(Enumerable.Range(0, 40).Select(i => 100.0 * i), clock.Unroll(ticks));
        Assert.Equal(512, clock.WrapNs);
    }

    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(64, 0.0)]
    [InlineData(64, double.PositiveInfinity)]
    public void What_cannot_be_measured_is_not_supported(int bits, double period) => Assert.False(new TimestampClock(period, bits).IsSupported);

    [Fact]
    public void A_dispatch_behind_a_barrier_starts_when_those_before_it_have_ended()
    {
        // Starts are written early: the third dispatch's while the first two still run.
        ulong[] ticks = [0, 100, 10, 120, 20, 180];
        var clock = new TimestampClock(1, 64);
        Assert.Equal([(0.0, 100.0), (10.0, 120.0), (120.0, 180.0)], PlanTimings.Create(clock, ticks, [false, false, true]).Spans);
        Assert.Equal([(0.0, 100.0), (10.0, 120.0), (20.0, 180.0)], PlanTimings.Create(clock, ticks, []).Spans);
        Assert.Equal((180.0, 180.0), PlanTimings.Create(clock, [0, 180, 20, 180], [false, true]).Spans[1]);
    }

    [SkippableFact]
    public void Off_records_no_query_command_and_timing_can_be_switched()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
            using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
            var gpu = Chain(device, x, y, dispatches: 3);
            using var plan = Plan.Build(device, gpu);
            plan.Run();
            Assert.Equal(0, plan.QueryCommands);
            Assert.Null(plan.ReadTimings());
            plan.Retime(PlanTiming.Dispatches);
            plan.Run();
            Assert.Equal(1 + 2 * 3, plan.QueryCommands);
            Assert.Equal(3, plan.ReadTimings()!.Spans.Count);
            plan.Retime(PlanTiming.Step);
            plan.Run();
            Assert.Equal(1 + 2, plan.QueryCommands);
            Assert.Single(plan.ReadTimings()!.Spans);
            plan.Retime(PlanTiming.Off);
            plan.Run();
            Assert.Equal(0, plan.QueryCommands);
            TestDevices.RequireSilence(device);
        }
    }

    // What makes the count above all there is.
    [Fact]
    public void Query_commands_are_recorded_in_one_file()
    {
        var folder = Path.Combine(Repository.Root, "src");
        var files = Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal));
        Assert.Equal(["TimestampQueries.cs"], files.Where(f => File.ReadAllText(f) is var text && (text.Contains("CmdWriteTimestamp", StringComparison.Ordinal)
            || text.Contains("CmdResetQueryPool", StringComparison.Ordinal) || text.Contains("CmdBeginQuery", StringComparison.Ordinal))).Select(Path.GetFileName));
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("calibratedTimestamps=0")]
    public void Dispatches_fall_between_submit_and_wait_on_the_hosts_clock(string caps)
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, caps);
        Assert.True(caps.Length == 0 || !device.Caps.CalibratedTimestamps);
        using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
        using var plan = Plan.Build(device, Chain(device, x, y, dispatches: 2), new PlanOptions { Timing = PlanTiming.Dispatches });
        plan.Run();
        using var clock = new DeviceClock(device);
        var pair = clock.Read();
        var before = HostClock.NowNs;
        plan.Run();
        var after = HostClock.NowNs;
        var timings = plan.ReadTimings()!;
        var first = pair.HostNs + clock.Timestamps.Difference(pair.Ticks, timings.FirstTick);
        // A millisecond beyond the stated deviation: the two clocks drift between reading them and the run.
        var slack = pair.DeviationNs + 1e6;
        Assert.InRange(first, before - slack, after + slack);
        Assert.InRange(first + timings.Spans[^1].End, before - slack, after + slack);
        TestDevices.RequireSilence(device);
    }

    [SkippableFact]
    public void A_queue_without_timestamps_is_refused_by_name()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, "timestampValidBits=0");
        Assert.Contains("timestampValidBits 0", Assert.Throws<GpuException>(() => new DeviceClock(device)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_dispatch_is_repeated_alone()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
            using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
            using var plan = Plan.Build(device, Chain(device, x, y, dispatches: 2));
            plan.Run();
            var times = plan.Isolate(1, repeats: 11);
            Assert.Equal(11, times.Count);
            Assert.All(times, t => Assert.True(t > 0));
            plan.Run();
            TestDevices.RequireSilence(device);
        }
    }

    /// <summary>One that may take longer than a submit should (lavapipe: 10 s at 5 GFLOP/s) runs in parts, from the first one's start to the last one's end, and does its work.</summary>
    [SkippableFact]
    public void A_long_dispatch_is_repeated_in_parts()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            using var x = new GpuBuffer("x", 1 << 20, MemoryCategory.Inputs);
            using var y = new GpuBuffer("y", 1 << 20, MemoryCategory.Outputs);
            uint[] values = [.. Enumerable.Range(0, 1 << 18).Select(i => (uint)i)];
            device.Transfer.Upload<uint>(x, values);
            var gpu = new Recorder(device.Caps);
            gpu.Dispatch(CopyKernel.Kernel, 256, new CopyKernel.Params(1 << 16, 1), reads: [x], writes: [y], new DispatchCost(Flops: 1e12));
            using var plan = Plan.Build(device, gpu);
            device.Transfer.Clear(y);
            var submitted = device.Compute.Submitted;
            var times = plan.Isolate(0, repeats: 3);
            // A run that is not timed and three that are, 20 parts each.
            Assert.Equal(80ul, device.Compute.Submitted - submitted);
            Assert.All(times, t => Assert.True(t > 0));
            var found = new uint[values.Length];
            device.Transfer.Download<uint>(y, found);
            Assert.Equal(values, found);
            TestDevices.RequireSilence(device);
        }
    }

    private static Recorder Chain(GpuDevice device, GpuBuffer x, GpuBuffer y, int dispatches)
    {
        device.Transfer.Upload<uint>(x, new uint[x.Bytes / 4]);
        var gpu = new Recorder(device.Caps);
        for (var i = 0; i < dispatches; i++)
        {
            var quads = (uint)(x.Bytes / 16);
            gpu.Dispatch(CopyKernel.Kernel, (quads + 255) / 256, new CopyKernel.Params(quads, 1), reads: [i % 2 == 0 ? x : y], writes: [i % 2 == 0 ? y : x]);
        }
        return gpu;
    }
}
