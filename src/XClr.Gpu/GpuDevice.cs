using System.Text;
using Silk.NET.Vulkan;
using Buffer = Silk.NET.Vulkan.Buffer;

namespace XClr.Gpu;

/// <summary>
/// An opened Vulkan device: caps, queues, memory, pipelines. Disposal reports what was not disposed before it. Not thread-safe except where said.
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

    /// <summary>What the device can do. Grows by what a plan's kernels show of it, see <see cref="Record"/>, and takes other measured choices with <see cref="Take"/>.</summary>
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
    /// <summary>Whether buffers have addresses for kernels with <see cref="Kernel.Pointers"/>: only those for CPU drivers have any.</summary>
    internal bool HasPointers => Caps.BufferDeviceAddress && Caps.CpuKernels;

    /// <summary>Gives persistent buffers their memory; those that have it keep it.</summary>
    public void Place(params IEnumerable<GpuBuffer> buffers)
    {
        foreach (var buffer in buffers)
        {
            arena.Place(buffer);
        }
    }

    /// <summary>
    /// Records with this device's caps, and again where its matrices turn out not to pay (<see cref="MatrixTrial"/>) or the compiler shows that a kernel runs badly (<see cref="KernelFit.RunsWell"/>), so that ops take another kernel or
    /// tile where they have one. Memory that
    /// <paramref name="record"/> refers to must be made outside it.
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

    /// <summary>What is recorded from now on takes these measured choices.</summary>
    public void Take(Tuning tuning) => Caps = Caps with { Tuning = tuning };

    /// <summary>Whether this device's compiler does all of these kernels well; it is asked about those that it was not asked about before. True where the driver says nothing.</summary>
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

    /// <summary>The kernels of <see cref="DeviceCaps.KernelsPassedOver"/> with the figures that made them so, by key.</summary>
    public IReadOnlyList<KernelFit> PassedOver => [.. figures.PassedOver.OrderBy(f => f.Key, StringComparer.Ordinal)];

    private static HashSet<string> KeysOf(KernelFigures figures) => [.. figures.PassedOver.Select(f => f.Key)];

    /// <summary>What the driver's compiler says of a kernel on this device, with listings of its code where asked for; null where the driver says nothing. Thread-safe.</summary>
    public KernelStatistics? Statistics(Kernel kernel, bool listings = false) => Pipelines.Statistics(kernel, listings);

    /// <summary>
    /// Waits for the device's work before its objects are destroyed. Never throws: where the device was lost, that failure is on its way to the user already, and objects of a lost device
    /// may be destroyed. False where one submit of it does not end within a limit: it may still use the objects, which must then be left to the end of the process.
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

    /// <summary>Address of a device function; 0 where there is none.</summary>
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

    /// <summary>Whether this process holds more of the tensors' memory than the driver has for it now: some of it then lies in the host's, and every step waits for the bus. False where the driver does not say.</summary>
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
