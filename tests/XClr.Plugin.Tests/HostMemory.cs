using Silk.NET.Vulkan;
using XClr.Gpu;
using Buffer = Silk.NET.Vulkan.Buffer;

namespace XClr.Plugin.Tests;

/// <summary>A host's buffer in memory that it sees, and commands of its own.</summary>
internal sealed unsafe class HostMemory : IDisposable
{
    private readonly GpuDevice host;
    private readonly Buffer buffer;
    private readonly DeviceMemory memory;
    private readonly CommandPool pool;
    private readonly void* mapped;

    public HostMemory(GpuDevice host, int bytes)
    {
        this.host = host;
        var info = new BufferCreateInfo { SType = StructureType.BufferCreateInfo, Size = (ulong)bytes, Usage = BufferUsageFlags.TransferSrcBit | BufferUsageFlags.TransferDstBit };
        host.Vk.CreateBuffer(host.Handle, &info, null, out buffer).Check("vkCreateBuffer");
        host.Vk.GetBufferMemoryRequirements(host.Handle, buffer, out var needs);
        host.Vk.GetPhysicalDeviceMemoryProperties(new PhysicalDevice(host.PhysicalHandle), out var types);
        var wanted = MemoryPropertyFlags.HostVisibleBit | MemoryPropertyFlags.HostCoherentBit;
        var type = Enumerable.Range(0, (int)types.MemoryTypeCount).First(i => (needs.MemoryTypeBits & 1u << i) != 0 && types.MemoryTypes[i].PropertyFlags.HasFlag(wanted));
        var allocate = new MemoryAllocateInfo { SType = StructureType.MemoryAllocateInfo, AllocationSize = needs.Size, MemoryTypeIndex = (uint)type };
        host.Vk.AllocateMemory(host.Handle, &allocate, null, out memory).Check("vkAllocateMemory");
        host.Vk.BindBufferMemory(host.Handle, buffer, memory, 0).Check("vkBindBufferMemory");
        void* pointer;
        host.Vk.MapMemory(host.Handle, memory, 0, (ulong)bytes, 0, &pointer).Check("vkMapMemory");
        mapped = pointer;
        Bytes = bytes;
        var poolInfo = new CommandPoolCreateInfo { SType = StructureType.CommandPoolCreateInfo, QueueFamilyIndex = host.Compute.Family };
        host.Vk.CreateCommandPool(host.Handle, &poolInfo, null, out pool).Check("vkCreateCommandPool");
    }

    public int Bytes { get; }

    public ulong Buffer => buffer.Handle;

    public Span<byte> Span => new(mapped, Bytes);

    /// <summary>Records, submits and waits, as a host does.</summary>
    public void Submit(Action<nint> record)
    {
        var info = new CommandBufferAllocateInfo { SType = StructureType.CommandBufferAllocateInfo, CommandPool = pool, CommandBufferCount = 1 };
        CommandBuffer commands;
        host.Vk.AllocateCommandBuffers(host.Handle, &info, &commands).Check("vkAllocateCommandBuffers");
        var begin = new CommandBufferBeginInfo { SType = StructureType.CommandBufferBeginInfo };
        host.Vk.BeginCommandBuffer(commands, &begin).Check("vkBeginCommandBuffer");
        record(commands.Handle);
        host.Vk.EndCommandBuffer(commands).Check("vkEndCommandBuffer");
        var submit = new SubmitInfo { SType = StructureType.SubmitInfo, CommandBufferCount = 1, PCommandBuffers = &commands };
        host.Vk.QueueSubmit(new Queue(host.Compute.Handle), 1, &submit, default).Check("vkQueueSubmit");
        host.Vk.QueueWaitIdle(new Queue(host.Compute.Handle)).Check("vkQueueWaitIdle");
    }

    public void Dispose()
    {
        host.Vk.DestroyCommandPool(host.Handle, pool, null);
        host.Vk.DestroyBuffer(host.Handle, buffer, null);
        host.Vk.FreeMemory(host.Handle, memory, null);
    }
}
