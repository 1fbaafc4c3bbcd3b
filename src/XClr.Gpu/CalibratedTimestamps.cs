using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>VK_KHR_calibrated_timestamps, or VK_EXT_calibrated_timestamps, which is the same by an older name: the device's and the host's clock read at one moment.</summary>
internal static unsafe class CalibratedTimestamps
{
    private static readonly string[] Suffixes = ["KHR", "EXT"];

    /// <summary>The domain of <see cref="HostClock"/>.</summary>
    private static TimeDomainKHR HostDomain => OperatingSystem.IsWindows() ? TimeDomainKHR.QueryPerformanceCounterKhr : TimeDomainKHR.ClockMonotonicKhr;

    /// <summary>The extension of the two that the device has; null = neither.</summary>
    public static string? Extension(IReadOnlySet<string> extensions) => Suffixes.Select(s => $"VK_{s}_calibrated_timestamps").FirstOrDefault(extensions.Contains);

    /// <summary>Whether the device can compare its timestamps with <see cref="HostClock"/>.</summary>
    public static bool IsSupported(GpuInstance instance, PhysicalDevice device, IReadOnlySet<string> extensions)
    {
        if (Extension(extensions) is not { } extension)
        {
            return false;
        }
        var get = (delegate* unmanaged<PhysicalDevice, uint*, TimeDomainKHR*, Result>)instance.Function($"vkGetPhysicalDeviceCalibrateableTimeDomains{extension.Substring(3, 3)}");
        uint count = 0;
        if (get is null || get(device, &count, null) != Result.Success)
        {
            return false;
        }
        var domains = new TimeDomainKHR[count];
        fixed (TimeDomainKHR* p = domains)
        {
            get(device, &count, p).Check("vkGetPhysicalDeviceCalibrateableTimeDomains");
        }
        return domains.Contains(TimeDomainKHR.DeviceKhr) && domains.Contains(HostDomain);
    }

    /// <summary>Both clocks now.</summary>
    public static ClockPair Read(GpuDevice device)
    {
        var address = Suffixes.Select(s => device.Function($"vkGetCalibratedTimestamps{s}")).First(f => f != 0);
        var get = (delegate* unmanaged<Device, uint, CalibratedTimestampInfoKHR*, ulong*, ulong*, Result>)address;
        var infos = stackalloc[]
        {
            new CalibratedTimestampInfoKHR { SType = StructureType.CalibratedTimestampInfoKhr, TimeDomain = TimeDomainKHR.DeviceKhr },
            new CalibratedTimestampInfoKHR { SType = StructureType.CalibratedTimestampInfoKhr, TimeDomain = HostDomain },
        };
        var times = stackalloc ulong[2];
        ulong deviation = 0;
        get(device.Handle, 2, infos, times, &deviation).Check("vkGetCalibratedTimestamps");
        return new ClockPair(times[0], HostClock.ToNs((long)times[1]), deviation);
    }
}
