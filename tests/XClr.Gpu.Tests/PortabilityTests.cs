namespace XClr.Gpu.Tests;

/// <summary>Extensions of devices that are not here: MoltenVK's portability subset, and what the caps ask for.</summary>
public class PortabilityTests
{
    [Fact]
    public void The_portability_subset_is_enabled_where_it_is_offered_and_only_there()
    {
        Assert.Equal(["VK_KHR_portability_subset"], DeviceExtensions.OfDevice(PaperDevice.Caps, new HashSet<string> { "VK_KHR_portability_subset", "VK_KHR_swapchain" }));
        Assert.Empty(DeviceExtensions.OfDevice(PaperDevice.Caps, new HashSet<string> { "VK_KHR_swapchain" }));
    }

    [Fact]
    public void The_loader_is_asked_for_incomplete_drivers_where_it_can_list_them()
    {
        Assert.Equal(["VK_KHR_portability_enumeration"], DeviceExtensions.OfInstance(new HashSet<string> { "VK_KHR_portability_enumeration", "VK_EXT_debug_utils" }, debugUtils: false));
        Assert.Equal(["VK_EXT_debug_utils"], DeviceExtensions.OfInstance(new HashSet<string>(), debugUtils: true));
    }

    [Fact]
    public void Cooperative_matrices_bring_full_subgroups_and_a_lowered_cap_leaves_its_extension_out()
    {
        var offered = new HashSet<string> { "VK_KHR_cooperative_matrix", "VK_EXT_subgroup_size_control", "VK_KHR_pipeline_executable_properties" };
        var caps = PaperDevice.Caps with { CooperativeMatrix = true, PipelineStatistics = true };
        Assert.Equal(["VK_EXT_subgroup_size_control", "VK_KHR_cooperative_matrix", "VK_KHR_pipeline_executable_properties"], DeviceExtensions.OfDevice(caps, offered));
        Assert.Equal(["VK_KHR_pipeline_executable_properties"], DeviceExtensions.OfDevice(caps.Lower("cooperativeMatrix=0"), offered));
    }
}
