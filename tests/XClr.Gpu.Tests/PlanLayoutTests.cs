using XClr.Gpu;

namespace XClr.Gpu.Tests;

/// <summary>The compiler of plans alone: caps are made up, no device is touched.</summary>
public class PlanLayoutTests
{
    private readonly record struct NoParams(uint Zero);

    private static readonly Kernel<NoParams> Produce = new("test/produce", reads: 0, writes: 1);
    private static readonly Kernel<NoParams> Copy = new("test/copy", reads: 1, writes: 1);

    private static readonly DeviceCaps Caps = PaperDevice.Caps;

    [Fact]
    public void A_chain_alternates_between_two_places()
    {
        var gpu = new Recorder(Caps);
        var tensors = Enumerable.Range(0, 10).Select(i => gpu.Transient($"t{i}", 1 << 20, MemoryCategory.Activations)).ToList();
        gpu.Dispatch(Produce, 1, new NoParams(), reads: [], writes: [tensors[0]]);
        for (var i = 1; i < tensors.Count; i++)
        {
            gpu.Dispatch(Copy, 1, new NoParams(), reads: [tensors[i - 1]], writes: [tensors[i]]);
        }
        var layout = PlanLayout.Create(gpu.Dispatches, Caps);
        Assert.Equal(2 << 20, layout.TransientPeakBytes);
        Assert.Equal(10 << 20, layout.TransientSumBytes);
        Assert.Equal([false, .. Enumerable.Repeat(true, 9)], layout.BarrierBefore);
    }

    [Fact]
    public void Random_lifetimes_never_overlap_and_stay_near_the_lower_bound()
    {
        var random = new Random(7);
        for (var round = 0; round < 20; round++)
        {
            var planner = new ArenaPlanner(256, 1 << 30, shareMemory: true);
            var placed = new List<(int Block, long Start, long End, int First, int Last)>();
            for (var i = 0; i < 120; i++)
            {
                var (first, bytes) = (random.Next(100), (long)random.Next(1, 1 << 20));
                var last = first + random.Next(20);
                var (block, offset) = planner.Place(bytes, first, last);
                Assert.Equal(0, offset % 256);
                Assert.DoesNotContain(placed, p => p.Block == block && p.First <= last && first <= p.Last && p.Start < offset + bytes && offset < p.End);
                placed.Add((block, offset, offset + bytes, first, last));
            }
            var bound = Enumerable.Range(0, 120).Max(t => placed.Where(p => p.First <= t && t <= p.Last).Sum(p => p.End - p.Start));
            Assert.InRange(planner.BlockBytes.Sum(), bound, 2 * bound);
        }
    }

    [Fact]
    public void A_block_ends_at_the_allocation_limit()
    {
        var planner = new ArenaPlanner(256, 1000 * 256, shareMemory: true);
        var first = planner.Place(600 * 256, 0, 9);
        var second = planner.Place(600 * 256, 0, 9);
        Assert.NotEqual(first.Block, second.Block);
        // One that alone is larger gets a block of its own, so that the sum is known.
        var huge = planner.Place(1001 * 256, 20, 21);
        Assert.Equal((2, 1001 * 256L), (huge.Block, planner.BlockBytes[2]));
    }

    [Fact]
    public void A_barrier_stands_where_one_of_two_uses_writes()
    {
        using var a = new GpuBuffer("a", 1024, MemoryCategory.Inputs);
        using var b = new GpuBuffer("b", 1024, MemoryCategory.Outputs);
        using var c = new GpuBuffer("c", 1024, MemoryCategory.Outputs);
        bool Between(Action<Recorder> first, Action<Recorder> second)
        {
            var gpu = new Recorder(Caps);
            first(gpu);
            second(gpu);
            return PlanLayout.Create(gpu.Dispatches, Caps).BarrierBefore[1];
        }
        Action<Recorder> Copies(BufferView from, BufferView to) => gpu => gpu.Dispatch(Copy, 1, new NoParams(), reads: [from], writes: [to]);
        Action<Recorder> Writes(BufferView to) => gpu => gpu.Dispatch(Produce, 1, new NoParams(), reads: [], writes: [to]);
        Assert.True(Between(Copies(a, b), Copies(b, c)));
        Assert.True(Between(Copies(a, b), Writes(a)));
        Assert.True(Between(Copies(a, b), Writes(b)));
        Assert.True(Between(Copies(a, b), Writes(a.Slice(768, 256))));
        Assert.False(Between(Copies(a, b), Copies(a, c)));
        Assert.False(Between(Copies(a, b), Writes(c)));
        // Neighbours in one buffer.
        Assert.False(Between(Copies(a.Slice(0, 512), b), Writes(a.Slice(512, 512))));
        Assert.False(Between(Writes(a.Slice(512, 512)), Copies(a.Slice(0, 512), b)));
    }

    [Fact]
    public void The_memory_of_each_category_is_that_of_the_dispatch_with_most()
    {
        var gpu = new Recorder(Caps);
        using var data = new GpuBuffer("data", 4096, MemoryCategory.Inputs);
        var (first, workspace, last) = (gpu.Transient("first", 512, MemoryCategory.Activations), gpu.Transient("workspace", 8192, MemoryCategory.Workspace), gpu.Transient("last", 256, MemoryCategory.Gradients));
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [data], writes: [first]);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [first], writes: [workspace]);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [data], writes: [last]);
        // The first is read by the dispatch that writes the workspace; the last comes after both.
        Assert.Equal([new(MemoryCategory.Activations, 512), new(MemoryCategory.Workspace, 8192), new(MemoryCategory.Inputs, 4096)], PlanLayout.Create(gpu.Dispatches, Caps).BytesByCategory());
    }

    [Fact]
    public void A_buffer_that_is_bound_twice_is_traffic_once()
    {
        var gpu = new Recorder(Caps);
        using var data = new GpuBuffer("data", 4096, MemoryCategory.Inputs);
        using var copy = new GpuBuffer("copy", 1024, MemoryCategory.Outputs);
        var two = new Kernel<NoParams>("test/two", reads: 2, writes: 1);
        gpu.Dispatch(two, 1, new NoParams(), reads: [data, data], writes: [copy]);
        // Whatever it is read as.
        gpu.Dispatch(two, 1, new NoParams(), reads: [data, (BufferView)data with { Texel = TexelType.Half }], writes: [copy]);
        gpu.Dispatch(two, 1, new NoParams(), reads: [data, data.Slice(0, 256)], writes: [copy]);
        gpu.Dispatch(two, 1, new NoParams(), reads: [data, data], writes: [copy], new DispatchCost(Bytes: 7));
        Assert.Equal([4096 + 1024, 4096 + 1024, 4096 + 256 + 1024, 7], gpu.Dispatches.Select(d => d.Bytes));
    }

    [Fact]
    public void A_plan_fits_where_its_sum_and_its_largest_buffer_do()
    {
        var gpu = new Recorder(Caps);
        using var data = new GpuBuffer("data", 4096, MemoryCategory.Inputs);
        using var copy = new GpuBuffer("copy", 1024, MemoryCategory.Outputs);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [data], writes: [copy]);
        var layout = PlanLayout.Create(gpu.Dispatches, Caps);
        Assert.Equal("data", layout.Largest.Name);
        Assert.True(layout.Fits(Caps with { DeviceLocalBytes = 5120, MaxMemoryAllocationSize = 4096 }));
        Assert.False(layout.Fits(Caps with { DeviceLocalBytes = 5119, MaxMemoryAllocationSize = 4096 }));
        Assert.False(layout.Fits(Caps with { DeviceLocalBytes = 5120, MaxMemoryAllocationSize = 4095 }));
    }

    [Fact]
    public void Barriers_stand_where_memory_conflicts_and_nowhere_else()
    {
        var gpu = new Recorder(Caps);
        using var data = new GpuBuffer("data", 4096, MemoryCategory.Inputs);
        using var left = new GpuBuffer("left", 1024, MemoryCategory.Outputs);
        using var right = new GpuBuffer("right", 1024, MemoryCategory.Outputs);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [data], writes: [left]);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [data], writes: [right]);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [left], writes: [data.Slice(0, 1024)]);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [left], writes: [data.Slice(1024, 1024)]);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [left], writes: [data.Slice(1024, 1024)]);
        Assert.Equal([false, false, true, false, true], PlanLayout.Create(gpu.Dispatches, Caps).BarrierBefore);
    }

    /// <summary>Of operations on NVIDIA's matrices twenty count as one; others may be emulated. What is longer than a submit may be is divided.</summary>
    [Theory]
    [InlineData("test/produce", 0x10DE, 1)]
    [InlineData("test/produce_coopmat", 0x10DE, 20)]
    [InlineData("test/produce_coopmat_bf16", 0x10DE, 20)]
    [InlineData("test/produce_coopmat", 0x1002, 1)]
    public void Submits_are_bounded_by_what_slow_devices_need(string kernel, uint vendor, double matrixRate)
    {
        var gpu = new Recorder(Caps);
        using var data = new GpuBuffer("data", 4096, MemoryCategory.Inputs);
        void Record(double flops, long groups = 1, long? bytes = null) =>
            gpu.Dispatch(new Kernel<NoParams>(kernel, reads: 0, writes: 1), groups, new NoParams(), reads: [], writes: [data], new DispatchCost(matrixRate * flops, bytes));
        Array.ForEach([4e9, 4e9, 4e9], f => Record(f));
        Record(20e9, groups: 5);
        Record(1e9);
        Record(20e9);
        // 10 ms as the operations above, at 100 GB/s.
        Record(0, bytes: 1_000_000_000);
        PlanCut[] starts = [new(0), new(2), new(3, 0, 2), new(3, 1, 2), new(4), new(5), new(6)];
        var options = new PlanOptions { MaxSubmitSeconds = 0.02 };
        Assert.Equal(starts, PlanLayout.Create(gpu.Dispatches, Caps with { VendorId = vendor }, options).SegmentStarts);
        Assert.Equal(starts.Length, PlanLayout.Create(gpu.Dispatches, Caps with { VendorId = vendor }, options).SubmitOrder.Count);
    }

    [Fact]
    public void A_loop_keeps_what_it_shares_and_counts_every_time()
    {
        var gpu = new Recorder(Caps);
        using var target = new GpuBuffer("target", 1024, MemoryCategory.Outputs);
        var (before, inside, other, after) = (New("before"), New("inside"), New("other"), New("after"));
        GpuBuffer New(string name) => gpu.Transient(name, 1024, MemoryCategory.Activations);
        void Record(GpuBuffer from, GpuBuffer to) => gpu.Dispatch(Copy, 1, new NoParams(), reads: [from], writes: [to], new DispatchCost(1e9));
        gpu.Dispatch(Produce, 1, new NoParams(), reads: [], writes: [before]);
        using (gpu.Repeat(3))
        {
            Record(before, inside);
            Record(inside, other);
            Record(other, after);
        }
        Record(after, target);
        var layout = PlanLayout.Create(gpu.Dispatches, Caps, new PlanOptions { MaxSubmitSeconds = 4e-3 });
        Assert.Equal([("before", 0, 3), ("inside", 1, 2), ("other", 2, 3), ("after", 1, 4)], layout.Transient.Select(t => (t.Buffer.Name, t.First, t.Last)));
        Assert.Equal([0, 1, 3, 4], layout.SegmentStarts.Select(s => s.Dispatch));
        Assert.Equal([0, 1, 2, 1, 2, 1, 2, 3], layout.SubmitOrder);
        Assert.True(layout.BarrierBefore[1] && layout.BarrierBefore[4]);
        Assert.Equal(10e9, layout.Flops);
        Assert.Equal(1024 + 9 * 2048 + 2048, layout.TrafficBytes);
    }

    [Fact]
    public void Loops_neither_nest_nor_begin_a_plan()
    {
        var gpu = new Recorder(Caps);
        Assert.Throws<GpuException>(() => gpu.Repeat(2));
        gpu.Dispatch(Produce, 1, new NoParams(), reads: [], writes: [gpu.Transient("x", 256, MemoryCategory.Activations)]);
        using var loop = gpu.Repeat(2);
        Assert.Throws<GpuException>(() => gpu.Repeat(2));
    }

    [Fact]
    public void Reading_a_transient_that_nothing_wrote_is_refused()
    {
        var gpu = new Recorder(Caps);
        var never = gpu.Transient("never", 256, MemoryCategory.Workspace);
        using var target = new GpuBuffer("target", 256, MemoryCategory.Outputs);
        gpu.Dispatch(Copy, 1, new NoParams(), reads: [never], writes: [target]);
        var error = Assert.Throws<GpuException>(() => PlanLayout.Create(gpu.Dispatches, Caps));
        Assert.Contains("never", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 65535, 1, 1, 1)]
    [InlineData(65535, 65535, 65535, 1, 1)]
    [InlineData(65536, 65535, 1024, 64, 1)]
    [InlineData(20_000_000, 65535, 65360, 306, 1)]
    [InlineData(5000, 64, 64, 64, 2)]
    public void Flat_grids_fit_the_axes(long groups, long limit, uint x, uint y, uint z) => Assert.Equal((x, y, z), Plan.Grid(groups, limit));

    [Fact]
    public void A_grid_beyond_three_axes_is_refused() => Assert.Throws<GpuException>(() => Plan.Grid(64 * 64 * 64 + 1, 64));
}
