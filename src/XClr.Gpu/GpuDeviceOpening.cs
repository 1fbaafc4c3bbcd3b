using Silk.NET.Core.Contexts;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <content>How a device is found, created or taken over from a host.</content>
public sealed unsafe partial class GpuDevice
{
    /// <summary>All devices that the loader lists and this engine can use, in the loader's order.</summary>
    /// <param name="refused">Told of each of the others: its name and what it lacks.</param>
    /// <exception cref="GpuException">No driver, or none of the devices can be used.</exception>
    public static IReadOnlyList<DeviceInfo> List(Action<string>? refused = null)
    {
        using var instance = new GpuInstance(ValidationLevel.Off);
        return Infos(instance, refused);
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

    /// <summary>A listed device's caps as <see cref="Open"/> would have them: lowered, with what is known of its matrices and its compiler, and with what was measured.</summary>
    public static DeviceCaps Limit(DeviceCaps caps, DeviceOptions options)
    {
        var lowered = caps.Lower(options.LowerCaps ?? Environment.GetEnvironmentVariable(DeviceCaps.LoweringVariable));
        var figures = KernelFigures.Open(caps, options.FiguresFolder);
        lowered = lowered with
        {
            DeviceLocalBytes = Math.Min(lowered.DeviceLocalBytes, options.MemoryLimit ?? long.MaxValue),
            KernelsPassedOver = KeysOf(figures),
            HidesSpills = figures.HideSpills,
            MatricesPay = lowered.TriesMatrices ? MatrixTrial.Read(caps, options.FiguresFolder) : null,
        };
        return lowered with { Tuning = (lowered.UsesTuning ? options.Tuning?.Invoke(lowered) : null) ?? Tuning.Read(lowered, options.FiguresFolder) };
    }

    /// <summary>Works on a host's handles. The host keeps owning them, and must not use the queue while a call of this engine runs.</summary>
    /// <param name="handles">What the host made.</param>
    /// <param name="options">Caps, limit of memory and folder of caches; the device is given, and validation is the host's.</param>
    public static GpuDevice Wrap(ForeignHandles handles, DeviceOptions? options = null)
    {
        options ??= new DeviceOptions();
        var vk = Api(handles);
        vk.CurrentInstance = new Instance(handles.Instance);
        vk.CurrentDevice = new Device(handles.Device);
        var instance = new GpuInstance(vk, new Instance(handles.Instance));
        var physical = new PhysicalDevice(handles.PhysicalDevice);
        var caps = DeviceProbe.Read(instance, physical, handles.QueueFamily);
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
            BFloat16 = caps.BFloat16 && Has(nameof(caps.BFloat16)),
            BFloat16Matrices = caps.BFloat16Matrices && Has(nameof(caps.BFloat16Matrices)),
            PipelineStatistics = caps.PipelineStatistics && Has(nameof(caps.PipelineStatistics)),
            CalibratedTimestamps = caps.CalibratedTimestamps && Has(nameof(caps.CalibratedTimestamps)),
        };
        return new GpuDevice(instance, physical, Limit(caps, options), options, handles);
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

    private static ValidationLevel ValidationFromEnvironment() => Environment.GetEnvironmentVariable(ValidationVariable) switch
    {
        null or "" or "off" => ValidationLevel.Off,
        "core" => ValidationLevel.Core,
        "synchronization" => ValidationLevel.Synchronization,
        var other => throw new GpuException($"{ValidationVariable}={other}: allowed: off, core, synchronization."),
    };

    // One whose driver fails must not hide the others.
    private static IReadOnlyList<DeviceInfo> Infos(GpuInstance instance, Action<string>? refused = null)
    {
        var (infos, refusals) = (new List<DeviceInfo>(), new List<string>());
        foreach (var (index, device) in instance.PhysicalDevices().Index())
        {
            try
            {
                infos.Add(new DeviceInfo(index, DeviceProbe.Read(instance, device)));
            }
            catch (GpuException e)
            {
                refusals.Add(e.Message);
                refused?.Invoke(e.Message);
            }
        }
        return infos.Count > 0 || refusals.Count == 0
            ? infos
            : throw new GpuException($"No device can be used: {string.Join("; ", refusals)}. A newer driver may bring it; lavapipe (on Debian: mesa-vulkan-drivers) runs on the CPU.");
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
        var bfloat16 = new PhysicalDeviceShaderBfloat16FeaturesKHR { SType = StructureType.PhysicalDeviceShaderBfloat16FeaturesKhr, ShaderBFloat16Type = true, ShaderBFloat16CooperativeMatrix = Caps.BFloat16Matrices && Caps.CooperativeMatrix };
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
        if (Caps.BFloat16)
        {
            bfloat16.PNext = v12.PNext;
            v12.PNext = &bfloat16;
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
}
