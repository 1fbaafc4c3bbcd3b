namespace XClr.Gpu.Tests;

/// <summary>The order in which plans run what was recorded; no device is touched.</summary>
public sealed class DispatchOrderTests
{
    private readonly record struct NoParams(uint Zero);

    [Fact]
    public void What_does_not_depend_on_the_latest_comes_before_the_next_barrier()
    {
        var gpu = new Recorder(PaperDevice.Caps);
        GpuBuffer New(string name) => gpu.Transient(name, 1024, MemoryCategory.Activations);
        var (a, b, c, d, e) = (New("a"), New("b"), New("c"), New("d"), New("e"));
        RecordLarge(gpu);
        Record(gpu, "write a", [], [a]);
        Record(gpu, "a to b", [a], [b]);
        Record(gpu, "write c", [], [c]);
        Record(gpu, "c to d", [c], [d]);
        Record(gpu, "overwrite a", [], [a]);
        Record(gpu, "a to e", [a], [e]);
        var layout = PlanLayout.Create(gpu.Dispatches, PaperDevice.Caps);
        Assert.Equal(["large", "write a", "write c", "| a to b", "c to d", "| overwrite a", "| a to e"], layout.Dispatches.Select(x => (layout.BarrierBefore[x.Index] ? "| " : "") + x.Detail));
    }

    [Fact]
    public void Dispatches_that_write_different_elements_of_one_range_run_together()
    {
        var gpu = new Recorder(PaperDevice.Caps);
        using var image = new GpuBuffer("image", 1024, MemoryCategory.Outputs);
        using (gpu.Disjoint())
        {
            Record(gpu, "even", [], [image]);
            Record(gpu, "odd", [], [image]);
        }
        using (gpu.Disjoint())
        {
            Record(gpu, "even again", [], [image]);
            Record(gpu, "odd again", [], [image]);
        }
        Record(gpu, "all", [], [image]);
        Assert.Equal([false, false, true, false, true], PlanLayout.Create(gpu.Dispatches, PaperDevice.Caps).BarrierBefore);
    }

    /// <summary>Slabs of a work that is cut to keep memory small are not computed side by side.</summary>
    [Fact]
    public void Nothing_is_brought_forward_that_takes_more_memory()
    {
        var gpu = new Recorder(PaperDevice.Caps);
        using var sum = new GpuBuffer("sum", 1024, MemoryCategory.Outputs);
        for (var i = 0; i < 6; i++)
        {
            var slab = gpu.Transient($"slab{i}", 1 << 20, MemoryCategory.Workspace);
            Record(gpu, $"write {i}", [], [slab]);
            Record(gpu, $"add {i}", [slab], [sum]);
        }
        var layout = PlanLayout.Create(gpu.Dispatches, PaperDevice.Caps);
        Assert.Equal(gpu.Dispatches.Select(d => d.Detail), layout.Dispatches.Select(d => d.Detail));
        Assert.Equal(1 << 20, layout.TransientPeakBytes);
    }

    /// <summary>A dispatch that waits is not overtaken by more and more of those behind it.</summary>
    [Fact]
    public void Only_the_next_few_are_looked_at()
    {
        var gpu = new Recorder(PaperDevice.Caps);
        using var chain = new GpuBuffer("chain", 1024, MemoryCategory.Outputs);
        using var other = new GpuBuffer("other", 1024, MemoryCategory.Outputs);
        for (var i = 0; i < 20; i++)
        {
            Record(gpu, $"{i}", [], [chain]);
        }
        Record(gpu, "other", [], [other]);
        var order = PlanLayout.Create(gpu.Dispatches, PaperDevice.Caps).Dispatches.Select(d => d.Detail).ToList();
        Assert.InRange(order.IndexOf("other"), 14, 19);
    }

    /// <summary>
    /// Of random dispatches, in loops and disjoint groups too: each runs once, those in conflict in their order with a barrier between them, loops in one piece between barriers; and buffers share memory only where a barrier stands between
    /// the last use of the one and the first of the other.
    /// </summary>
    [Fact]
    public void Random_dispatches_keep_what_they_depend_on()
    {
        var random = new Random(3);
        var fewer = 0;
        for (var round = 0; round < 60; round++)
        {
            var gpu = RandomRecording(random);
            var layout = PlanLayout.Create(gpu.Dispatches, PaperDevice.Caps);
            Assert.Equal(Enumerable.Range(0, gpu.Dispatches.Count), layout.Dispatches.Select(d => d.Index));
            Assert.Equal(gpu.Dispatches.Select(d => d.Detail).Order(), layout.Dispatches.Select(d => d.Detail).Order());
            var at = layout.Dispatches.ToDictionary(d => d.Detail, d => d.Index);
            var group = layout.BarrierBefore.Select((_, i) => layout.BarrierBefore.Take(i + 1).Count(b => b)).ToList();
            for (var later = 0; later < gpu.Dispatches.Count; later++)
            {
                for (var earlier = 0; earlier < later; earlier++)
                {
                    var (a, b) = (gpu.Dispatches[earlier], gpu.Dispatches[later]);
                    if (a.Loop != b.Loop || Conflict(a, b))
                    {
                        Assert.True(group[at[a.Detail]] < group[at[b.Detail]], $"round {round}: {a.Detail} before {b.Detail}");
                    }
                }
            }
            RequireApart(layout, group);
            fewer += BarriersInOrder(gpu.Dispatches) - layout.BarrierBefore.Count(b => b);
        }
        Assert.True(fewer > 0);
    }

    private static Recorder RandomRecording(Random random)
    {
        var gpu = new Recorder(PaperDevice.Caps);
        var persistent = Enumerable.Range(0, 3).Select(i => new GpuBuffer($"p{i}", 4096, MemoryCategory.Inputs)).ToList();
        var transient = new List<GpuBuffer>();
        BufferView Some()
        {
            var all = persistent.Concat(transient.TakeLast(6)).ToList();
            var part = random.Next(4);
            return all[random.Next(all.Count)].Slice(1024 * part, 1024 * random.Next(1, 5 - part));
        }
        void One(int mostReads)
        {
            BufferView[] reads = [.. Enumerable.Range(0, random.Next(mostReads + 1)).Select(_ => Some())];
            // What nothing wrote yet is not read.
            var isNew = random.Next(2) == 0;
            if (isNew)
            {
                transient.Add(gpu.Transient($"t{transient.Count}", 4096, MemoryCategory.Activations));
            }
            Record(gpu, $"{gpu.Dispatches.Count}", reads, isNew ? [transient[^1]] : [Some()]);
        }
        RecordLarge(gpu);
        One(mostReads: 2);
        for (var block = 0; block < 8; block++)
        {
            var kind = random.Next(3);
            using (kind == 0 ? gpu.Repeat(2) : kind == 1 ? gpu.Disjoint() : null)
            {
                for (var left = random.Next(1, 8); left > 0; left--)
                {
                    // Those of a disjoint group read nothing that one of them writes.
                    One(mostReads: kind == 1 ? 0 : 2);
                }
            }
        }
        return gpu;
    }

    // Beside it, what the others take is little.
    private static void RecordLarge(Recorder gpu) => Record(gpu, "large", [], [gpu.Transient("large", 1 << 24, MemoryCategory.Activations)]);

    private static void Record(Recorder gpu, string name, BufferView[] reads, BufferView[] writes) =>
        gpu.Dispatch(new Kernel<NoParams>("test/any", reads.Length, writes.Length), 1, new NoParams(), reads, writes, detail: name);

    private static bool Conflict(Dispatch a, Dispatch b)
    {
        static bool Meet(ReadOnlySpan<BufferView> some, ReadOnlySpan<BufferView> others)
        {
            foreach (var x in some)
            {
                foreach (var y in others)
                {
                    if (x.Buffer == y.Buffer && Math.Max(x.Offset, y.Offset) < Math.Min(x.Offset + x.Bytes, y.Offset + y.Bytes))
                    {
                        return true;
                    }
                }
            }
            return false;
        }
        return (a.Disjoint is null || a.Disjoint != b.Disjoint) && (Meet(a.Writes, b.Views) || Meet(a.Views, b.Writes));
    }

    private static void RequireApart(PlanLayout layout, List<int> group)
    {
        foreach (var (a, firstA, lastA) in layout.Transient)
        {
            foreach (var (b, firstB, lastB) in layout.Transient)
            {
                var ((blockA, offsetA), (blockB, offsetB)) = (layout.OffsetOf(a), layout.OffsetOf(b));
                if (a != b && blockA == blockB && offsetA < offsetB + b.Bytes && offsetB < offsetA + a.Bytes)
                {
                    Assert.True(group[lastA] < group[firstB] || group[lastB] < group[firstA], $"{a.Name} and {b.Name}");
                }
            }
        }
    }

    private static int BarriersInOrder(IReadOnlyList<Dispatch> recorded)
    {
        var (since, barriers) = (new List<Dispatch>(), 0);
        foreach (var dispatch in recorded)
        {
            if (since.Exists(d => d.Loop != dispatch.Loop || Conflict(d, dispatch)))
            {
                since.Clear();
                barriers++;
            }
            since.Add(dispatch);
        }
        return barriers;
    }
}
