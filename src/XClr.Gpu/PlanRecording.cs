using System.Runtime.InteropServices;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <content>Writes a plan's dispatches, their barriers and timestamps into command buffers.</content>
public sealed unsafe partial class Plan
{
    /// <summary>Records a whole run into other commands, without timestamps.</summary>
    /// <exception cref="GpuException">The plan has a loop.</exception>
    internal void RecordInto(CommandBuffer commands)
    {
        if (Layout.Dispatches.Any(d => d.Loop is not null))
        {
            throw new GpuException("A plan with a loop cannot be recorded into other commands.");
        }
        Silk.NET.Vulkan.Pipeline bound = default;
        for (var i = 0; i < Layout.Dispatches.Count; i++)
        {
            if (Layout.BarrierBefore[i])
            {
                Barriers.Compute(device.Vk, commands);
            }
            bound = RecordDispatch(commands, Layout.Dispatches[i], PartRange.Whole, bound, timestamps: null, 0);
        }
    }

    private void Record()
    {
        queries = QueryCount > 0 && device.Caps.Timestamps.IsSupported ? new TimestampQueries(device, QueryCount) : null;
        var poolInfo = new CommandPoolCreateInfo { SType = StructureType.CommandPoolCreateInfo, QueueFamilyIndex = device.Compute.Family };
        device.Vk.CreateCommandPool(device.Handle, &poolInfo, null, out commandPool).Check("vkCreateCommandPool");
        segments = new CommandBuffer[starts.Count];
        fixed (CommandBuffer* p = segments)
        {
            var info = new CommandBufferAllocateInfo { SType = StructureType.CommandBufferAllocateInfo, CommandPool = commandPool, CommandBufferCount = (uint)segments.Length };
            device.Vk.AllocateCommandBuffers(device.Handle, &info, p).Check("vkAllocateCommandBuffers");
        }
        for (var s = 0; s < segments.Length; s++)
        {
            RecordSegment(s, starts[s], s + 1 < segments.Length ? starts[s + 1] : new PlanCut(Layout.Dispatches.Count));
        }
    }

    private void RecordSegment(int segment, PlanCut first, PlanCut end)
    {
        var commands = segments[segment];
        // The same buffers are submitted step after step while earlier steps may still run; the barrier below orders them.
        var begin = new CommandBufferBeginInfo { SType = StructureType.CommandBufferBeginInfo, Flags = CommandBufferUsageFlags.SimultaneousUseBit };
        device.Vk.BeginCommandBuffer(commands, &begin).Check("vkBeginCommandBuffer");
        if (first is { Dispatch: 0, Part: 0 })
        {
            BeginRun(commands);
        }
        else if (Layout.Dispatches[first.Dispatch].Loop is not null && Timing == PlanTiming.Dispatches)
        {
            // A dispatch that is divided writes its start in its first part.
            var (from, to) = (first.Dispatch + (first.Part > 0 ? 1 : 0), end.Dispatch + (end.Part > 0 ? 1 : 0));
            if (to > from)
            {
                queries?.Reset(commands, 2 * from, 2 * (to - from));
            }
        }
        if (Timing == PlanTiming.Segments)
        {
            queries?.Reset(commands, 2 * segment, 2);
            queries?.WriteStart(commands, 2 * segment);
        }
        RecordDispatches(commands, first, end);
        if (Timing == PlanTiming.Segments || (Timing == PlanTiming.Step && end.Dispatch == Layout.Dispatches.Count))
        {
            queries?.WriteEnd(commands, Timing == PlanTiming.Segments ? 2 * segment + 1 : 1);
        }
        device.Vk.EndCommandBuffer(commands).Check("vkEndCommandBuffer");
    }

    private void RecordDispatches(CommandBuffer commands, PlanCut first, PlanCut end)
    {
        Silk.NET.Vulkan.Pipeline bound = default;
        foreach (var (i, part) in PartRange.Between(first, end))
        {
            if (Layout.BarrierBefore[i] && part.From == 0)
            {
                Barriers.Compute(device.Vk, commands);
            }
            bound = RecordDispatch(commands, Layout.Dispatches[i], part, bound, Timing == PlanTiming.Dispatches ? queries : null, 2 * i);
        }
    }

    private void BeginRun(CommandBuffer commands)
    {
        Barriers.Compute(device.Vk, commands);
        if (Timing != PlanTiming.Segments)
        {
            queries?.Reset(commands);
        }
        if (Timing == PlanTiming.Step)
        {
            queries?.WriteStart(commands, 0);
        }
        if (!options.Poison && !options.Canaries)
        {
            return;
        }
        Barriers.Memory(device.Vk, commands, PipelineStageFlags.ComputeShaderBit | PipelineStageFlags.TransferBit, AccessFlags.ShaderWriteBit | AccessFlags.TransferWriteBit,
            PipelineStageFlags.TransferBit, AccessFlags.TransferWriteBit);
        const uint Canary = CanaryByte * 0x01010101u, QuietNan = 0x7FC00000u;
        foreach (var block in blocks)
        {
            device.Vk.CmdFillBuffer(commands, block.Handle, 0, (ulong)block.Bytes, options.Canaries ? Canary : QuietNan);
        }
        Barriers.Memory(device.Vk, commands, PipelineStageFlags.TransferBit, AccessFlags.TransferWriteBit, PipelineStageFlags.ComputeShaderBit, AccessFlags.ShaderReadBit | AccessFlags.ShaderWriteBit);
    }

    // Timestamps, where there are any, go to index and index + 1: the first part's start and the last part's end.
    private Silk.NET.Vulkan.Pipeline RecordDispatch(CommandBuffer commands, Dispatch dispatch, PartRange part, Silk.NET.Vulkan.Pipeline bound, TimestampQueries? timestamps, int index)
    {
        var vk = device.Vk;
        var pipeline = device.Pipelines.Get(dispatch.Kernel, withBase: part != PartRange.Whole);
        device.Labels.Begin(commands, dispatch.Label);
        if (pipeline.Handle.Handle != bound.Handle)
        {
            vk.CmdBindPipeline(commands, PipelineBindPoint.Compute, pipeline.Handle);
        }
        vk.CmdBindDescriptorSets(commands, PipelineBindPoint.Compute, pipeline.Layout, 0, 1, in bindings![dispatch.Index], 0, null);
        ReadOnlySpan<byte> constants = [.. Pointers(dispatch), .. dispatch.PushConstants];
        fixed (byte* push = constants)
        {
            vk.CmdPushConstants(commands, pipeline.Layout, ShaderStageFlags.ComputeBit, 0, (uint)constants.Length, push);
        }
        if (part.From == 0)
        {
            timestamps?.WriteStart(commands, index);
        }
        var grid = Grid(dispatch.Groups, device.Caps.MaxComputeWorkGroupCount);
        if (part == PartRange.Whole)
        {
            vk.CmdDispatch(commands, grid.X, grid.Y, grid.Z);
        }
        else
        {
            var (from, count) = part.Of(grid);
            vk.CmdDispatchBase(commands, from.X, from.Y, from.Z, count.X, count.Y, count.Z);
        }
        if (part.To == part.Parts)
        {
            timestamps?.WriteEnd(commands, index + 1);
        }
        device.Labels.End(commands);
        return pipeline.Handle;
    }

    // Addresses of the reads that are not bound.
    private ReadOnlySpan<byte> Pointers(Dispatch dispatch)
    {
        var addresses = new ulong[dispatch.Kernel.Pointers];
        for (var i = 0; i < addresses.Length; i++)
        {
            var slice = PlaceOf(dispatch.Views[i]);
            addresses[i] = slice.Block.Address + (ulong)(slice.Offset + dispatch.Views[i].Offset);
        }
        return MemoryMarshal.AsBytes<ulong>(addresses);
    }

    private const long LeastRows = 64;

    /// <summary>
    /// Lays a flat number of workgroups over three axes of at most <paramref name="limit"/> each; the product exceeds the number by less than the rows where two axes are enough. What one axis cannot hold has <see cref="LeastRows"/> where the limit allows, so that it can be divided.
    /// </summary>
    internal static (uint X, uint Y, uint Z) Grid(long groups, long limit)
    {
        var rows = groups <= limit ? 1 : Math.Max(Math.Min(LeastRows, limit), (groups + limit - 1) / limit);
        var x = (groups + rows - 1) / rows;
        var y = Math.Min(rows, limit);
        var z = (rows + y - 1) / y;
        return z <= limit ? ((uint)x, (uint)y, (uint)z) : throw new GpuException($"{groups} workgroups exceed the device's limit of {limit} on each of three axes.");
    }
}
