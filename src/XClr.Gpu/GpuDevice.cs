using System.Text;
using Silk.NET.Vulkan;
using Buffer = Silk.NET.Vulkan.Buffer;

namespace XClr.Gpu;

/// <summary>
/// An opened Vulkan device: caps, queue, memory, pipelines. Disposal throws if buffers or plans were not disposed before it. Not thread-safe unless a member says so.
/// </summary>
public sealed unsafe partial class GpuDevice : IDisposable
{
    /// <summary>Environment variable that switches the validation layer on, see <see cref="DeviceOptions.Validation"/>.</summary>
    public const string ValidationVariable = "XCLR_VALIDATION";
    private readonly GpuInstance instance;
    private readonly PhysicalDevice physical;
    private readonly Arena arena;
    private readonly bool ownsDevice;
    private readonly uint[] families;
    private readonly HashSet<Plan> plans = [];
    private readonly KernelFigures figures;
    private readonly string? figuresFolder;
    private readonly bool requireSilence;
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(20);
    private bool disposed, hangs;
    private bool? tellsBudget;

    private GpuDevice(GpuInstance instance, PhysicalDevice physical, DeviceCaps caps, DeviceOptions options, ForeignHandles? foreign)
    {
        this.instance = instance;
        this.physical = physical;
        requireSilence = foreign is null && options.Validation is null;
        figuresFolder = options.FiguresFolder;
        figures = KernelFigures.Open(caps, figuresFolder);
        Shaders = options.Shaders;
        Caps = caps;
        ownsDevice = foreign is null;
        var compute = foreign?.QueueFamily ?? DeviceProbe.ComputeQueue(Vk, physical).Family;
        var copy = foreign is null ? DeviceProbe.TransferQueue(Vk, physical) : null;
        families = copy is { } c ? [compute, c] : [compute];
        Handle = foreign is null ? CreateDevice() : new Device(foreign.Device);
        Labels = new DebugLabels(instance, Handle);
        Memory = new MemoryAllocator(this, physical);
        arena = new Arena(this);
        try
        {
            Compute = new GpuQueue(this, compute, foreign is null ? QueueOf(compute) : new Queue(foreign.Queue));
            Copy = copy is { } family ? new GpuQueue(this, family, QueueOf(family)) : Compute;
            Pipelines = new PipelineCache(this, options.CacheFolder);
            Transfer = new Transfer(this);
        }
        catch
        {
            Destroy();
            throw;
        }
    }

    /// <summary>What the device can do. <see cref="Record"/> adds what it learns about kernels; <see cref="Take"/> replaces the measured choices.</summary>
    public DeviceCaps Caps { get; private set; }

    /// <summary>Copies between host and device memory.</summary>
    public Transfer Transfer { get; }

    /// <summary>Warnings and errors of the validation layer so far; empty without validation.</summary>
    public IReadOnlyList<string> ValidationMessages => instance.Messages;

    internal Vk Vk => instance.Vk;
    internal nint InstanceHandle => instance.Handle.Handle;
    internal nint PhysicalHandle => physical.Handle;
    internal ShaderFolder? Shaders { get; }
    internal Device Handle { get; }
    internal GpuQueue Compute { get; }
    internal GpuQueue Copy { get; }
    internal PipelineCache Pipelines { get; }
    internal DebugLabels Labels { get; }
    internal MemoryAllocator Memory { get; }
    /// <summary>Whether buffers have addresses, for kernels with <see cref="Kernel.Pointers"/>; only kernels for CPU drivers have pointers.</summary>
    internal bool HasPointers => Caps.BufferDeviceAddress && Caps.CpuKernels;

    /// <summary>Allocates memory for persistent buffers that have none yet.</summary>
    public void Place(params IEnumerable<GpuBuffer> buffers)
    {
        foreach (var buffer in buffers)
        {
            arena.Place(buffer);
        }
    }

    /// <summary>
    /// Records with this device's caps, and again if the trial shows that its matrix units are no faster (<see cref="MatrixTrial"/>) or the compiler's figures that a kernel runs badly (<see cref="KernelFit.RunsWell"/>): ops then
    /// choose another kernel or tile. <paramref name="record"/> may run several times, so buffers that it uses must be made outside it.
    /// </summary>
    public Recorder Record(Action<Recorder> record)
    {
        while (true)
        {
            var recorder = new Recorder(Caps);
            record(recorder);
            if (!FindsPoorMatrices(recorder) && !FindsPoorKernels(recorder))
            {
                return recorder;
            }
        }
    }

    // Drivers for CPUs have matrices for tests alone.
    private bool FindsPoorMatrices(Recorder recorder)
    {
        if (!Caps.TriesMatrices || Caps.MatricesPay is not null || Caps.Kind == GpuKind.Cpu || !recorder.Dispatches.Any(d => d.Kernel.OnMatrices))
        {
            return false;
        }
        var pays = MatrixTrial.Run(this);
        Caps = Caps with { MatricesPay = pays, TriesMatrices = false };
        if (pays is { } verdict && figuresFolder is not null)
        {
            MatrixTrial.Write(Caps, figuresFolder, verdict);
        }
        return pays == false;
    }

    private bool FindsPoorKernels(Recorder recorder)
    {
        var hid = Caps.HidesSpills;
        return Ask(recorder.Dispatches.Select(d => d.Kernel)).Any(f => !f.RunsWell) || Caps.HidesSpills != hid;
    }

    /// <summary>Uses these measured choices for everything recorded from now on.</summary>
    public void Take(Tuning tuning) => Caps = Caps with { Tuning = tuning };

    /// <summary>Whether this device's compiler makes good code of all these kernels (no spills, enough occupancy); kernels not seen before are compiled to find out. True if the driver gives no figures.</summary>
    public bool RunWell(IReadOnlyList<Kernel> kernels)
    {
        Ask(kernels);
        return !kernels.Any(k => Caps.KernelsPassedOver.Contains(k.Key));
    }

    // Asks the compiler about kernels that it was not asked about before.
    private IEnumerable<KernelFit> Ask(IEnumerable<Kernel> kernels)
    {
        var unknown = kernels.DistinctBy(k => k.Key).Where(k => !figures.Knows(k)).ToList();
        if (!Caps.PipelineStatistics || unknown.Count == 0)
        {
            return [];
        }
        var found = new KernelStatistics[unknown.Count];
        PipelineCache.OnAllCores(unknown.Count, i => found[i] = Statistics(unknown[i])!);
        foreach (var statistics in found)
        {
            figures.Add(statistics);
        }
        figures.Save();
        Caps = Caps with { KernelsPassedOver = KeysOf(figures), HidesSpills = figures.HideSpills };
        return found.Select(s => s.Fit);
    }

    /// <summary>The kernels of <see cref="DeviceCaps.KernelsPassedOver"/> with the figures that ruled them out, by key.</summary>
    public IReadOnlyList<KernelFit> PassedOver => [.. figures.PassedOver.OrderBy(f => f.Key, StringComparer.Ordinal)];

    private static HashSet<string> KeysOf(KernelFigures figures) => [.. figures.PassedOver.Select(f => f.Key)];

    /// <summary>The driver's compiler's figures for a kernel on this device, on request with listings of its code; null if the driver gives none. Thread-safe.</summary>
    public KernelStatistics? Statistics(Kernel kernel, bool listings = false) => Pipelines.Statistics(kernel, listings);

    /// <summary>
    /// Waits for the device's work before its objects are destroyed. Never throws: if the device was lost, another exception already says so, and objects of a lost device
    /// may be destroyed. False if a submit does not end within the time limit: the device may still use the objects, which must then be left alone until the process ends.
    /// </summary>
    internal bool Settle()
    {
        try
        {
            hangs = hangs || !Compute.TryFinish(SettleLimit) || !Copy.TryFinish(SettleLimit);
        }
        catch (GpuException)
        {
            return true;
        }
        return !hangs;
    }

    /// <summary>Address of a Vulkan device function; 0 if there is none.</summary>
    internal nint Function(string name) => (nint)Vk.GetDeviceProcAddr(Handle, name).Handle;

    internal void Release(GpuBuffer buffer) => arena.Release(buffer);

    internal void Track(Plan plan) => plans.Add(plan);

    internal void Untrack(Plan plan) => plans.Remove(plan);

    internal Buffer CreateBufferHandle(long bytes, string purpose)
    {
        fixed (uint* indices = families)
        {
            var info = new BufferCreateInfo
            {
                SType = StructureType.BufferCreateInfo,
                Size = (ulong)bytes,
                Usage = BufferUsageFlags.StorageBufferBit | BufferUsageFlags.UniformTexelBufferBit | BufferUsageFlags.TransferSrcBit | BufferUsageFlags.TransferDstBit
                    | (HasPointers ? BufferUsageFlags.ShaderDeviceAddressBit : 0),
                SharingMode = families.Length > 1 ? SharingMode.Concurrent : SharingMode.Exclusive,
                QueueFamilyIndexCount = families.Length > 1 ? (uint)families.Length : 0,
                PQueueFamilyIndices = indices,
            };
            Memory.CheckRoom(Vk.CreateBuffer(Handle, &info, null, out var buffer), "vkCreateBuffer", bytes, purpose);
            return buffer;
        }
    }

    /// <summary>Whether this process has allocated more device memory than the driver can give it now: part of it is then in host memory, and every step waits for the bus. False if the driver does not say.</summary>
    public bool ExceedsMemory()
    {
        tellsBudget ??= DeviceProbe.TellsBudget(DeviceProbe.Extensions(Vk, physical));
        var (_, budget, usage) = DeviceProbe.TensorMemory(Vk, physical, Caps.Kind, tellsBudget.Value);
        return budget > 0 && usage > budget;
    }

    /// <inheritdoc cref="MemoryAllocator.Probe"/>
    public (long Held, long Further) ProbeMemory(long most) => Memory.Probe(most);

    // What was made of it so far, where opening fails half-way.
    private void Destroy()
    {
        Transfer?.Dispose();
        Pipelines?.Dispose();
        arena.Dispose();
        if (Copy != Compute)
        {
            Copy?.Dispose();
        }
        Compute?.Dispose();
        if (ownsDevice)
        {
            Vk.DestroyDevice(Handle, null);
        }
    }

    /// <summary>Frees everything. Buffers and plans that were not disposed are a leak, reported by an exception after all is freed.</summary>
    public void Dispose()
    {
        if (disposed)
        {
            return;
        }
        disposed = true;
        if (!Settle())
        {
            return;
        }
        var leaks = new StringBuilder();
        foreach (var plan in plans.ToList())
        {
            leaks.Append($" plan of {plan.Layout.Dispatches.Count} dispatches;");
            plan.Dispose();
        }
        foreach (var buffer in arena.Placed)
        {
            leaks.Append($" buffer {buffer};");
        }
        Destroy();
        instance.Dispose();
        if (leaks.Length > 0)
        {
            throw new GpuException($"Leaked on {Caps.Name}:{leaks}");
        }
        if (requireSilence && instance.Messages is [var first, ..] messages)
        {
            throw new GpuException($"The validation layer has {messages.Count} messages about {Caps.Name}, the first: {first}");
        }
    }
}
