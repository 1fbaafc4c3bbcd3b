using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>
/// Recorded dispatches, compiled for a device: memory, pipelines, descriptor sets and command buffers are made once; a run is one or a few
/// vkQueueSubmit calls. Building it allocates the persistent buffers that it uses.
/// </summary>
public sealed unsafe partial class Plan : IDisposable
{
    private const byte CanaryByte = 0xA5;
    private static readonly TimeSpan WaitLimit = TimeSpan.FromMinutes(10);
    private readonly GpuDevice device;
    private readonly PlanOptions options;
    private readonly List<ArenaBlock> blocks = [];
    private readonly Dictionary<GpuBuffer, ArenaSlice> transient = [];
    private CommandPool commandPool;
    private PlanBindings? bindings;
    private TimestampQueries? queries;
    private CommandBuffer[] segments = [];
    private IReadOnlyList<PlanCut> starts;
    private IReadOnlyList<int> order;
    private bool disposed;

    private Plan(GpuDevice device, PlanLayout layout)
    {
        this.device = device;
        options = layout.Options;
        Layout = layout;
        (starts, order) = (layout.SegmentStarts, layout.SubmitOrder);
        Timing = options.Timing;
    }

    public PlanLayout Layout { get; }

    /// <summary>Which timestamps a run writes.</summary>
    public PlanTiming Timing { get; private set; }

    /// <summary>Query commands that a run executes.</summary>
    internal int QueryCommands => queries?.Commands ?? 0;

    /// <summary>Compiles a recorder's dispatches on a device.</summary>
    /// <exception cref="GpuOutOfMemoryException">The plan's memory does not fit.</exception>
    public static Plan Build(GpuDevice device, Recorder recorder, PlanOptions? options = null) => Build(device, PlanLayout.Create(recorder.Dispatches, device.Caps, options));

    /// <summary>Compiles dispatches that already have a layout for this device, with the layout's options.</summary>
    /// <inheritdoc cref="Build(GpuDevice, Recorder, PlanOptions)" path="/exception"/>
    public static Plan Build(GpuDevice device, PlanLayout layout)
    {
        var plan = new Plan(device, layout);
        device.Track(plan);
        try
        {
            device.Pipelines.Compile(layout.Dispatches.Select(d => d.Kernel));
            plan.CompileDivided();
            plan.Allocate();
            plan.bindings = new PlanBindings(device, layout.Dispatches, plan.PlaceOf);
            plan.Record();
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>Submits the plan after all uploads so far; returns at once.</summary>
    public GpuTicket Submit()
    {
        GpuTicket ticket = default;
        for (var i = 0; i < SegmentCount; i++)
        {
            ticket = SubmitSegment(i);
        }
        return ticket;
    }

    /// <summary>First dispatch of each segment that <see cref="PlanTiming.Segments"/> times.</summary>
    public IReadOnlyList<PlanCut> Starts => starts;

    /// <summary>Number of separately submitted parts of a run; those of a loop count once per iteration.</summary>
    public int SegmentCount => order.Count;

    /// <summary>Submits one part of a run; a run is all of them in their order, whatever else the queue does between them.</summary>
    public GpuTicket SubmitSegment(int index) => new(device.Compute.Submit(segments[order[index]], device.Copy, device.Transfer.LastUpload));

    /// <summary>Divides the plan into other segments, which are timed, after the runs so far have ended. segmentStarts: first dispatch of each, rising, from 0 on; a loop's ends always separate segments. Results stay equal to the bit.</summary>
    /// <exception cref="DeviceLostException">The runs do not end.</exception>
    public void Cut(IReadOnlyList<PlanCut> segmentStarts)
    {
        starts = Layout.CutAtLoops(segmentStarts);
        order = Layout.OrderOf(starts);
        CompileDivided();
        RecordAnew(PlanTiming.Segments);
    }

    /// <summary>Waits for a submit of this device's plans.</summary>
    public void Wait(GpuTicket ticket) => device.Compute.Wait(ticket.Value, WaitLimit);

    /// <summary>Everything submitted from now on waits for a value of a host's semaphore.</summary>
    public void Await(HostSemaphore semaphore) => device.Compute.Order(wait: semaphore, signal: null);

    /// <summary>Sets a host's semaphore to a value when everything submitted so far has ended.</summary>
    public void Signal(HostSemaphore semaphore) => device.Compute.Order(wait: null, signal: semaphore);

    /// <summary>Submits and waits.</summary>
    public void Run() => Wait(Submit());

    /// <summary>
    /// Start and end of every dispatch or segment (in a loop: of its last iteration), or of the step, in the last run. Null if the device or the plan has no timestamps, or they do not arrive within the time limit.
    /// </summary>
    public PlanTimings? ReadTimings() =>
        queries?.Read() is { } ticks ? PlanTimings.Create(device.Caps.Timestamps, ticks, Timing == PlanTiming.Dispatches ? Layout.BarrierBefore : []) : null;

    /// <summary>Nanoseconds that the whole last run took, for a plan with <see cref="PlanTiming.Step"/>; null as for <see cref="ReadTimings"/>.</summary>
    public double? ReadStepNs() => ReadTimings() is { Spans: [var whole] } ? whole.End - whole.Start : null;

    /// <summary>Changes which timestamps are written, after the runs so far have ended; memory, pipelines and bindings stay.</summary>
    /// <exception cref="DeviceLostException">They do not end.</exception>
    public void Retime(PlanTiming timing)
    {
        if (timing != Timing)
        {
            RecordAnew(timing);
        }
    }

    private void RecordAnew(PlanTiming timing)
    {
        device.Compute.Wait(device.Compute.Submitted, WaitLimit);
        device.Vk.DestroyCommandPool(device.Handle, commandPool, null);
        queries?.Dispose();
        (commandPool, queries, segments, Timing) = (default, null, [], timing);
        Record();
    }

    /// <summary>Throws if a run wrote outside its transient buffers. Needs <see cref="PlanOptions.Canaries"/>.</summary>
    public void CheckCanaries()
    {
        foreach (var block in blocks)
        {
            var bytes = new byte[block.Bytes];
            device.Transfer.Copy(block, 0, bytes);
            foreach (var (buffer, slice) in transient.Where(t => t.Value.Block == block))
            {
                var end = slice.Offset + buffer.Bytes;
                var guard = bytes.AsSpan((int)end, (int)(Math.Min(Arena.RoundUp(end, device.Caps.PlacementAlignment) + device.Caps.PlacementAlignment, block.Bytes) - end));
                var broken = guard.IndexOfAnyExcept(CanaryByte);
                if (broken >= 0)
                {
                    throw new GpuException($"A dispatch wrote {broken} bytes past the end of '{buffer.Name}' ({buffer.Bytes} bytes).");
                }
            }
        }
    }

    private void CompileDivided() => device.Pipelines.Compile(starts.Where(s => s.Parts > 1).Select(s => Layout.Dispatches[s.Dispatch].Kernel), withBase: true);

    private int QueryCount => Timing switch { PlanTiming.Step => 2, PlanTiming.Segments => 2 * starts.Count, PlanTiming.Dispatches => 2 * Layout.Dispatches.Count, _ => 0 };

    private void Allocate()
    {
        if (Layout.Largest is var largest && largest.Bytes > device.Caps.MaxMemoryAllocationSize)
        {
            throw new GpuException($"Buffer '{largest.Name}' needs {largest.Bytes} bytes in one piece, above the device's maxMemoryAllocationSize of {device.Caps.MaxMemoryAllocationSize}.");
        }
        device.Place(Layout.Persistent);
        foreach (var bytes in Layout.BlockBytes)
        {
            blocks.Add(new ArenaBlock(device, bytes, "activations and workspace"));
        }
        foreach (var (buffer, _, _) in Layout.Transient)
        {
            var (block, offset) = Layout.OffsetOf(buffer);
            transient[buffer] = new ArenaSlice(blocks[block], offset, buffer.Bytes);
        }
    }

    private ArenaSlice PlaceOf(BufferView view) => transient.TryGetValue(view.Buffer, out var slice) ? slice : view.Buffer.Placement!.Value;

    public void Dispose()
    {
        if (disposed)
        {
            return;
        }
        disposed = true;
        device.Untrack(this);
        if (!device.Settle())
        {
            return;
        }
        queries?.Dispose();
        device.Vk.DestroyCommandPool(device.Handle, commandPool, null);
        bindings?.Dispose();
        blocks.ForEach(b => b.Dispose());
    }
}
