using System.Runtime.InteropServices;

namespace XClr.Gpu;

/// <summary>Part of a training step, for profiles and plan tables.</summary>
public enum StepPhase
{
    Other,
    Augment,
    Forward,
    Loss,
    Backward,
    Optimizer,
}

/// <summary>Cost of a dispatch: floating-point operations, and bytes of memory traffic if they differ from the views' sizes.</summary>
/// <param name="Flops">Floating-point operations (a fused multiply-add counts two).</param>
/// <param name="Bytes">Bytes read and written; null = the sum of the bound views, a view bound to several slots of one kind counted once.</param>
public readonly record struct DispatchCost(double Flops = 0, long? Bytes = null);

/// <summary>Neighbouring dispatches that a run executes several times, all of them in order each time.</summary>
public sealed class DispatchLoop(int times)
{
    public int Times { get; } = times;
}

/// <summary>One recorded dispatch: everything a plan needs to bind and launch it.</summary>
public sealed record Dispatch
{
    public required int Index { get; init; }
    public required Kernel Kernel { get; init; }
    public required long Groups { get; init; }
    public required byte[] PushConstants { get; init; }

    /// <summary>The bound ranges in binding order: reads, then writes.</summary>
    public required BufferView[] Views { get; init; }
    public required double Flops { get; init; }
    public required long Bytes { get; init; }
    public required string Layer { get; init; }
    public required StepPhase Phase { get; init; }
    public required string Detail { get; init; }

    /// <summary>The loop it is recorded in; null = none.</summary>
    public required DispatchLoop? Loop { get; init; }

    /// <summary>Dispatches with the same value declare that none uses an element that another one writes; null = no such declaration.</summary>
    public required object? Disjoint { get; init; }

    /// <summary>How often a run of the plan executes it; Flops and Bytes are those of one time.</summary>
    public int Times => Loop?.Times ?? 1;

    /// <summary>Name in profiles and capture tools: kernel, shapes, layer.</summary>
    public string Label => string.Join(' ', new[] { Kernel.Name, Detail, Layer }.Where(s => s.Length > 0));
    public ReadOnlySpan<BufferView> Reads => Views.AsSpan(0, Kernel.Reads);
    public ReadOnlySpan<BufferView> Writes => Views.AsSpan(Kernel.Reads);
}

/// <summary>
/// Records dispatches in order, from which a <see cref="Plan"/> is built. Needs a device's caps, not the device: nothing is allocated here.
/// Ops take it as their first argument, in tests and in the training step alike.
/// </summary>
public sealed class Recorder(DeviceCaps caps)
{
    private readonly List<Dispatch> dispatches = [];
    private readonly List<string> layers = [];
    private readonly List<ITunable> works = [];
    private StepPhase phase = StepPhase.Other;
    private DispatchLoop? loop;
    private object? disjoint;

    public DeviceCaps Caps { get; } = caps;
    public IReadOnlyList<Dispatch> Dispatches => dispatches;

    /// <summary>Recorded work that could be done in several ways (see `xclr tune`), once for each time it was recorded.</summary>
    public IReadOnlyList<ITunable> Works => works;

    /// <summary>Declares work that can be done in several ways, before one of them is recorded.</summary>
    public void Note(ITunable work) => works.Add(work);

    /// <summary>A buffer that lives from its first write to its last read inside this plan.</summary>
    public GpuBuffer Transient(string name, long bytes, MemoryCategory category) => new(Qualified(name), bytes, category, persistent: false);

    /// <summary>Names the dispatches recorded until disposal ("layer1.0.conv1"); nests with dots.</summary>
    public IDisposable Layer(string name)
    {
        layers.Add(name);
        return new Undo(() => layers.RemoveAt(layers.Count - 1));
    }

    /// <summary>Sets the phase of the dispatches recorded until disposal.</summary>
    public IDisposable Phase(StepPhase value)
    {
        var before = phase;
        phase = value;
        return new Undo(() => phase = before);
    }

    /// <summary>
    /// A loop: what is recorded until disposal is executed this many times in a row. Every iteration is the same; what differs between them must be read from a buffer. Buffers that carry values from one iteration
    /// to the next must be persistent, or used outside the loop too. Loops do not nest, and a plan does not begin with one.
    /// </summary>
    public IDisposable Repeat(int times)
    {
        if (loop is not null || dispatches.Count == 0 || times < 1)
        {
            throw new GpuException($"A loop of {times} times cannot begin after {dispatches.Count} dispatches{(loop is null ? "" : " in another loop")}.");
        }
        loop = new DispatchLoop(times);
        return new Undo(() => loop = null);
    }

    /// <summary>Declares that of the dispatches recorded until disposal none uses an element that another one writes, though they may bind the same ranges: there are no barriers between them.</summary>
    public IDisposable Disjoint()
    {
        var before = disjoint;
        disjoint = new object();
        return new Undo(() => disjoint = before);
    }

    /// <summary>
    /// Records one dispatch. <paramref name="groups"/> is the number of workgroups as one flat number; it is laid out over x, y and z within the
    /// device's limits, and shaders recover it with flat_group() of common/grid.glsl (groups past the end must return at once).
    /// A view in <paramref name="writes"/> may also be read by the shader. Shapes go into <paramref name="detail"/>, for profiles.
    /// </summary>
    public void Dispatch<TParams>(Kernel<TParams> kernel, long groups, in TParams parameters, ReadOnlySpan<BufferView> reads, ReadOnlySpan<BufferView> writes,
        DispatchCost cost = default, string detail = "")
        where TParams : unmanaged
    {
        if (reads.Length != kernel.Reads || writes.Length != kernel.Writes)
        {
            throw new GpuException($"{kernel.Name} binds {kernel.Reads} reads and {kernel.Writes} writes, but was given {reads.Length} and {writes.Length}.");
        }
        if (kernel.Images > 0)
        {
            throw new GpuException($"{kernel.Name} reads images of a host; it is recorded by HostCommands.");
        }
        if (groups <= 0)
        {
            throw new GpuException($"{kernel.Name} was asked for {groups} workgroups.");
        }
        BufferView[] views = [.. reads, .. writes];
        for (var i = 0; i < views.Length; i++)
        {
            RequireBindable(kernel, views[i], texels: i < kernel.Texels);
        }
        var push = MemoryMarshal.AsBytes(new ReadOnlySpan<TParams>(in parameters)).ToArray();
        dispatches.Add(new Dispatch
        {
            Index = dispatches.Count,
            Kernel = kernel,
            Groups = groups,
            PushConstants = push,
            Views = views,
            Flops = cost.Flops,
            Bytes = cost.Bytes ?? BytesOf(views.AsSpan(0, reads.Length)) + BytesOf(views.AsSpan(reads.Length)),
            Layer = string.Join('.', layers),
            Phase = phase,
            Detail = detail,
            Loop = loop,
            Disjoint = disjoint,
        });
    }

    // Of memory bound twice once, whatever it is read as.
    private static long BytesOf(ReadOnlySpan<BufferView> views) => views.ToArray().DistinctBy(v => (v.Buffer, v.Offset, v.Bytes)).Sum(v => v.Bytes);

    private void RequireBindable(Kernel kernel, BufferView view, bool texels)
    {
        if (view.Buffer is null)
        {
            throw new GpuException($"{kernel.Name} was given an empty buffer view.");
        }
        if (view.Bytes > Caps.MaxStorageBufferRange)
        {
            throw new GpuException($"{kernel.Name}: {view.Buffer.Name} binds {view.Bytes} bytes, above the device's maxStorageBufferRange of {Caps.MaxStorageBufferRange}; the op must slice it.");
        }
        var (texel, most) = view.Texel == TexelType.Single ? (DeviceCaps.TexelBytes, Caps.MaxTexelBufferBytes) : (DeviceCaps.TexelBytes / 2, Caps.MaxTexelBufferBytes / 2);
        if (texels && (view.Bytes % texel != 0 || view.Bytes > most))
        {
            throw new GpuException($"{kernel.Name}: {view.Buffer.Name} binds {view.Bytes} bytes as texels; they must be a multiple of {texel} and at most {most}.");
        }
        if (view.Offset % Caps.MinStorageBufferOffsetAlignment != 0)
        {
            throw new GpuException($"{kernel.Name}: {view.Buffer.Name} is bound at byte {view.Offset}, not a multiple of the device's {Caps.MinStorageBufferOffsetAlignment}.");
        }
    }

    private string Qualified(string name) => layers.Count == 0 ? name : $"{string.Join('.', layers)}.{name}";

    private sealed class Undo(Action undo) : IDisposable
    {
        public void Dispose() => undo();
    }
}
