using Silk.NET.Vulkan;
using Buffer = Silk.NET.Vulkan.Buffer;

namespace XClr.Gpu;

/// <summary>A range of one block; what a placed buffer occupies.</summary>
internal readonly record struct ArenaSlice(ArenaBlock Block, long Offset, long Bytes);

/// <summary>One allocation of device memory with one VkBuffer over all of it.</summary>
internal sealed unsafe class ArenaBlock : IDisposable
{
    private readonly GpuDevice device;
    private readonly DeviceMemory memory;

    public ArenaBlock(GpuDevice device, long bytes, string purpose, bool hostVisible = false)
    {
        this.device = device;
        Bytes = bytes;
        Handle = device.CreateBufferHandle(bytes, purpose);
        try
        {
            memory = device.Memory.Allocate(Handle, bytes, purpose, hostVisible);
            device.Vk.BindBufferMemory(device.Handle, Handle, memory, 0).Check("vkBindBufferMemory");
            if (device.HasPointers)
            {
                var info = new BufferDeviceAddressInfo { SType = StructureType.BufferDeviceAddressInfo, Buffer = Handle };
                Address = device.Vk.GetBufferDeviceAddress(device.Handle, &info);
            }
            if (hostVisible)
            {
                void* mapped;
                device.Vk.MapMemory(device.Handle, memory, 0, Vk.WholeSize, 0, &mapped).Check("vkMapMemory");
                Mapped = (byte*)mapped;
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public Buffer Handle { get; }
    public long Bytes { get; }

    /// <summary>Device address of the block's first byte; 0 where the device has none (<see cref="GpuDevice.HasPointers"/>).</summary>
    public ulong Address { get; }

    /// <summary>Host address of the block where it is host visible, else null.</summary>
    public byte* Mapped { get; }

    public void Dispose()
    {
        device.Vk.DestroyBuffer(device.Handle, Handle, null);
        device.Memory.Free(memory, Bytes);
    }
}

/// <summary>Places persistent buffers into a few large blocks, first fit, and takes their ranges back.</summary>
internal sealed class Arena(GpuDevice device) : IDisposable
{
    private const long PreferredBlockBytes = 64L << 20;
    private readonly List<(ArenaBlock Block, List<(long Offset, long Bytes)> Free)> blocks = [];
    private readonly HashSet<GpuBuffer> placed = [];

    /// <summary>Buffers that were placed and not yet disposed.</summary>
    public IReadOnlyCollection<GpuBuffer> Placed => placed;

    public void Place(GpuBuffer buffer)
    {
        if (buffer.Placement is not null)
        {
            return;
        }
        var bytes = RoundUp(buffer.Bytes, device.Caps.PlacementAlignment);
        if (bytes > device.Caps.MaxMemoryAllocationSize)
        {
            throw new GpuException($"Buffer '{buffer.Name}' needs {bytes} bytes in one piece, above the device's maxMemoryAllocationSize of {device.Caps.MaxMemoryAllocationSize}.");
        }
        buffer.Place(device, Take(bytes, buffer.Name));
        placed.Add(buffer);
    }

    public void Release(GpuBuffer buffer)
    {
        if (!placed.Remove(buffer) || buffer.Placement is not { } slice)
        {
            return;
        }
        var index = blocks.FindIndex(b => b.Block == slice.Block);
        var free = blocks[index].Free;
        free.Add((slice.Offset, slice.Bytes));
        Merge(free);
        // An upload may still be writing to the block; it stays until the device is disposed where that does not end.
        if (free.Count == 1 && free[0].Bytes == slice.Block.Bytes && device.Settle())
        {
            slice.Block.Dispose();
            blocks.RemoveAt(index);
        }
    }

    private ArenaSlice Take(long bytes, string purpose)
    {
        foreach (var (block, free) in blocks)
        {
            var i = free.FindIndex(f => f.Bytes >= bytes);
            if (i < 0)
            {
                continue;
            }
            var (offset, size) = free[i];
            free.RemoveAt(i);
            if (size > bytes)
            {
                free.Add((offset + bytes, size - bytes));
            }
            return new ArenaSlice(block, offset, bytes);
        }
        var blockBytes = Math.Min(Math.Max(bytes, PreferredBlockBytes), device.Caps.MaxMemoryAllocationSize);
        var fresh = new ArenaBlock(device, blockBytes, purpose);
        blocks.Add((fresh, blockBytes > bytes ? [(bytes, blockBytes - bytes)] : []));
        return new ArenaSlice(fresh, 0, bytes);
    }

    private static void Merge(List<(long Offset, long Bytes)> free)
    {
        free.Sort();
        for (var i = free.Count - 1; i > 0; i--)
        {
            if (free[i - 1].Offset + free[i - 1].Bytes == free[i].Offset)
            {
                free[i - 1] = (free[i - 1].Offset, free[i - 1].Bytes + free[i].Bytes);
                free.RemoveAt(i);
            }
        }
    }

    internal static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;

    public void Dispose()
    {
        foreach (var buffer in placed)
        {
            buffer.Forget();
        }
        placed.Clear();
        foreach (var (block, _) in blocks)
        {
            block.Dispose();
        }
        blocks.Clear();
    }
}
