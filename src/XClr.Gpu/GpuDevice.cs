using System.Text;
using Silk.NET.Core.Contexts;
using Silk.NET.Vulkan;
using Buffer = Silk.NET.Vulkan.Buffer;

namespace XClr.Gpu;

/// <summary>How a device is opened.</summary>
public sealed record DeviceOptions
{
    /// <summary>Index, UUID or part of the name; null = XCLR_DEVICE, else the best device.</summary>
    public string? Device { get; init; }

    /// <summary>Caps to lower, "name=value,..."; null = XCLR_CAPS.</summary>
    public string? LowerCaps { get; init; }

    /// <summary>Bytes of device memory that may be used; null = all of it.</summary>
    public long? MemoryLimit { get; init; }

    /// <summary>Null = XCLR_VALIDATION (off|core|synchronization), else off; messages of a level that the environment asked for are an error at disposal.</summary>
    public ValidationLevel? Validation { get; init; }

    /// <summary>Folder of the pipeline cache; null = no file.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Edited shaders that take the place of the program's; null = none. What is known of the compiler's figures is then neither used nor kept.</summary>
    public ShaderFolder? Shaders { get; init; }

    internal string? FiguresFolder => Shaders is null ? CacheFolder : null;
}

/// <summary>
/// Vulkan objects of a host engine, on which a <see cref="GpuDevice"/> works without owning them. The host enabled at least timeline semaphores,
/// and names in <paramref name="Enabled"/> (property names of <see cref="DeviceCaps"/>, see <see cref="HostFeatures"/>) which optional features it enabled: others are not used.
/// <paramref name="GetInstanceProcAddr"/>: the host's own vkGetInstanceProcAddr; 0: the loader's.
/// </summary>
public sealed record ForeignHandles(nint Instance, nint PhysicalDevice, nint Device, uint QueueFamily, nint Queue, IReadOnlySet<string> Enabled, nint GetInstanceProcAddr = 0);

/// <summary>
/// An opened Vulkan device: caps, queues, memory, pipelines. Disposal reports what was not disposed before it. Not thread-safe except where said.
/// </summary>
public sealed unsafe class GpuDevice : IDisposable
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
    private readonly bool requireSilence;
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(20);
    private bool disposed, hangs;

    private GpuDevice(GpuInstance instance, PhysicalDevice physical, DeviceCaps caps, DeviceOptions options, ForeignHandles? foreign)
    {
        this.instance = instance;
        this.physical = physical;
        requireSilence = foreign is null && options.Validation is null;
        figures = KernelFigures.Open(caps, options.FiguresFolder);
        Shaders = options.Shaders;
        Caps = caps;
        ownsDevice = foreign is null;
        var compute = foreign?.QueueFamily ?? DeviceProbe.ComputeQueue(Vk, physical).Family;
        var copy = foreign is null ? DeviceProbe.TransferQueue(Vk, physical) : null;
        families = copy is { } c ? [compute, c] : [compute];
        Handle = foreign is null ? CreateDevice() : new Device(foreign.Device);
        Compute = new GpuQueue(this, compute, foreign is null ? QueueOf(compute) : new Queue(foreign.Queue));
        Copy = copy is { } family ? new GpuQueue(this, family, QueueOf(family)) : Compute;
        Labels = new DebugLabels(instance, Handle);
        Memory = new MemoryAllocator(this, physical);
        arena = new Arena(this);
        Pipelines = new PipelineCache(this, options.CacheFolder);
        Transfer = new Transfer(this);
    }

    /// <summary>What the device can do. Grows by the kernels that are to be passed over, see <see cref="Record"/>.</summary>
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
    internal long PlacementAlignment => Math.Max(256, Caps.MinStorageBufferOffsetAlignment);

    /// <summary>All devices that the loader lists and this engine can use, in the loader's order.</summary>
    public static IReadOnlyList<DeviceInfo> List()
    {
        using var instance = new GpuInstance(ValidationLevel.Off);
        return Infos(instance);
    }

    /// <summary>Opens a device of this process's own instance.</summary>
    /// <exception cref="GpuException">No driver, no such device, or the driver refuses.</exception>
    public static GpuDevice Open(DeviceOptions? options = null)
    {
        options ??= new DeviceOptions();
        var instance = new GpuInstance(options.Validation ?? ValidationFromEnvironment());
        try
        {
            var chosen = DeviceSelector.Pick(Infos(instance), options.Device ?? Environment.GetEnvironmentVariable(DeviceSelector.Variable));
            return new GpuDevice(instance, instance.PhysicalDevices()[chosen.Index], Limit(chosen.Caps, options), options, null);
        }
        catch
        {
            instance.Dispose();
            throw;
        }
    }

    /// <summary>A listed device's caps as <see cref="Open"/> would have them: lowered, with the kernels that its compiler is known to do badly, and with what was measured.</summary>
    public static DeviceCaps Limit(DeviceCaps caps, DeviceOptions options)
    {
        var lowered = caps.Lower(options.LowerCaps ?? Environment.GetEnvironmentVariable(DeviceCaps.LoweringVariable));
        return lowered with
        {
            DeviceLocalBytes = Math.Min(lowered.DeviceLocalBytes, options.MemoryLimit ?? long.MaxValue),
            KernelsPassedOver = KeysOf(KernelFigures.Open(caps, options.FiguresFolder)),
            Tuning = Tuning.Read(lowered, options.FiguresFolder),
        };
    }

    /// <summary>Works on a host's handles. The host keeps owning them, and must not use the queue while a call of this engine runs.</summary>
    public static GpuDevice Wrap(ForeignHandles handles)
    {
        var vk = Api(handles);
        vk.CurrentInstance = new Instance(handles.Instance);
        vk.CurrentDevice = new Device(handles.Device);
        var instance = new GpuInstance(vk, new Instance(handles.Instance));
        var physical = new PhysicalDevice(handles.PhysicalDevice);
        var caps = DeviceProbe.Read(instance, physical);
        bool Has(string feature) => handles.Enabled.Contains(feature);
        caps = caps with
        {
            ShaderFloat16 = caps.ShaderFloat16 && Has(nameof(caps.ShaderFloat16)),
            StorageBuffer16Bit = caps.StorageBuffer16Bit && Has(nameof(caps.StorageBuffer16Bit)),
            ShaderInt64 = caps.ShaderInt64 && Has(nameof(caps.ShaderInt64)),
            CpuKernels = caps.CpuKernels && Has(nameof(caps.ShaderInt64)),
            BufferDeviceAddress = caps.BufferDeviceAddress && Has(nameof(caps.BufferDeviceAddress)),
            LaneRowKernels = caps.LaneRowKernels && Has(nameof(caps.ShaderInt64)) && Has(nameof(caps.BufferDeviceAddress)),
            SubgroupSizeControl = caps.SubgroupSizeControl && Has(nameof(caps.SubgroupSizeControl)),
            CooperativeMatrix = caps.CooperativeMatrix && Has(nameof(caps.CooperativeMatrix)),
            PipelineStatistics = caps.PipelineStatistics && Has(nameof(caps.PipelineStatistics)),
            CalibratedTimestamps = caps.CalibratedTimestamps && Has(nameof(caps.CalibratedTimestamps)),
        };
        return new GpuDevice(instance, physical, caps, new DeviceOptions(), handles);
    }

    private static Vk Api(ForeignHandles handles)
    {
        if (handles.GetInstanceProcAddr == 0)
        {
            return GpuInstance.LoadVulkan();
        }
        var get = (delegate* unmanaged<nint, byte*, nint>)handles.GetInstanceProcAddr;
        return new Vk(new LamdaNativeContext(name =>
        {
            using var text = new NativeStrings([name]);
            return get(handles.Instance, text.Pointer[0]);
        }));
    }

    /// <summary>Gives persistent buffers their memory; those that have it keep it.</summary>
    public void Place(params IEnumerable<GpuBuffer> buffers)
    {
        foreach (var buffer in buffers)
        {
            arena.Place(buffer);
        }
    }

    /// <summary>
    /// Records with this device's caps, and again where the compiler shows that a kernel runs badly (<see cref="KernelFit.RunsWell"/>), so that ops take another tile where they have one. Memory that
    /// <paramref name="record"/> refers to must be made outside it.
    /// </summary>
    public Recorder Record(Action<Recorder> record)
    {
        while (true)
        {
            var recorder = new Recorder(Caps);
            record(recorder);
            if (!FindsPoorKernels(recorder))
            {
                return recorder;
            }
        }
    }

    private bool FindsPoorKernels(Recorder recorder) => Ask(recorder.Dispatches.Select(d => d.Kernel)).Any(f => !f.RunsWell);

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
        Caps = Caps with { KernelsPassedOver = KeysOf(figures) };
        return found.Select(s => s.Fit);
    }

    /// <summary>The kernels of <see cref="DeviceCaps.KernelsPassedOver"/> with the figures that made them so, by key.</summary>
    public IReadOnlyList<KernelFit> PassedOver => [.. figures.PassedOver.OrderBy(f => f.Key, StringComparer.Ordinal)];

    private static HashSet<string> KeysOf(KernelFigures figures) => [.. figures.PassedOver.Select(f => f.Key)];

    /// <summary>What the driver's compiler says of a kernel on this device, with listings of its code where asked for; null where the driver says nothing. Thread-safe.</summary>
    public KernelStatistics? Statistics(Kernel kernel, bool listings = false) => Pipelines.Statistics(kernel, listings);

    /// <summary>
    /// Waits for the device's work before its objects are destroyed. Never throws: where the device was lost, that failure is on its way to the user already, and objects of a lost device
    /// may be destroyed. False where the work does not end within a limit: it may still use the objects, which must then be left to the end of the process.
    /// </summary>
    internal bool Settle()
    {
        try
        {
            hangs = hangs || !Compute.TryWait(Compute.Submitted, SettleLimit) || !Copy.TryWait(Copy.Submitted, SettleLimit);
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

    internal Buffer CreateBufferHandle(long bytes)
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
            Vk.CreateBuffer(Handle, &info, null, out var buffer).Check("vkCreateBuffer");
            return buffer;
        }
    }

    /// <inheritdoc cref="MemoryAllocator.Probe"/>
    public (long Held, long Further) ProbeMemory(long most) => Memory.Probe(most);

    private static ValidationLevel ValidationFromEnvironment() => Environment.GetEnvironmentVariable(ValidationVariable) switch
    {
        null or "" or "off" => ValidationLevel.Off,
        "core" => ValidationLevel.Core,
        "synchronization" => ValidationLevel.Synchronization,
        var other => throw new GpuException($"{ValidationVariable}={other}: allowed: off, core, synchronization."),
    };

    private static IReadOnlyList<DeviceInfo> Infos(GpuInstance instance)
    {
        var devices = instance.PhysicalDevices().Select((device, index) => (Device: device, Index: index, Refusal: DeviceProbe.Refusal(instance.Vk, device))).ToList();
        return devices.Count == 0 || devices.Exists(d => d.Refusal is null)
            ? [.. devices.Where(d => d.Refusal is null).Select(d => new DeviceInfo(d.Index, DeviceProbe.Read(instance, d.Device)))]
            : throw new GpuException($"No device can be used: {string.Join("; ", devices.Select(d => d.Refusal))}. A newer driver may bring it; lavapipe (on Debian: mesa-vulkan-drivers) runs on the CPU.");
    }

    private Device CreateDevice()
    {
        var priority = 1f;
        var queues = stackalloc DeviceQueueCreateInfo[families.Length];
        for (var i = 0; i < families.Length; i++)
        {
            queues[i] = new DeviceQueueCreateInfo { SType = StructureType.DeviceQueueCreateInfo, QueueFamilyIndex = families[i], QueueCount = 1, PQueuePriorities = &priority };
        }
        var control = new PhysicalDeviceSubgroupSizeControlFeatures { SType = StructureType.PhysicalDeviceSubgroupSizeControlFeatures, SubgroupSizeControl = Caps.SubgroupSizeControl, ComputeFullSubgroups = Caps.CooperativeMatrix };
        var cooperative = new PhysicalDeviceCooperativeMatrixFeaturesKHR { SType = StructureType.PhysicalDeviceCooperativeMatrixFeaturesKhr, CooperativeMatrix = true };
        var executables = new PhysicalDevicePipelineExecutablePropertiesFeaturesKHR { SType = StructureType.PhysicalDevicePipelineExecutablePropertiesFeaturesKhr, PipelineExecutableInfo = true };
        var v12 = new PhysicalDeviceVulkan12Features
        {
            SType = StructureType.PhysicalDeviceVulkan12Features,
            TimelineSemaphore = true,
            ShaderFloat16 = Caps.ShaderFloat16,
            BufferDeviceAddress = Caps.BufferDeviceAddress,
            VulkanMemoryModel = Caps.CooperativeMatrix,
        };
        var v11 = new PhysicalDeviceVulkan11Features { SType = StructureType.PhysicalDeviceVulkan11Features, StorageBuffer16BitAccess = Caps.StorageBuffer16Bit, PNext = &v12 };
        var features = new PhysicalDeviceFeatures2 { SType = StructureType.PhysicalDeviceFeatures2, PNext = &v11, Features = new PhysicalDeviceFeatures { ShaderInt64 = Caps.ShaderInt64 } };
        if (Caps.SubgroupSizeControl || Caps.CooperativeMatrix)
        {
            v12.PNext = &control;
        }
        if (Caps.CooperativeMatrix)
        {
            cooperative.PNext = v12.PNext;
            v12.PNext = &cooperative;
        }
        if (Caps.PipelineStatistics)
        {
            executables.PNext = v12.PNext;
            v12.PNext = &executables;
        }
        var extensions = DeviceExtensions.OfDevice(Caps, DeviceProbe.Extensions(Vk, physical));
        using var names = new NativeStrings(extensions);
        var info = new DeviceCreateInfo
        {
            SType = StructureType.DeviceCreateInfo,
            PNext = &features,
            QueueCreateInfoCount = (uint)families.Length,
            PQueueCreateInfos = queues,
            EnabledExtensionCount = names.Count,
            PpEnabledExtensionNames = names.Pointer,
        };
        Vk.CreateDevice(physical, &info, null, out var device).Check($"vkCreateDevice({Caps.Name})");
        return device;
    }

    private Queue QueueOf(uint family)
    {
        Vk.GetDeviceQueue(Handle, family, 0, out var queue);
        return queue;
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
        Transfer.Dispose();
        Pipelines.Dispose();
        arena.Dispose();
        if (Copy != Compute)
        {
            Copy.Dispose();
        }
        Compute.Dispose();
        if (ownsDevice)
        {
            Vk.DestroyDevice(Handle, null);
        }
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
