namespace XClr.Gpu;

/// <summary>Which extensions are enabled, from what the device and the loader offer.</summary>
internal static class DeviceExtensions
{
    public const string DebugUtils = "VK_EXT_debug_utils";

    /// <summary>With it, and the flag for it, the loader lists drivers that lack parts of Vulkan too.</summary>
    public const string Portability = "VK_KHR_portability_enumeration";

    public const string BFloat16 = "VK_KHR_shader_bfloat16";

    /// <summary>
    /// Marks a driver that lacks parts of Vulkan, such as MoltenVK; where it is offered it must be enabled. Its feature flags stay off: they concern events, samplers, image views, blending,
    /// rasterisation and tessellation, none of which this engine uses (buffers, texel buffers, compute pipelines, memory barriers).
    /// </summary>
    public const string PortabilitySubset = "VK_KHR_portability_subset";

    /// <summary>Lets a kernel ask for a subgroup size, and for full subgroups.</summary>
    public const string SubgroupSizes = "VK_EXT_subgroup_size_control";

    /// <summary>Extensions of the instance; debugUtils: the loader or a layer has them.</summary>
    public static List<string> OfInstance(IReadOnlySet<string> offered, bool debugUtils) =>
        [.. debugUtils ? [DebugUtils] : Array.Empty<string>(), .. offered.Contains(Portability) ? [Portability] : Array.Empty<string>()];

    /// <summary>Extensions of the device that the caps ask for.</summary>
    public static List<string> OfDevice(DeviceCaps caps, IReadOnlySet<string> offered)
    {
        (bool Wanted, string? Name)[] all =
        [
            (caps.SubgroupSizeControl || caps.CooperativeMatrix, SubgroupSizes),
            (caps.CooperativeMatrix, "VK_KHR_cooperative_matrix"),
            (caps.BFloat16, BFloat16),
            (caps.PipelineStatistics, PipelineExecutables.Extension),
            (caps.CalibratedTimestamps, CalibratedTimestamps.Extension(offered)),
            (offered.Contains(PortabilitySubset), PortabilitySubset),
        ];
        return [.. all.Where(e => e.Wanted).Select(e => e.Name!)];
    }
}
