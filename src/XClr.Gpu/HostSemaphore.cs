namespace XClr.Gpu;

/// <summary>A value of a host's timeline semaphore (VkSemaphore).</summary>
public readonly record struct HostSemaphore(ulong Handle, ulong Value);
