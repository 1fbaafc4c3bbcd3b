using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>What a host engine enabled when it made its device, in the terms of <see cref="ForeignHandles.Enabled"/>.</summary>
public static unsafe class HostFeatures
{
    /// <summary>Reads the VkPhysicalDeviceFeatures2 that vkCreateDevice was given, with its chain. extensions: names of the device extensions that were enabled.</summary>
    /// <exception cref="GpuException">The host did not enable what the engine cannot do without; names it.</exception>
    public static IReadOnlySet<string> Read(nint features2, IReadOnlySet<string> extensions)
    {
        var enabled = new HashSet<string>(StringComparer.Ordinal);
        for (var link = (BaseInStructure*)features2; link is not null; link = link->PNext)
        {
            foreach (var (name, on) in Flags(link))
            {
                if (on)
                {
                    enabled.Add(name);
                }
            }
        }
        if (!enabled.Contains(nameof(PhysicalDeviceVulkan12Features.TimelineSemaphore)))
        {
            throw new GpuException("The host's device was made without the feature timelineSemaphore, which every submit needs; enable it in VkPhysicalDeviceVulkan12Features or VkPhysicalDeviceTimelineSemaphoreFeatures.");
        }
        var full = enabled.Contains(nameof(PhysicalDeviceSubgroupSizeControlFeatures.ComputeFullSubgroups));
        var matrices = extensions.Contains("VK_KHR_cooperative_matrix") && full && enabled.Contains(nameof(PhysicalDeviceVulkan12Features.VulkanMemoryModel));
        Keep(enabled, nameof(DeviceCaps.CooperativeMatrix), matrices);
        Keep(enabled, nameof(DeviceCaps.BFloat16), extensions.Contains(DeviceExtensions.BFloat16));
        Keep(enabled, nameof(DeviceCaps.PipelineStatistics), extensions.Contains(PipelineExecutables.Extension));
        if (CalibratedTimestamps.Extension(extensions) is not null)
        {
            enabled.Add(nameof(DeviceCaps.CalibratedTimestamps));
        }
        return enabled;
    }

    private static void Keep(HashSet<string> enabled, string name, bool usable)
    {
        if (!usable)
        {
            enabled.Remove(name);
        }
    }

    // Names are DeviceCaps' where it has one, else the feature's own.
    private static (string Name, bool On)[] Flags(BaseInStructure* link) => link->SType switch
    {
        StructureType.PhysicalDeviceFeatures2 => [(nameof(DeviceCaps.ShaderInt64), ((PhysicalDeviceFeatures2*)link)->Features.ShaderInt64)],
        StructureType.PhysicalDeviceVulkan11Features => [(nameof(DeviceCaps.StorageBuffer16Bit), ((PhysicalDeviceVulkan11Features*)link)->StorageBuffer16BitAccess)],
        StructureType.PhysicalDevice16BitStorageFeatures => [(nameof(DeviceCaps.StorageBuffer16Bit), ((PhysicalDevice16BitStorageFeatures*)link)->StorageBuffer16BitAccess)],
        StructureType.PhysicalDeviceVulkan12Features => Of12((PhysicalDeviceVulkan12Features*)link),
        StructureType.PhysicalDeviceTimelineSemaphoreFeatures => [(nameof(PhysicalDeviceVulkan12Features.TimelineSemaphore), ((PhysicalDeviceTimelineSemaphoreFeatures*)link)->TimelineSemaphore)],
        StructureType.PhysicalDeviceShaderFloat16Int8Features => [(nameof(DeviceCaps.ShaderFloat16), ((PhysicalDeviceShaderFloat16Int8Features*)link)->ShaderFloat16)],
        StructureType.PhysicalDeviceBufferDeviceAddressFeatures => [(nameof(DeviceCaps.BufferDeviceAddress), ((PhysicalDeviceBufferDeviceAddressFeatures*)link)->BufferDeviceAddress)],
        StructureType.PhysicalDeviceVulkanMemoryModelFeatures => [(nameof(PhysicalDeviceVulkan12Features.VulkanMemoryModel), ((PhysicalDeviceVulkanMemoryModelFeatures*)link)->VulkanMemoryModel)],
        StructureType.PhysicalDeviceVulkan13Features => OfSizes(((PhysicalDeviceVulkan13Features*)link)->SubgroupSizeControl, ((PhysicalDeviceVulkan13Features*)link)->ComputeFullSubgroups),
        StructureType.PhysicalDeviceSubgroupSizeControlFeatures => OfSizes(((PhysicalDeviceSubgroupSizeControlFeatures*)link)->SubgroupSizeControl, ((PhysicalDeviceSubgroupSizeControlFeatures*)link)->ComputeFullSubgroups),
        StructureType.PhysicalDeviceCooperativeMatrixFeaturesKhr => [(nameof(DeviceCaps.CooperativeMatrix), ((PhysicalDeviceCooperativeMatrixFeaturesKHR*)link)->CooperativeMatrix)],
        StructureType.PhysicalDeviceShaderBfloat16FeaturesKhr =>
            [(nameof(DeviceCaps.BFloat16), ((PhysicalDeviceShaderBfloat16FeaturesKHR*)link)->ShaderBFloat16Type), (nameof(DeviceCaps.BFloat16Matrices), ((PhysicalDeviceShaderBfloat16FeaturesKHR*)link)->ShaderBFloat16CooperativeMatrix)],
        StructureType.PhysicalDevicePipelineExecutablePropertiesFeaturesKhr => [(nameof(DeviceCaps.PipelineStatistics), ((PhysicalDevicePipelineExecutablePropertiesFeaturesKHR*)link)->PipelineExecutableInfo)],
        _ => [],
    };

    private static (string, bool)[] Of12(PhysicalDeviceVulkan12Features* features) =>
    [
        (nameof(PhysicalDeviceVulkan12Features.TimelineSemaphore), features->TimelineSemaphore), (nameof(PhysicalDeviceVulkan12Features.VulkanMemoryModel), features->VulkanMemoryModel),
        (nameof(DeviceCaps.ShaderFloat16), features->ShaderFloat16), (nameof(DeviceCaps.BufferDeviceAddress), features->BufferDeviceAddress),
    ];

    private static (string, bool)[] OfSizes(bool control, bool full) =>
        [(nameof(DeviceCaps.SubgroupSizeControl), control), (nameof(PhysicalDeviceSubgroupSizeControlFeatures.ComputeFullSubgroups), full)];
}
