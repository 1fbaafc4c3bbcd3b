namespace XClr.Gpu;

/// <summary>
/// In which order a plan runs what was recorded, and before which dispatches barriers stand. At a barrier a device runs empty and fills again, while what stands between two of them overlaps; so a dispatch that was recorded a little
/// later, and depends on nothing since the last barrier, is brought before the next one. Of two dispatches where one writes what the other uses, the one recorded first runs first, a barrier between them.
/// </summary>
internal static class DispatchOrder
{
    // How many dispatches wait for a barrier while later ones are looked at. More bring ResNet-50's step nothing, and what runs earlier holds its memory longer.
    private const int MostWaiting = 4;

    /// <summary>The dispatches in their new order, with indices to match, and whether a barrier stands before each. A loop's dispatches stay together.</summary>
    public static (IReadOnlyList<Dispatch> Dispatches, IReadOnlyList<bool> BarrierBefore) Of(IReadOnlyList<Dispatch> recorded)
    {
        var (order, barriers) = (new List<Dispatch>(recorded.Count), new List<bool>(recorded.Count));
        var (waiting, next) = (new List<Dispatch>(), 0);
        while (order.Count < recorded.Count)
        {
            var (running, passed, candidates, start) = (new HazardTracker(), new HazardTracker(), waiting, order.Count);
            waiting = [];
            void Consider(Dispatch dispatch)
            {
                if (running.ConflictsWith(dispatch) || passed.ConflictsWith(dispatch))
                {
                    passed.Add(dispatch);
                    waiting.Add(dispatch);
                    return;
                }
                running.Add(dispatch);
                barriers.Add(order.Count == start && start > 0);
                order.Add(dispatch with { Index = order.Count });
            }
            candidates.ForEach(Consider);
            var loop = (candidates.FirstOrDefault() ?? recorded[next]).Loop;
            while (next < recorded.Count && waiting.Count < MostWaiting && ReferenceEquals(recorded[next].Loop, loop))
            {
                Consider(recorded[next++]);
            }
        }
        return (order, barriers);
    }
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
