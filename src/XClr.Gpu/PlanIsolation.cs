using Silk.NET.Vulkan;

namespace XClr.Gpu;

public sealed unsafe partial class Plan
{
    /// <summary>Repeats per submit at most: enough to keep the device awake.</summary>
    private const int MostIsolated = 8;

    /// <summary>
    /// Runs one dispatch alone, again and again between barriers, with its real shapes and bindings and what the plan's memory holds at the time. A dispatch that updates in
    /// place does so each time, so the plan's results are of no use afterwards.
    /// </summary>
    /// <param name="dispatch">Index of the dispatch.</param>
    /// <param name="repeats">Timed runs, after a few that are not.</param>
    /// <returns>Nanoseconds of each run.</returns>
    /// <exception cref="GpuException">The device has no timestamps, or gives none within a limit.</exception>
    public IReadOnlyList<double> Isolate(int dispatch, int repeats)
    {
        var slow = SlowDevice.Of(device.Caps);
        var submits = slow.Seconds(Layout.Dispatches[dispatch]) / slow.SubmitSeconds;
        var parts = PartRange.Count(Layout.Dispatches[dispatch], device.Caps, submits);
        var together = (int)Math.Clamp(1 / submits, 1, MostIsolated);
        var timestamps = new TimestampQueries(device, 2 * together);
        var info = new CommandPoolCreateInfo { SType = StructureType.CommandPoolCreateInfo, QueueFamilyIndex = device.Compute.Family };
        device.Vk.CreateCommandPool(device.Handle, &info, null, out var pool).Check("vkCreateCommandPool");
        try
        {
            CommandBuffer[] commands = [.. Enumerable.Range(0, parts).Select(part => RecordIsolated(pool, Layout.Dispatches[dispatch], new PartRange(part, part + 1, parts), together, timestamps))];
            var times = new List<double>();
            for (var run = 0; times.Count < repeats; run++)
            {
                foreach (var part in commands)
                {
                    Wait(new GpuTicket(device.Compute.Submit(part)));
                }
                var ticks = timestamps.Read() ?? throw new GpuException($"{device.Caps.Name} gave no timestamps for {Layout.Dispatches[dispatch].Label}.");
                if (run > 0)
                {
                    times.AddRange(PlanTimings.Create(device.Caps.Timestamps, ticks, [.. Enumerable.Repeat(true, together)]).Spans.Select(s => s.End - s.Start));
                }
            }
            return times[..repeats];
        }
        finally
        {
            if (device.Settle())
            {
                timestamps.Dispose();
                device.Vk.DestroyCommandPool(device.Handle, pool, null);
            }
        }
    }

    // A dispatch that may take longer than a submit should is in parts, a submit each.
    private CommandBuffer RecordIsolated(CommandPool pool, Dispatch dispatch, PartRange part, int together, TimestampQueries timestamps)
    {
        var allocate = new CommandBufferAllocateInfo { SType = StructureType.CommandBufferAllocateInfo, CommandPool = pool, CommandBufferCount = 1 };
        CommandBuffer commands;
        device.Vk.AllocateCommandBuffers(device.Handle, &allocate, &commands).Check("vkAllocateCommandBuffers");
        var begin = new CommandBufferBeginInfo { SType = StructureType.CommandBufferBeginInfo };
        device.Vk.BeginCommandBuffer(commands, &begin).Check("vkBeginCommandBuffer");
        if (part.From == 0)
        {
            timestamps.Reset(commands);
        }
        Silk.NET.Vulkan.Pipeline bound = default;
        for (var i = 0; i < together; i++)
        {
            Barriers.Compute(device.Vk, commands);
            bound = RecordDispatch(commands, dispatch, part, bound, timestamps, 2 * i);
        }
        device.Vk.EndCommandBuffer(commands).Check("vkEndCommandBuffer");
        return commands;
    }
}
