namespace XClr.Gpu;

/// <summary>
/// In which order a plan runs what was recorded, and before which dispatches barriers stand. At a barrier a device runs empty and fills again, while what stands between two of them overlaps; so a dispatch that was recorded a little
/// later, and depends on nothing since the last barrier, is brought before the next one, unless that takes more memory than the recorded order. Of two dispatches where one writes what the other uses, the one recorded first runs
/// first, a barrier between them.
/// </summary>
internal static class DispatchOrder
{
    // How many dispatches wait for a barrier while later ones are looked at. More bring ResNet-50's step nothing, and what runs earlier holds its memory longer.
    private const int MostWaiting = 4;

    // Bytes that may be alive at once, by those of the recorded order. Work in slabs, which keeps memory small, must not have several slabs at once.
    private const double MostMemory = 1.01;

    /// <summary>The dispatches in their new order, with indices to match, and whether a barrier stands before each. A loop's dispatches stay together.</summary>
    public static (IReadOnlyList<Dispatch> Dispatches, IReadOnlyList<bool> BarrierBefore) Of(IReadOnlyList<Dispatch> recorded)
    {
        var (order, barriers) = (new List<Dispatch>(recorded.Count), new List<bool>(recorded.Count));
        var (waiting, next, memory, most) = (new List<Dispatch>(), 0, new LiveMemory(recorded), MostMemory * PeakOf(recorded));
        while (order.Count < recorded.Count)
        {
            var (running, passed, candidates, start) = (new HazardTracker(), new HazardTracker(), waiting, order.Count);
            waiting = [];
            void Consider(Dispatch dispatch)
            {
                if (running.ConflictsWith(dispatch) || passed.ConflictsWith(dispatch) || (order.Count > start && memory.With(dispatch) > most))
                {
                    passed.Add(dispatch);
                    waiting.Add(dispatch);
                    return;
                }
                running.Add(dispatch);
                memory.Use(dispatch);
                barriers.Add(order.Count == start && start > 0);
                order.Add(dispatch with { Index = order.Count });
            }
            candidates.ForEach(Consider);
            var loop = (candidates.FirstOrDefault() ?? recorded[next]).Loop;
            while (next < recorded.Count && waiting.Count < MostWaiting && ReferenceEquals(recorded[next].Loop, loop))
            {
                Consider(recorded[next++]);
            }
            memory.Release();
        }
        return (order, barriers);
    }

    private static long PeakOf(IReadOnlyList<Dispatch> recorded)
    {
        var (memory, peak) = (new LiveMemory(recorded), 0L);
        foreach (var dispatch in recorded)
        {
            peak = Math.Max(peak, memory.With(dispatch));
            memory.Use(dispatch);
            memory.Release();
        }
        return peak;
    }
}

/// <summary>Bytes of the transient buffers that are alive while dispatches run one after the other.</summary>
internal sealed class LiveMemory
{
    private readonly Dictionary<GpuBuffer, int> usesLeft = [];
    private readonly HashSet<GpuBuffer> alive = [], ended = [];
    private long bytes;

    /// <param name="dispatches">All that will run.</param>
    public LiveMemory(IEnumerable<Dispatch> dispatches)
    {
        foreach (var buffer in dispatches.SelectMany(TransientOf))
        {
            usesLeft[buffer] = usesLeft.GetValueOrDefault(buffer) + 1;
        }
    }

    /// <summary>What is alive with this dispatch beside those used since the last release.</summary>
    public long With(Dispatch dispatch) => bytes + TransientOf(dispatch).Where(b => !alive.Contains(b)).Sum(b => b.Bytes);

    public void Use(Dispatch dispatch)
    {
        foreach (var buffer in TransientOf(dispatch))
        {
            bytes += alive.Add(buffer) ? buffer.Bytes : 0;
            if (--usesLeft[buffer] == 0)
            {
                ended.Add(buffer);
            }
        }
    }

    /// <summary>Lets go of what no dispatch uses any more.</summary>
    public void Release()
    {
        bytes -= ended.Sum(b => b.Bytes);
        ended.Clear();
    }

    private static IEnumerable<GpuBuffer> TransientOf(Dispatch dispatch) => dispatch.Views.Select(v => v.Buffer).Where(b => !b.IsPersistent).Distinct();
}

/// <summary>What some dispatches read and write.</summary>
internal sealed class HazardTracker
{
    private readonly List<(BufferView View, object? Disjoint)> reads = [];
    private readonly List<(BufferView View, object? Disjoint)> writes = [];

    /// <summary>Whether a dispatch writes what one of them uses, or uses what one of them writes.</summary>
    public bool ConflictsWith(Dispatch dispatch)
    {
        foreach (var view in dispatch.Reads)
        {
            if (Overlaps(writes, view, dispatch.Disjoint))
            {
                return true;
            }
        }
        foreach (var view in dispatch.Writes)
        {
            if (Overlaps(writes, view, dispatch.Disjoint) || Overlaps(reads, view, dispatch.Disjoint))
            {
                return true;
            }
        }
        return false;
    }

    public void Add(Dispatch dispatch)
    {
        foreach (var view in dispatch.Reads)
        {
            reads.Add((view, dispatch.Disjoint));
        }
        foreach (var view in dispatch.Writes)
        {
            writes.Add((view, dispatch.Disjoint));
        }
    }

    private static bool Overlaps(List<(BufferView View, object? Disjoint)> tracked, BufferView view, object? disjoint) => tracked.Exists(t =>
        t.View.Buffer == view.Buffer && t.View.Offset < view.Offset + view.Bytes && view.Offset < t.View.Offset + t.View.Bytes && (disjoint is null || t.Disjoint != disjoint));
}
