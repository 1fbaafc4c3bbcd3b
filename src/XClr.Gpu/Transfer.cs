using System.Runtime.InteropServices;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>A moment in a queue's work; 0 = the beginning. Plans and uploads return one, later work can wait for it.</summary>
public readonly record struct GpuTicket(ulong Value);

/// <summary>
/// Copies between host and device memory through a ring of host-visible staging memory; on the copy queue where the device has one.
/// Not thread-safe: one thread uploads and downloads.
/// </summary>
public sealed unsafe class Transfer : IDisposable
{
    private const long RingBytes = 32L << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private readonly GpuDevice device;
    private readonly ArenaBlock ring;
    private readonly CommandPool pool;
    private readonly Queue<(CommandBuffer Commands, ulong Ticket, long End)> inFlight = [];
    private readonly Stack<CommandBuffer> idle = [];
    private long head;
    private long tail;

    internal Transfer(GpuDevice device)
    {
        this.device = device;
        var info = new CommandPoolCreateInfo { SType = StructureType.CommandPoolCreateInfo, QueueFamilyIndex = device.Copy.Family, Flags = CommandPoolCreateFlags.ResetCommandBufferBit };
        ring = new ArenaBlock(device, RingBytes, "staging", hostVisible: true);
        device.Vk.CreateCommandPool(device.Handle, &info, null, out pool).Check("vkCreateCommandPool");
    }

    /// <summary>The latest upload.</summary>
    internal ulong LastUpload { get; private set; }

    /// <summary>
    /// Writes data into a persistent buffer; returns at once. Plans submitted later see it. The copy starts when the compute work <paramref name="after"/> is done
    /// (null = all submitted so far): name an earlier ticket where the range is known to be unused since, so that the copy overlaps with the work in between.
    /// </summary>
    public void Upload<T>(BufferView target, ReadOnlySpan<T> data, GpuTicket? after = null) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(data);
        if (bytes.Length > target.Bytes)
        {
            throw new GpuException($"An upload of {bytes.Length} bytes does not fit {target.Buffer.Name}'s {target.Bytes}.");
        }
        device.Place([target.Buffer]);
        var start = after?.Value ?? device.Compute.Submitted;
        const int Chunk = (int)(RingBytes / 4);
        for (var done = 0; done < bytes.Length; done += Chunk)
        {
            var part = bytes.Slice(done, Math.Min(Chunk, bytes.Length - done));
            var offset = Reserve(part.Length);
            part.CopyTo(new Span<byte>(ring.Mapped + offset, part.Length));
            var placement = target.Buffer.Placement!.Value;
            var region = new BufferCopy((ulong)offset, (ulong)(placement.Offset + target.Offset + done), (ulong)part.Length);
            LastUpload = Run(commands => device.Vk.CmdCopyBuffer(commands, ring.Handle, placement.Block.Handle, 1, in region), device.Compute, start);
        }
    }

    /// <summary>Sets all bytes of a persistent buffer to zero, after all work submitted so far; returns at once. Plans submitted later see it.</summary>
    public void Clear(GpuBuffer target)
    {
        device.Place([target]);
        var placement = target.Placement!.Value;
        LastUpload = Run(commands => device.Vk.CmdFillBuffer(commands, placement.Block.Handle, (ulong)placement.Offset, (ulong)target.Bytes, 0), device.Compute, device.Compute.Submitted);
    }

    /// <summary>Copies between two persistent buffers of the device, after all work submitted so far; returns at once. Plans submitted later see it.</summary>
    public void Copy(BufferView source, BufferView target)
    {
        if (source.Bytes > target.Bytes)
        {
            throw new GpuException($"A copy of {source.Bytes} bytes does not fit {target.Buffer.Name}'s {target.Bytes}.");
        }
        device.Place([target.Buffer]);
        var from = source.Buffer.Placement ?? throw new GpuException($"{source.Buffer.Name} has no memory yet: nothing was ever written to it.");
        var to = target.Buffer.Placement!.Value;
        var region = new BufferCopy((ulong)(from.Offset + source.Offset), (ulong)(to.Offset + target.Offset), (ulong)source.Bytes);
        LastUpload = Run(commands => device.Vk.CmdCopyBuffer(commands, from.Block.Handle, to.Block.Handle, 1, in region), device.Compute, device.Compute.Submitted);
    }

    /// <summary>Reads a persistent buffer after all work submitted so far.</summary>
    public void Download<T>(BufferView source, Span<T> data) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(data);
        if (bytes.Length > source.Bytes)
        {
            throw new GpuException($"A download of {bytes.Length} bytes is larger than {source.Buffer.Name}'s {source.Bytes}.");
        }
        var placement = source.Buffer.Placement ?? throw new GpuException($"{source.Buffer.Name} has no memory yet: nothing was ever written to it.");
        Copy(placement.Block, placement.Offset + source.Offset, bytes);
    }

    /// <summary>The same as an array of floats.</summary>
    public float[] Download(BufferView source, int count)
    {
        var data = new float[count];
        Download(source, data.AsSpan());
        return data;
    }

    internal void Copy(ArenaBlock block, long offset, Span<byte> bytes)
    {
        const int Chunk = (int)(RingBytes / 4);
        for (var done = 0; done < bytes.Length; done += Chunk)
        {
            var size = Math.Min(Chunk, bytes.Length - done);
            var staged = Reserve(size);
            var region = new BufferCopy((ulong)(offset + done), (ulong)staged, (ulong)size);
            var ticket = Run(commands => device.Vk.CmdCopyBuffer(commands, block.Handle, ring.Handle, 1, in region), device.Compute, device.Compute.Submitted);
            device.Copy.Wait(ticket, Limit);
            new Span<byte>(ring.Mapped + staged, size).CopyTo(bytes[done..]);
        }
    }

    // Room in the ring: [tail, head) is in flight, both counted without wrapping.
    private long Reserve(int size)
    {
        var aligned = Arena.RoundUp(size, 256);
        if (head % RingBytes + aligned > RingBytes)
        {
            head = Arena.RoundUp(head, RingBytes);
        }
        while (head + aligned - tail > RingBytes)
        {
            Retire(wait: true);
        }
        var offset = head % RingBytes;
        head += aligned;
        return offset;
    }

    private void Retire(bool wait)
    {
        while (inFlight.TryPeek(out var oldest) && device.Copy.TryWait(oldest.Ticket, wait ? Limit : TimeSpan.Zero))
        {
            inFlight.Dequeue();
            idle.Push(oldest.Commands);
            tail = oldest.End;
            wait = false;
        }
        if (wait)
        {
            throw new DeviceLostException($"{device.Caps.Name} did not finish a copy within {Limit.TotalSeconds:0} s.");
        }
    }

    private ulong Run(Action<CommandBuffer> record, GpuQueue after, ulong afterValue)
    {
        Retire(wait: false);
        var commands = idle.Count > 0 ? idle.Pop() : Allocate();
        var begin = new CommandBufferBeginInfo { SType = StructureType.CommandBufferBeginInfo, Flags = CommandBufferUsageFlags.OneTimeSubmitBit };
        device.Vk.BeginCommandBuffer(commands, &begin).Check("vkBeginCommandBuffer");
        // Barriers order a copy against the copies before it and, on one queue, against kernels. On two queues semaphores do that, and the copy queue knows no compute stage.
        var kernels = device.Copy == device.Compute ? PipelineStageFlags.ComputeShaderBit : 0;
        var (written, used) = kernels == 0 ? (AccessFlags.None, AccessFlags.None) : (AccessFlags.ShaderWriteBit, AccessFlags.ShaderReadBit | AccessFlags.ShaderWriteBit);
        Barriers.Memory(device.Vk, commands, kernels | PipelineStageFlags.TransferBit, written | AccessFlags.TransferWriteBit, PipelineStageFlags.TransferBit, AccessFlags.TransferReadBit | AccessFlags.TransferWriteBit);
        record(commands);
        Barriers.Memory(device.Vk, commands, PipelineStageFlags.TransferBit, AccessFlags.TransferWriteBit, kernels | PipelineStageFlags.HostBit, used | AccessFlags.HostReadBit);
        device.Vk.EndCommandBuffer(commands).Check("vkEndCommandBuffer");
        var ticket = device.Copy.Submit(commands, after, afterValue);
        inFlight.Enqueue((commands, ticket, head));
        return ticket;
    }

    private CommandBuffer Allocate()
    {
        var info = new CommandBufferAllocateInfo { SType = StructureType.CommandBufferAllocateInfo, CommandPool = pool, CommandBufferCount = 1 };
        CommandBuffer commands;
        device.Vk.AllocateCommandBuffers(device.Handle, &info, &commands).Check("vkAllocateCommandBuffers");
        return commands;
    }

    public void Dispose()
    {
        ring.Dispose();
        device.Vk.DestroyCommandPool(device.Handle, pool, null);
    }
}

/// <summary>Memory barriers over everything: what compute plans need.</summary>
internal static unsafe class Barriers
{
    public static void Memory(Vk vk, CommandBuffer commands, PipelineStageFlags from, AccessFlags written, PipelineStageFlags to, AccessFlags used)
    {
        var barrier = new MemoryBarrier { SType = StructureType.MemoryBarrier, SrcAccessMask = written, DstAccessMask = used };
        vk.CmdPipelineBarrier(commands, from, to, 0, 1, &barrier, 0, null, 0, null);
    }

    /// <summary>Kernels after it see what kernels before it wrote, and may overwrite what those read.</summary>
    public static void Compute(Vk vk, CommandBuffer commands) => Memory(vk, commands, PipelineStageFlags.ComputeShaderBit, AccessFlags.ShaderWriteBit,
        PipelineStageFlags.ComputeShaderBit, AccessFlags.ShaderReadBit | AccessFlags.ShaderWriteBit);
}
