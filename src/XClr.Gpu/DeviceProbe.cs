using System.Globalization;
using Silk.NET.Core.Native;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>Reads a physical device's properties and features into <see cref="DeviceCaps"/>.</summary>
internal static unsafe class DeviceProbe
{
    /// <summary>The first Mesa whose lavapipe makes a load at an address equal in all lanes the operand of a multiply-add (25.0.7 does not; docs/performance.md).</summary>
    private const int FirstMesaOfLaneRows = 26;

    /// <summary>What the kernels need at least, beside Vulkan 1.2: buffers that one binds, and invocations of one's workgroup.</summary>
    internal const int StorageBuffersNeeded = 12, InvocationsNeeded = 256;

    /// <summary>What the device can do on the queue family that will be used; null: the first that computes.</summary>
    /// <exception cref="GpuException">The device lacks what every kernel needs, or its driver fails; the message begins with its name.</exception>
    public static DeviceCaps Read(GpuInstance instance, PhysicalDevice device, uint? queueFamily = null)
    {
        PhysicalDeviceProperties properties;
        instance.Vk.GetPhysicalDeviceProperties(device, &properties);
        var name = SilkMarshal.PtrToString((nint)properties.DeviceName);
        try
        {
            Require(properties);
            return ReadCaps(instance, device, queueFamily);
        }
        catch (GpuException e)
        {
            throw new GpuException($"{name}: {e.Message}", e);
        }
    }

    private static void Require(in PhysicalDeviceProperties properties)
    {
        ref readonly var limits = ref properties.Limits;
        var lack = properties.ApiVersion < Vk.Version12 ? $"it has Vulkan {VersionOf(properties.ApiVersion)}, and 1.2 is needed"
            : limits.MaxPerStageDescriptorStorageBuffers < StorageBuffersNeeded ? $"a shader has at most {limits.MaxPerStageDescriptorStorageBuffers} storage buffers, and {StorageBuffersNeeded} are needed"
            : limits.MaxComputeWorkGroupInvocations < InvocationsNeeded ? $"workgroups have at most {limits.MaxComputeWorkGroupInvocations} invocations, and {InvocationsNeeded} are needed"
            : null;
        if (lack is not null)
        {
            throw new GpuException(lack);
        }
    }

    private static DeviceCaps ReadCaps(GpuInstance instance, PhysicalDevice device, uint? queueFamily)
    {
        var vk = instance.Vk;
        var sizes = new PhysicalDeviceSubgroupSizeControlProperties { SType = StructureType.PhysicalDeviceSubgroupSizeControlProperties };
        var v12 = new PhysicalDeviceVulkan12Properties { SType = StructureType.PhysicalDeviceVulkan12Properties };
        var v11 = new PhysicalDeviceVulkan11Properties { SType = StructureType.PhysicalDeviceVulkan11Properties, PNext = &v12 };
        var properties = new PhysicalDeviceProperties2 { SType = StructureType.PhysicalDeviceProperties2, PNext = &v11 };
        var extensions = Extensions(vk, device);
        vk.GetPhysicalDeviceProperties(device, &properties.Properties);
        // What Vulkan 1.3 made of it is not asked for: instances are of 1.2.
        var sizeControl = extensions.Contains(DeviceExtensions.SubgroupSizes);
        if (sizeControl)
        {
            v12.PNext = &sizes;
        }
        vk.GetPhysicalDeviceProperties2(device, &properties);
        ref var basic = ref properties.Properties;
        ref var limits = ref basic.Limits;
        var features = Features(vk, device, extensions);
        var queue = ComputeQueue(vk, device, queueFamily);
        // Dozen is another driver, over Direct3D 12, for devices that have one of their own beside it.
        var kind = v12.DriverID == DriverId.MesaDozen ? GpuKind.Other : KindOf(basic.DeviceType);
        // With 512-bit vectors lavapipe (Mesa 26.2.6) says that it has cooperative matrices, and its compiler crashes on the first kernel that uses them.
        // AMD's own driver (26.3, Windows) ends the process when it is asked for an integrated GPU's shapes of matrices (AMDVLK's issue 422).
        var crashes = (kind == GpuKind.Cpu && v11.SubgroupSize > 8) || (kind == GpuKind.Integrated && v12.DriverID is DriverId.AmdProprietary or DriverId.AmdOpenSource);
        var cooperative = features.Cooperative && !crashes && v11.SubgroupSupportedOperations.HasFlag(SubgroupFeatureFlags.ShuffleBit);
        var driverInfo = SilkMarshal.PtrToString((nint)v12.DriverInfo) ?? "";
        var cpuKernels = kind == GpuKind.Cpu && features.Int64 && (long)limits.MaxTexelBufferElements * DeviceCaps.TexelBytes >= limits.MaxStorageBufferRange;
        fixed (byte* name = basic.DeviceName)
        {
            return new DeviceCaps
            {
                Name = SilkMarshal.PtrToString((nint)name) ?? "",
                DriverName = SilkMarshal.PtrToString((nint)v12.DriverName) ?? "",
                DriverInfo = driverInfo,
                VendorId = basic.VendorID,
                DeviceId = basic.DeviceID,
                DriverVersion = basic.DriverVersion,
                DeviceUuid = new Guid(new ReadOnlySpan<byte>(v11.DeviceUuid, 16), bigEndian: true),
                DriverUuid = new Guid(new ReadOnlySpan<byte>(v11.DriverUuid, 16), bigEndian: true),
                ApiVersion = VersionOf(basic.ApiVersion),
                Kind = kind,
                SubgroupSize = (int)v11.SubgroupSize,
                MinSubgroupSize = (int)(sizes.MinSubgroupSize != 0 ? sizes.MinSubgroupSize : v11.SubgroupSize),
                MaxSubgroupSize = (int)(sizes.MaxSubgroupSize != 0 ? sizes.MaxSubgroupSize : v11.SubgroupSize),
                MaxStorageBufferRange = limits.MaxStorageBufferRange,
                MaxTexelBufferBytes = (long)limits.MaxTexelBufferElements * DeviceCaps.TexelBytes,
                MinStorageBufferOffsetAlignment = (long)Math.Max(limits.MinStorageBufferOffsetAlignment, limits.MinTexelBufferOffsetAlignment),
                MaxMemoryAllocationSize = (long)Math.Min(v11.MaxMemoryAllocationSize, long.MaxValue),
                DeviceLocalBytes = DeviceLocalBytes(vk, device, kind, TellsBudget(extensions)),
                MaxPushConstantsSize = (int)limits.MaxPushConstantsSize,
                MaxComputeSharedMemorySize = (int)limits.MaxComputeSharedMemorySize,
                MaxComputeWorkGroupInvocations = (int)limits.MaxComputeWorkGroupInvocations,
                MaxComputeWorkGroupCount = Math.Min(limits.MaxComputeWorkGroupCount[0], Math.Min(limits.MaxComputeWorkGroupCount[1], limits.MaxComputeWorkGroupCount[2])),
                ShaderFloat16 = features.Float16,
                StorageBuffer16Bit = features.Storage16,
                ShaderInt64 = features.Int64,
                BufferDeviceAddress = features.Address,
                SubgroupSizeControl = features.SizeControl && sizes.RequiredSubgroupSizeStages.HasFlag(ShaderStageFlags.ComputeBit),
                ShaderCores = ShaderCores(vk, device, extensions),
                CooperativeMatrix = cooperative,
                CooperativeMatrixShapes = cooperative ? Shapes(instance, device) : [],
                BFloat16 = features.BFloat16,
                BFloat16Matrices = features.BFloat16 && features.BFloat16Matrices,
                PipelineStatistics = features.Statistics,
                TimestampPeriod = queue.Bits == 0 ? 0 : limits.TimestampPeriod,
                TimestampValidBits = queue.Bits,
                CalibratedTimestamps = queue.Bits > 0 && CalibratedTimestamps.IsSupported(instance, device, extensions),
                CpuKernels = cpuKernels,
                LaneRowKernels = cpuKernels && features.Address && MesaVersion(driverInfo) >= FirstMesaOfLaneRows,
            };
        }
    }

    private static GpuKind KindOf(PhysicalDeviceType type) => type switch
    {
        PhysicalDeviceType.DiscreteGpu => GpuKind.Discrete,
        PhysicalDeviceType.IntegratedGpu => GpuKind.Integrated,
        PhysicalDeviceType.VirtualGpu => GpuKind.Virtual,
        PhysicalDeviceType.Cpu => GpuKind.Cpu,
        _ => GpuKind.Other,
    };

    /// <summary>The family that runs compute (the given one, or the first; on most devices it also does graphics), and its timestamp bits.</summary>
    public static (uint Family, int Bits) ComputeQueue(Vk vk, PhysicalDevice device, uint? given = null)
    {
        var families = QueueFamilies(vk, device);
        static bool Computes(QueueFamilyProperties family) => family.QueueFlags.HasFlag(QueueFlags.ComputeBit);
        if (given is { } family && (family >= families.Length || !Computes(families[family])))
        {
            throw new GpuException($"Queue family {family} of the host's device runs no compute shaders; the device has {families.Length} families.");
        }
        var index = given is { } chosen ? (int)chosen : Array.FindIndex(families, Computes);
        return index < 0
            ? throw new GpuException("it has no queue that runs compute shaders")
            : ((uint)index, (int)families[index].TimestampValidBits);
    }

    /// <summary>A family that only copies (a copy engine, not one of videos that can copy too), where one exists.</summary>
    public static uint? TransferQueue(Vk vk, PhysicalDevice device)
    {
        var index = Array.FindIndex(QueueFamilies(vk, device), f => (f.QueueFlags & ~(QueueFlags.SparseBindingBit | QueueFlags.ProtectedBit)) == QueueFlags.TransferBit);
        return index < 0 ? null : (uint)index;
    }

    public static HashSet<string> Extensions(Vk vk, PhysicalDevice device)
    {
        uint count = 0;
        vk.EnumerateDeviceExtensionProperties(device, (byte*)null, &count, null).Check("vkEnumerateDeviceExtensionProperties");
        var properties = new ExtensionProperties[count];
        fixed (ExtensionProperties* p = properties)
        {
            vk.EnumerateDeviceExtensionProperties(device, (byte*)null, &count, p).Check("vkEnumerateDeviceExtensionProperties");
        }
        return [.. properties.Select(e => SilkMarshal.PtrToString((nint)e.ExtensionName)!)];
    }

    // What DeviceCaps calls by longer names; Cooperative: also what such kernels need beside it, but shuffles.
    private readonly record struct DeviceFeatures(bool Float16, bool Storage16, bool Int64, bool Address, bool SizeControl, bool Cooperative, bool BFloat16, bool BFloat16Matrices, bool Statistics);

    private static DeviceFeatures Features(Vk vk, PhysicalDevice device, HashSet<string> extensions)
    {
        var hasControl = extensions.Contains(DeviceExtensions.SubgroupSizes);
        var cooperative = new PhysicalDeviceCooperativeMatrixFeaturesKHR { SType = StructureType.PhysicalDeviceCooperativeMatrixFeaturesKhr };
        var control = new PhysicalDeviceSubgroupSizeControlFeatures { SType = StructureType.PhysicalDeviceSubgroupSizeControlFeatures };
        var v12 = new PhysicalDeviceVulkan12Features { SType = StructureType.PhysicalDeviceVulkan12Features };
        var v11 = new PhysicalDeviceVulkan11Features { SType = StructureType.PhysicalDeviceVulkan11Features, PNext = &v12 };
        var features = new PhysicalDeviceFeatures2 { SType = StructureType.PhysicalDeviceFeatures2, PNext = &v11 };
        if (hasControl)
        {
            v12.PNext = &control;
        }
        if (extensions.Contains("VK_KHR_cooperative_matrix"))
        {
            cooperative.PNext = v12.PNext;
            v12.PNext = &cooperative;
        }
        var bfloat16 = new PhysicalDeviceShaderBfloat16FeaturesKHR { SType = StructureType.PhysicalDeviceShaderBfloat16FeaturesKhr };
        if (extensions.Contains(DeviceExtensions.BFloat16))
        {
            bfloat16.PNext = v12.PNext;
            v12.PNext = &bfloat16;
        }
        var executables = new PhysicalDevicePipelineExecutablePropertiesFeaturesKHR { SType = StructureType.PhysicalDevicePipelineExecutablePropertiesFeaturesKhr };
        if (extensions.Contains(PipelineExecutables.Extension))
        {
            executables.PNext = v12.PNext;
            v12.PNext = &executables;
        }
        vk.GetPhysicalDeviceFeatures2(device, &features);
        if (!v12.TimelineSemaphore)
        {
            throw new GpuException("it lacks timeline semaphores, which Vulkan 1.2 requires");
        }
        return new DeviceFeatures(
            Float16: v12.ShaderFloat16,
            Storage16: v11.StorageBuffer16BitAccess,
            Int64: features.Features.ShaderInt64,
            Address: v12.BufferDeviceAddress,
            SizeControl: hasControl && control.SubgroupSizeControl,
            Cooperative: cooperative.CooperativeMatrix && v12.VulkanMemoryModel && hasControl && control.ComputeFullSubgroups,
            BFloat16: bfloat16.ShaderBFloat16Type,
            BFloat16Matrices: bfloat16.ShaderBFloat16CooperativeMatrix,
            Statistics: executables.PipelineExecutableInfo);
    }

    private static IReadOnlyList<CooperativeMatrixShape> Shapes(GpuInstance instance, PhysicalDevice device)
    {
        var get = (delegate* unmanaged<PhysicalDevice, uint*, CooperativeMatrixPropertiesKHR*, Result>)instance.Function("vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
        if (get is null)
        {
            return [];
        }
        uint count = 0;
        get(device, &count, null).Check("vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
        var shapes = new CooperativeMatrixPropertiesKHR[count];
        Array.Fill(shapes, new CooperativeMatrixPropertiesKHR { SType = StructureType.CooperativeMatrixPropertiesKhr });
        fixed (CooperativeMatrixPropertiesKHR* p = shapes)
        {
            get(device, &count, p).Check("vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
        }
        // Not the enumeration's own names: it has several for one value.
        static string TypeName(ComponentTypeKHR type) => (int)type switch
        {
            0 => "float16",
            1 => "float32",
            2 => "float64",
            >= 3 and <= 6 and var s => $"sint{8 << (s - 3)}",
            >= 7 and <= 10 and var u => $"uint{8 << (u - 7)}",
            1000141000 => "bfloat16",
            1000491002 => "float8e4m3",
            1000491003 => "float8e5m2",
            var other => $"type{other}",
        };
        return [.. shapes.Where(s => s.Scope == ScopeKHR.SubgroupKhr).Select(s =>
            new CooperativeMatrixShape((int)s.MSize, (int)s.NSize, (int)s.KSize, TypeName(s.AType), TypeName(s.BType), TypeName(s.CType), TypeName(s.ResultType)))];
    }

    private static int ShaderCores(Vk vk, PhysicalDevice device, HashSet<string> extensions)
    {
        var nv = new PhysicalDeviceShaderSMBuiltinsPropertiesNV { SType = StructureType.PhysicalDeviceShaderSMBuiltinsPropertiesNV };
        var amd = new PhysicalDeviceShaderCorePropertiesAMD { SType = StructureType.PhysicalDeviceShaderCorePropertiesAmd };
        var properties = new PhysicalDeviceProperties2 { SType = StructureType.PhysicalDeviceProperties2 };
        properties.PNext = extensions.Contains("VK_NV_shader_sm_builtins") ? &nv : extensions.Contains("VK_AMD_shader_core_properties") ? &amd : null;
        vk.GetPhysicalDeviceProperties2(device, &properties);
        return (int)Math.Max(nv.ShaderSmcount, amd.ShaderEngineCount * amd.ShaderArraysPerEngineCount * amd.ComputeUnitsPerShaderArray);
    }

    // "Mesa 26.2.6-1 (LLVM 22.1.3)": 26; 0 where it is no Mesa.
    private static int MesaVersion(string driverInfo) =>
        driverInfo.Split(' ') is ["Mesa", var version, ..] && int.TryParse(version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) ? major : 0;

    private static Version VersionOf(uint packed) => new((int)(packed >> 22), (int)(packed >> 12 & 0x3ff), (int)(packed & 0xfff));

    private const long LeastHeadroom = 128L << 20, HeadroomShare = 32;

    // Of the heap that holds the tensors; what other programs hold of it does not count where the driver tells, nor what pipelines, staging and the rounding of blocks take.
    private static long DeviceLocalBytes(Vk vk, PhysicalDevice device, GpuKind kind, bool tellsBudget)
    {
        var (size, budget, _) = TensorMemory(vk, device, kind, tellsBudget);
        var free = budget > 0 ? Math.Min(size, budget) : size;
        return kind == GpuKind.Cpu ? free : Math.Max(0, free - Math.Max(LeastHeadroom, free / HeadroomShare));
    }

    /// <summary>Whether a device with these extensions says how much of its memory this process may have.</summary>
    public static bool TellsBudget(HashSet<string> extensions) => extensions.Contains("VK_EXT_memory_budget");

    /// <summary>Bytes of the heap that holds the tensors, how many of them this process may have as things are, and has; 0 where the driver does not say.</summary>
    public static (long Size, long Budget, long Usage) TensorMemory(Vk vk, PhysicalDevice device, GpuKind kind, bool tellsBudget)
    {
        var budget = new PhysicalDeviceMemoryBudgetPropertiesEXT { SType = StructureType.PhysicalDeviceMemoryBudgetPropertiesExt };
        var memory = new PhysicalDeviceMemoryProperties2 { SType = StructureType.PhysicalDeviceMemoryProperties2, PNext = tellsBudget ? &budget : null };
        vk.GetPhysicalDeviceMemoryProperties2(device, &memory);
        var heap = MemoryAllocator.TensorHeap(memory.MemoryProperties, kind);
        return heap < 0 ? default : ((long)memory.MemoryProperties.MemoryHeaps[heap].Size, (long)budget.HeapBudget[heap], (long)budget.HeapUsage[heap]);
    }

    private static QueueFamilyProperties[] QueueFamilies(Vk vk, PhysicalDevice device)
    {
        uint count = 0;
        vk.GetPhysicalDeviceQueueFamilyProperties(device, &count, null);
        var families = new QueueFamilyProperties[count];
        fixed (QueueFamilyProperties* p = families)
        {
            vk.GetPhysicalDeviceQueueFamilyProperties(device, &count, p);
        }
        return families;
    }
}
