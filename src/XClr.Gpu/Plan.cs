using System.Diagnostics;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>
/// Recorded dispatches, compiled for a device: memory, pipelines, descriptor sets and command buffers are made once; a run is one or a few
/// vkQueueSubmit calls. Persistent buffers it uses are placed when it is built.
/// </summary>
public sealed unsafe class Plan : IDisposable
{
    private const byte CanaryByte = 0xA5;
    private static readonly TimeSpan DefaultLimit = TimeSpan.FromMinutes(10);
    private readonly GpuDevice device;
    private readonly PlanOptions options;
    private readonly List<ArenaBlock> blocks = [];
    private readonly Dictionary<GpuBuffer, ArenaSlice> transient = [];
    private readonly List<Silk.NET.Vulkan.BufferView> texelViews = [];
    private CommandPool commandPool;
    private DescriptorPool descriptorPool;
    private QueryPool queries;
    private CommandBuffer[] segments = [];
    private bool disposed;

    private Plan(GpuDevice device, PlanLayout layout, PlanOptions options)
    {
        this.device = device;
        this.options = options;
        Layout = layout;
    }

    public PlanLayout Layout { get; }

    /// <summary>Compiles a recorder's dispatches on a device.</summary>
    /// <exception cref="GpuOutOfMemoryException">The plan's memory does not fit.</exception>
    public static Plan Build(GpuDevice device, Recorder recorder, PlanOptions? options = null)
    {
        options ??= new PlanOptions();
        var plan = new Plan(device, PlanLayout.Create(recorder.Dispatches, device.Caps, options), options);
        device.Track(plan);
        try
        {
            device.Pipelines.Compile(recorder.Dispatches.Select(d => d.Kernel));
            plan.Allocate();
            plan.Record(plan.BindAll());
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>Submits the plan after all uploads so far; returns at once.</summary>
    public GpuTicket Submit()
    {
        ulong ticket = 0;
        foreach (var segment in segments)
        {
            ticket = device.Compute.Submit(segment, device.Copy, device.Transfer.LastUpload);
        }
        return new GpuTicket(ticket);
    }

    /// <summary>Waits for a submit of this device's plans.</summary>
    public void Wait(GpuTicket ticket, TimeSpan? limit = null) => device.Compute.Wait(ticket.Value, limit ?? DefaultLimit);

    /// <summary>Submits and waits.</summary>
    public void Run() => Wait(Submit());

    /// <summary>
    /// Start and end of every dispatch (or of the step) of the last run, nanoseconds on the device's clock, wrapped timestamps unrolled. Null where the device
    /// or the plan has no timestamps, or where they are not there within the limit.
    /// </summary>
    public IReadOnlyList<(double Start, double End)>? ReadTimings(TimeSpan? limit = null)
    {
        if (queries.Handle == 0)
        {
            return null;
        }
        var ticks = new ulong[QueryCount];
        var clock = Stopwatch.StartNew();
        fixed (ulong* p = ticks)
        {
            while (device.Vk.GetQueryPoolResults(device.Handle, queries, 0, (uint)ticks.Length, (nuint)(ticks.Length * 8), p, 8, QueryResultFlags.Result64Bit) == Result.NotReady)
            {
                if (clock.Elapsed > (limit ?? TimeSpan.FromSeconds(2)))
                {
                    return null;
                }
                Thread.Sleep(1);
            }
        }
        var mask = device.Caps.TimestampValidBits >= 64 ? ulong.MaxValue : (1UL << device.Caps.TimestampValidBits) - 1;
        double At(int i) => (ticks[i] - ticks[0] & mask) * device.Caps.TimestampPeriod;
        return [.. Enumerable.Range(0, ticks.Length / 2).Select(i => (At(2 * i), At(2 * i + 1)))];
    }

    /// <summary>Throws where a run wrote outside its transient buffers. Needs <see cref="PlanOptions.Canaries"/>.</summary>
    public void CheckCanaries()
    {
        foreach (var block in blocks)
        {
            var bytes = new byte[block.Bytes];
            device.Transfer.Copy(block, 0, bytes);
            foreach (var (buffer, slice) in transient.Where(t => t.Value.Block == block))
            {
                var end = slice.Offset + buffer.Bytes;
                var guard = bytes.AsSpan((int)end, (int)(Math.Min(Arena.RoundUp(end, device.PlacementAlignment) + device.PlacementAlignment, block.Bytes) - end));
                var broken = guard.IndexOfAnyExcept(CanaryByte);
                if (broken >= 0)
                {
                    throw new GpuException($"A dispatch wrote {broken} bytes past the end of '{buffer.Name}' ({buffer.Bytes} bytes).");
                }
            }
        }
    }

    private int QueryCount => options.Timing switch { PlanTiming.Step => 2, PlanTiming.Dispatches => 2 * Layout.Dispatches.Count, _ => 0 };

    private void Allocate()
    {
        if (Layout.Largest is var largest && largest.Bytes > device.Caps.MaxMemoryAllocationSize)
        {
            throw new GpuException($"Buffer '{largest.Name}' needs {largest.Bytes} bytes in one piece, above the device's maxMemoryAllocationSize of {device.Caps.MaxMemoryAllocationSize}.");
        }
        device.Place(Layout.Persistent);
        foreach (var bytes in Layout.BlockBytes)
        {
            blocks.Add(new ArenaBlock(device, bytes, "activations and workspace"));
        }
        foreach (var (buffer, _, _) in Layout.Transient)
        {
            var (block, offset) = Layout.OffsetOf(buffer);
            transient[buffer] = new ArenaSlice(blocks[block], offset, buffer.Bytes);
        }
        if (QueryCount > 0 && device.Caps.TimestampValidBits > 0)
        {
            var info = new QueryPoolCreateInfo { SType = StructureType.QueryPoolCreateInfo, QueryType = QueryType.Timestamp, QueryCount = (uint)QueryCount };
            device.Vk.CreateQueryPool(device.Handle, &info, null, out queries).Check("vkCreateQueryPool");
        }
    }

    private DescriptorSet[] BindAll()
    {
        var count = Layout.Dispatches.Count;
        var texels = (uint)Layout.Dispatches.Sum(d => d.Kernel.Texels);
        var sizes = stackalloc[]
        {
            new DescriptorPoolSize(DescriptorType.StorageBuffer, (uint)Layout.Dispatches.Sum(d => d.Views.Length) - texels),
            new DescriptorPoolSize(DescriptorType.UniformTexelBuffer, texels),
        };
        var poolInfo = new DescriptorPoolCreateInfo { SType = StructureType.DescriptorPoolCreateInfo, MaxSets = (uint)count, PoolSizeCount = texels == 0 ? 1u : 2u, PPoolSizes = sizes };
        device.Vk.CreateDescriptorPool(device.Handle, &poolInfo, null, out descriptorPool).Check("vkCreateDescriptorPool");
        var layouts = Layout.Dispatches.Select(d => device.Pipelines.Get(d.Kernel).SetLayout).ToArray();
        var sets = new DescriptorSet[count];
        fixed (DescriptorSetLayout* l = layouts)
        fixed (DescriptorSet* s = sets)
        {
            var info = new DescriptorSetAllocateInfo { SType = StructureType.DescriptorSetAllocateInfo, DescriptorPool = descriptorPool, DescriptorSetCount = (uint)count, PSetLayouts = l };
            device.Vk.AllocateDescriptorSets(device.Handle, &info, s).Check("vkAllocateDescriptorSets");
        }
        for (var i = 0; i < count; i++)
        {
            Bind(sets[i], Layout.Dispatches[i]);
        }
        return sets;
    }

    private void Bind(DescriptorSet set, Dispatch dispatch)
    {
        var views = dispatch.Views;
        var texels = stackalloc Silk.NET.Vulkan.BufferView[views.Length];
        var buffers = stackalloc DescriptorBufferInfo[views.Length];
        var writes = stackalloc WriteDescriptorSet[views.Length];
        for (var i = 0; i < views.Length; i++)
        {
            var slice = transient.TryGetValue(views[i].Buffer, out var t) ? t : views[i].Buffer.Placement!.Value;
            buffers[i] = new DescriptorBufferInfo(slice.Block.Handle, (ulong)(slice.Offset + views[i].Offset), (ulong)views[i].Bytes);
            if (i < dispatch.Kernel.Texels)
            {
                texels[i] = CreateTexelView(buffers[i]);
            }
            writes[i] = new WriteDescriptorSet
            {
                SType = StructureType.WriteDescriptorSet,
                DstSet = set,
                DstBinding = (uint)i,
                DescriptorCount = 1,
                DescriptorType = i < dispatch.Kernel.Texels ? DescriptorType.UniformTexelBuffer : DescriptorType.StorageBuffer,
                PBufferInfo = buffers + i,
                PTexelBufferView = texels + i,
            };
        }
        device.Vk.UpdateDescriptorSets(device.Handle, (uint)views.Length, writes, 0, null);
    }

    private Silk.NET.Vulkan.BufferView CreateTexelView(DescriptorBufferInfo range)
    {
        var info = new BufferViewCreateInfo
        {
            SType = StructureType.BufferViewCreateInfo,
            Buffer = range.Buffer,
            Format = Format.R32G32B32A32Sfloat,
            Offset = range.Offset,
            Range = range.Range,
        };
        device.Vk.CreateBufferView(device.Handle, &info, null, out var view).Check("vkCreateBufferView");
        texelViews.Add(view);
        return view;
    }

    private void Record(DescriptorSet[] sets)
    {
        var poolInfo = new CommandPoolCreateInfo { SType = StructureType.CommandPoolCreateInfo, QueueFamilyIndex = device.Compute.Family };
        device.Vk.CreateCommandPool(device.Handle, &poolInfo, null, out commandPool).Check("vkCreateCommandPool");
        segments = new CommandBuffer[Layout.SegmentStarts.Count];
        fixed (CommandBuffer* p = segments)
        {
            var info = new CommandBufferAllocateInfo { SType = StructureType.CommandBufferAllocateInfo, CommandPool = commandPool, CommandBufferCount = (uint)segments.Length };
            device.Vk.AllocateCommandBuffers(device.Handle, &info, p).Check("vkAllocateCommandBuffers");
        }
        for (var s = 0; s < segments.Length; s++)
        {
            var end = s + 1 < segments.Length ? Layout.SegmentStarts[s + 1] : Layout.Dispatches.Count;
            RecordSegment(segments[s], Layout.SegmentStarts[s], end, sets);
        }
    }

    private void RecordSegment(CommandBuffer commands, int first, int end, DescriptorSet[] sets)
    {
        // The same buffers are submitted step after step while earlier steps may still run; the barrier below orders them.
        var begin = new CommandBufferBeginInfo { SType = StructureType.CommandBufferBeginInfo, Flags = CommandBufferUsageFlags.SimultaneousUseBit };
        device.Vk.BeginCommandBuffer(commands, &begin).Check("vkBeginCommandBuffer");
        if (first == 0)
        {
            BeginRun(commands);
        }
        Silk.NET.Vulkan.Pipeline bound = default;
        for (var i = first; i < end; i++)
        {
            if (Layout.BarrierBefore[i])
            {
                Barriers.Compute(device.Vk, commands);
            }
            bound = RecordDispatch(commands, Layout.Dispatches[i], sets[i], bound);
        }
        if (end == Layout.Dispatches.Count && options.Timing == PlanTiming.Step && queries.Handle != 0)
        {
            device.Vk.CmdWriteTimestamp(commands, PipelineStageFlags.BottomOfPipeBit, queries, 1);
        }
        device.Vk.EndCommandBuffer(commands).Check("vkEndCommandBuffer");
    }

    private void BeginRun(CommandBuffer commands)
    {
        Barriers.Compute(device.Vk, commands);
        if (queries.Handle != 0)
        {
            device.Vk.CmdResetQueryPool(commands, queries, 0, (uint)QueryCount);
            if (options.Timing == PlanTiming.Step)
            {
                device.Vk.CmdWriteTimestamp(commands, PipelineStageFlags.TopOfPipeBit, queries, 0);
            }
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

    private Silk.NET.Vulkan.Pipeline RecordDispatch(CommandBuffer commands, Dispatch dispatch, DescriptorSet set, Silk.NET.Vulkan.Pipeline bound)
    {
        var vk = device.Vk;
        var pipeline = device.Pipelines.Get(dispatch.Kernel);
        device.BeginLabel(commands, dispatch.Label);
        if (pipeline.Handle.Handle != bound.Handle)
        {
            vk.CmdBindPipeline(commands, PipelineBindPoint.Compute, pipeline.Handle);
        }
        vk.CmdBindDescriptorSets(commands, PipelineBindPoint.Compute, pipeline.Layout, 0, 1, in set, 0, null);
        fixed (byte* push = dispatch.PushConstants)
        {
            vk.CmdPushConstants(commands, pipeline.Layout, ShaderStageFlags.ComputeBit, 0, (uint)dispatch.PushConstants.Length, push);
        }
        var timed = options.Timing == PlanTiming.Dispatches && queries.Handle != 0;
        if (timed)
        {
            vk.CmdWriteTimestamp(commands, PipelineStageFlags.TopOfPipeBit, queries, (uint)(2 * dispatch.Index));
        }
        var (x, y, z) = Grid(dispatch.Groups, device.Caps.MaxComputeWorkGroupCount);
        vk.CmdDispatch(commands, x, y, z);
        if (timed)
        {
            vk.CmdWriteTimestamp(commands, PipelineStageFlags.BottomOfPipeBit, queries, (uint)(2 * dispatch.Index) + 1);
        }
        device.EndLabel(commands);
        return pipeline.Handle;
    }

    /// <summary>Lays a flat number of workgroups over three axes of at most <paramref name="limit"/> each; the product may exceed the number.</summary>
    internal static (uint X, uint Y, uint Z) Grid(long groups, long limit)
    {
        var x = Math.Min(groups, limit);
        var rows = (groups + x - 1) / x;
        var y = Math.Min(rows, limit);
        var z = (rows + y - 1) / y;
        return z <= limit ? ((uint)x, (uint)y, (uint)z) : throw new GpuException($"{groups} workgroups exceed the device's limit of {limit} on each of three axes.");
    }

    public void Dispose()
    {
        if (disposed)
        {
            return;
        }
        disposed = true;
        device.Untrack(this);
        if (!device.Settle())
        {
            return;
        }
        device.Vk.DestroyQueryPool(device.Handle, queries, null);
        device.Vk.DestroyCommandPool(device.Handle, commandPool, null);
        device.Vk.DestroyDescriptorPool(device.Handle, descriptorPool, null);
        texelViews.ForEach(v => device.Vk.DestroyBufferView(device.Handle, v, null));
        blocks.ForEach(b => b.Dispose());
    }
}
