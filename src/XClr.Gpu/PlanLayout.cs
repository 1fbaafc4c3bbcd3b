namespace XClr.Gpu;

/// <summary>How a plan is compiled.</summary>
public sealed record PlanOptions
{
    /// <summary>Seconds per vkQueueSubmit at most, as slow devices of the kind would need them (a dispatch that takes longer is divided); null = by the kind of device.</summary>
    public double? MaxSubmitSeconds { get; init; }

    /// <summary>Which timestamps the plan writes. Off = no query command at all.</summary>
    public PlanTiming Timing { get; init; } = PlanTiming.Off;

    /// <summary>Test mode: fills the plan's transient memory with NaN before each run, so that what was never written shows.</summary>
    public bool Poison { get; init; }

    /// <summary>Test mode: transient buffers share no memory and have a guard between them, checked by <see cref="Plan.CheckCanaries"/>.</summary>
    public bool Canaries { get; init; }
}

/// <summary>Timestamps a plan writes.</summary>
public enum PlanTiming
{
    Off,
    Step,
    Segments,
    Dispatches,
}

/// <summary>
/// The compiled form of recorded dispatches, without any device memory: lifetimes and offsets of the transient buffers, where barriers stand,
/// where submits are cut, and what it all costs. `train --plan` prints this.
/// </summary>
public sealed class PlanLayout
{
    private readonly Dictionary<GpuBuffer, (int Block, long Offset)> offsets = [];

    private PlanLayout(IReadOnlyList<Dispatch> recorded, PlanOptions options)
    {
        (Dispatches, BarrierBefore) = DispatchOrder.Of(recorded);
        Options = options;
    }

    /// <summary>What was recorded, in the order in which it runs, which may be another one (<see cref="DispatchOrder"/>).</summary>
    public IReadOnlyList<Dispatch> Dispatches { get; }

    /// <summary>What a plan of this layout is compiled with.</summary>
    public PlanOptions Options { get; }

    /// <summary>Persistent buffers that the dispatches use, in order of first use.</summary>
    public IReadOnlyList<GpuBuffer> Persistent { get; private set; } = [];

    /// <summary>Transient buffers in order of first use, with the indices of their first and last dispatch.</summary>
    public IReadOnlyList<(GpuBuffer Buffer, int First, int Last)> Transient { get; private set; } = [];

    /// <summary>Bytes of each block of transient memory.</summary>
    public IReadOnlyList<long> BlockBytes { get; private set; } = [];

    /// <summary>barrierBefore[i]: dispatch i waits for all dispatches before it.</summary>
    public IReadOnlyList<bool> BarrierBefore { get; }

    /// <summary>Where each submit begins.</summary>
    public IReadOnlyList<PlanCut> SegmentStarts { get; private set; } = [];

    /// <summary>Segments in the order of their submits: those of a loop as often as it runs.</summary>
    public IReadOnlyList<int> SubmitOrder => OrderOf(SegmentStarts);

    /// <summary>Floating-point operations of a run.</summary>
    public double Flops => Dispatches.Sum(d => d.Times * d.Flops);

    /// <summary>Bytes read and written by all dispatches of a run.</summary>
    public long TrafficBytes => Dispatches.Sum(d => d.Times * d.Bytes);

    /// <summary>Bytes of transient memory that the plan allocates.</summary>
    public long TransientPeakBytes => BlockBytes.Sum();

    /// <summary>Bytes that the transient buffers would take without sharing memory.</summary>
    public long TransientSumBytes => Transient.Sum(t => t.Buffer.Bytes);
    public long PersistentBytes => Persistent.Sum(b => b.Bytes);

    /// <summary>All device memory the plan needs, bytes.</summary>
    public long TotalBytes => PersistentBytes + TransientPeakBytes;

    /// <summary>The largest buffer: it must lie in one piece of memory.</summary>
    public GpuBuffer Largest => Persistent.Concat(Transient.Select(t => t.Buffer)).MaxBy(b => b.Bytes)!;

    /// <summary>Whether a device can hold the plan: all of it in its memory, together with other bytes, and each buffer in one allocation.</summary>
    public bool Fits(DeviceCaps caps, long otherBytes = 0) => TotalBytes + otherBytes <= caps.DeviceLocalBytes && Largest.Bytes <= caps.MaxMemoryAllocationSize;

    public static PlanLayout Create(IReadOnlyList<Dispatch> dispatches, DeviceCaps caps, PlanOptions? options = null)
    {
        if (dispatches.Count == 0)
        {
            throw new GpuException("A plan needs at least one dispatch.");
        }
        options ??= new PlanOptions();
        var layout = new PlanLayout(dispatches, options);
        layout.FindLifetimes();
        layout.AssignOffsets(caps, options);
        var slow = SlowDevice.Of(caps);
        layout.SegmentStarts = PlanCut.Within(layout.Dispatches, caps, i => slow.Seconds(layout.Dispatches[i]), options.MaxSubmitSeconds ?? slow.SubmitSeconds);
        return layout;
    }

    /// <summary>Block and byte offset of a transient buffer.</summary>
    public (int Block, long Offset) OffsetOf(GpuBuffer transient) => offsets[transient];

    /// <summary>Bytes by category: persistent buffers in full, transient ones at the moment when the sum over all of them is largest.</summary>
    public IReadOnlyDictionary<MemoryCategory, long> BytesByCategory()
    {
        var peak = Enumerable.Range(0, Dispatches.Count).MaxBy(LiveBytes);
        var live = Transient.Where(t => t.First <= peak && peak <= t.Last).Select(t => t.Buffer);
        return Persistent.Concat(live).GroupBy(b => b.Category).OrderBy(g => g.Key).ToDictionary(g => g.Key, g => g.Sum(b => b.Bytes));
    }

    /// <summary>Bytes of transient buffers alive during a dispatch: the lower bound of any planner at that moment.</summary>
    public long LiveBytes(int dispatch) => Transient.Where(t => t.First <= dispatch && dispatch <= t.Last).Sum(t => t.Buffer.Bytes);

    private void FindLifetimes()
    {
        var uses = new Dictionary<GpuBuffer, (int First, int Last)>();
        var persistent = new List<GpuBuffer>();
        var order = new List<GpuBuffer>();
        foreach (var dispatch in Dispatches)
        {
            for (var i = 0; i < dispatch.Views.Length; i++)
            {
                var buffer = dispatch.Views[i].Buffer;
                if (uses.TryGetValue(buffer, out var use))
                {
                    uses[buffer] = (use.First, dispatch.Index);
                    continue;
                }
                if (!buffer.IsPersistent && i < dispatch.Kernel.Reads)
                {
                    throw new GpuException($"{dispatch.Label} reads transient buffer '{buffer.Name}' before any dispatch has written it.");
                }
                uses[buffer] = (dispatch.Index, dispatch.Index);
                (buffer.IsPersistent ? persistent : order).Add(buffer);
            }
        }
        Persistent = persistent;
        var loops = Dispatches.Where(d => d.Loop is not null).GroupBy(d => d.Loop, (_, body) => (First: body.Min(d => d.Index), Last: body.Max(d => d.Index))).ToList();
        Transient = [.. order.Select(b => Widened(b, uses[b], loops))];
    }

    // What a loop shares with the dispatches outside it must stay through all of its times.
    private static (GpuBuffer Buffer, int First, int Last) Widened(GpuBuffer buffer, (int First, int Last) use, List<(int First, int Last)> loops)
    {
        foreach (var (first, last) in loops)
        {
            var meets = use.First <= last && first <= use.Last;
            if (meets && (use.First < first || use.Last > last))
            {
                use = (Math.Min(use.First, first), Math.Max(use.Last, last));
            }
        }
        return (buffer, use.First, use.Last);
    }

    private void AssignOffsets(DeviceCaps caps, PlanOptions options)
    {
        var alignment = caps.PlacementAlignment;
        var guard = options.Canaries ? alignment : 0;
        var planner = new ArenaPlanner(alignment, caps.MaxMemoryAllocationSize, shareMemory: !options.Canaries);
        // Lifetimes are counted in barriers: what is used without one in between does not share memory.
        var barriers = new int[Dispatches.Count];
        for (var i = 1; i < barriers.Length; i++)
        {
            barriers[i] = barriers[i - 1] + (BarrierBefore[i] ? 1 : 0);
        }
        foreach (var (buffer, first, last) in Transient.OrderByDescending(t => t.Buffer.Bytes).ThenBy(t => t.First))
        {
            offsets[buffer] = planner.Place(buffer.Bytes + guard, barriers[first], barriers[last]);
        }
        BlockBytes = planner.BlockBytes;
    }

    /// <summary>Where segments begin, and the dispatches before which a loop begins or ends.</summary>
    internal IReadOnlyList<PlanCut> CutAtLoops(IReadOnlyList<PlanCut> starts) =>
        [.. starts.Concat(Enumerable.Range(0, Dispatches.Count).Where(i => PlanCut.LoopEdge(Dispatches, i)).Select(i => new PlanCut(i))).DistinctBy(s => (s.Dispatch, s.Part)).OrderBy(s => s.Dispatch).ThenBy(s => s.Part)];

    /// <summary>The order of submits of segments that begin there, cut at the loops.</summary>
    internal IReadOnlyList<int> OrderOf(IReadOnlyList<PlanCut> starts) => [.. Enumerable.Range(0, starts.Count).GroupBy(s => (object?)Dispatches[starts[s].Dispatch].Loop ?? s)
        .SelectMany(segments => Enumerable.Repeat(segments, (segments.Key as DispatchLoop)?.Times ?? 1).SelectMany(s => s))];
}
