using System.Globalization;

namespace XClr.Gpu;

/// <summary>A device as the loader lists it.</summary>
public sealed record DeviceInfo(int Index, DeviceCaps Caps);

/// <summary>Chooses a device: by index, UUID or part of its name; without a wish the best one (discrete, integrated, virtual, CPU; then memory,
/// or of drivers for the CPU, which share its memory, the wider vectors).</summary>
public static class DeviceSelector
{
    /// <summary>Environment variable read where no device is named.</summary>
    public const string Variable = "XCLR_DEVICE";

    public static DeviceInfo Pick(IReadOnlyList<DeviceInfo> devices, string? wish)
    {
        if (devices.Count == 0)
        {
            throw new GpuException($"The Vulkan loader lists no device with Vulkan 1.2. {GpuInstance.Remedy}");
        }
        if (string.IsNullOrWhiteSpace(wish))
        {
            return devices.OrderBy(d => d.Caps.Kind).ThenByDescending(d => d.Caps.Kind == GpuKind.Cpu ? d.Caps.SubgroupSize : d.Caps.DeviceLocalBytes).ThenBy(d => d.Index).First();
        }
        if (int.TryParse(wish, NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            return devices.FirstOrDefault(d => d.Index == index) ?? throw NoSuch(devices, wish);
        }
        if (Guid.TryParse(wish, out var uuid))
        {
            return devices.FirstOrDefault(d => d.Caps.DeviceUuid == uuid) ?? throw NoSuch(devices, wish);
        }
        var named = devices.Where(d => d.Caps.Name.Contains(wish, StringComparison.OrdinalIgnoreCase)).ToList();
        return named.Count switch
        {
            1 => named[0],
            0 => throw NoSuch(devices, wish),
            _ => throw new GpuException($"Device '{wish}' is ambiguous; name its index or UUID:\n{List(named)}"),
        };
    }

    private static GpuException NoSuch(IReadOnlyList<DeviceInfo> devices, string wish) => new($"There is no device '{wish}'. Known are:\n{List(devices)}");

    private static string List(IEnumerable<DeviceInfo> devices) => string.Join('\n', devices.Select(d => $"  {d.Index}  {d.Caps.DeviceUuid}  {d.Caps.Name}"));
}
