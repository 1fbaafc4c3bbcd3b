using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>One moment on both clocks.</summary>
/// <param name="Ticks">The device's timestamp.</param>
/// <param name="HostNs">The same moment by <see cref="HostClock"/>.</param>
/// <param name="DeviationNs">How far the two may be apart, nanoseconds.</param>
public readonly record struct ClockPair(ulong Ticks, long HostNs, double DeviationNs);

/// <summary>
/// Puts a device's timestamps on the host's clock: by calibrated timestamps where the driver has them, else by the offset that a submitted timestamp shows, whose error is at most half
/// the time from submit to end.
/// </summary>
public sealed unsafe class DeviceClock : IDisposable
{
    private const int Rounds = 8;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly GpuDevice device;
    private readonly CommandPool pool;
    private readonly CommandBuffer commands;
    private readonly TimestampQueries? queries;

    /// <summary>Opens the clock of a device.</summary>
    /// <exception cref="GpuException">Its compute queue has no timestamps.</exception>
    public DeviceClock(GpuDevice device)
    {
        this.device = device;
        Timestamps = device.Caps.Timestamps.IsSupported ? device.Caps.Timestamps : throw new GpuException(
            $"{device.Caps.Name} cannot be profiled: its compute queue has no timestamps (timestampValidBits {device.Caps.TimestampValidBits}, timestampPeriod {device.Caps.TimestampPeriod}). Choose another with --device; `bench` times whole steps by the host's clock.");
        if (Calibrated)
        {
            return;
        }
        var info = new CommandPoolCreateInfo { SType = StructureType.CommandPoolCreateInfo, QueueFamilyIndex = device.Compute.Family };
        device.Vk.CreateCommandPool(device.Handle, &info, null, out pool).Check("vkCreateCommandPool");
        queries = new TimestampQueries(device, 1);
        commands = Record();
    }

    /// <summary>Period and bits of the timestamps.</summary>
    public TimestampClock Timestamps { get; }

    /// <summary>True where the driver compares the clocks itself.</summary>
    public bool Calibrated => device.Caps.CalibratedTimestamps;

    /// <summary>Both clocks at one moment. Without calibrated timestamps it waits for the device's work, and takes the closest of a few tries.</summary>
    /// <exception cref="GpuException">The driver gives no timestamp within a limit.</exception>
    public ClockPair Read()
    {
        if (Calibrated)
        {
            return CalibratedTimestamps.Read(device);
        }
        device.Compute.Wait(device.Compute.Submitted, Limit);
        return Enumerable.Range(0, Rounds).Select(_ => ReadOffset()).MinBy(p => p.DeviationNs);
    }

    private ClockPair ReadOffset()
    {
        var before = HostClock.NowNs;
        device.Compute.Wait(device.Compute.Submit(commands), Limit);
        var after = HostClock.NowNs;
        return queries!.Read() is [var tick]
            ? new ClockPair(tick, before + (after - before) / 2, (after - before) / 2.0)
            : throw new GpuException($"{device.Caps.Name} cannot be profiled: its driver ({device.Caps.DriverName}) gave no timestamp, as drivers do that execute nothing.");
    }

    private CommandBuffer Record()
    {
        var allocate = new CommandBufferAllocateInfo { SType = StructureType.CommandBufferAllocateInfo, CommandPool = pool, CommandBufferCount = 1 };
        CommandBuffer buffer;
        device.Vk.AllocateCommandBuffers(device.Handle, &allocate, &buffer).Check("vkAllocateCommandBuffers");
        var begin = new CommandBufferBeginInfo { SType = StructureType.CommandBufferBeginInfo };
        device.Vk.BeginCommandBuffer(buffer, &begin).Check("vkBeginCommandBuffer");
        queries!.Reset(buffer);
        queries.WriteEnd(buffer, 0);
        device.Vk.EndCommandBuffer(buffer).Check("vkEndCommandBuffer");
        return buffer;
    }

    public void Dispose()
    {
        if (queries is null || !device.Settle())
        {
            return;
        }
        queries.Dispose();
        device.Vk.DestroyCommandPool(device.Handle, pool, null);
    }
}
