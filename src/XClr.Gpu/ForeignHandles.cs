namespace XClr.Gpu;

/// <summary>
/// Vulkan objects of a host engine, on which a <see cref="GpuDevice"/> works without owning them. The host enabled at least timeline semaphores,
/// and names in <paramref name="Enabled"/> (property names of <see cref="DeviceCaps"/>, see <see cref="HostFeatures"/>) which optional features it enabled: others are not used.
/// <paramref name="GetInstanceProcAddr"/>: the host's own vkGetInstanceProcAddr; 0: the loader's.
/// </summary>
public sealed record ForeignHandles(nint Instance, nint PhysicalDevice, nint Device, uint QueueFamily, nint Queue, IReadOnlySet<string> Enabled, nint GetInstanceProcAddr = 0);
