using Silk.NET.Vulkan;
using Buffer = Silk.NET.Vulkan.Buffer;

namespace XClr.Gpu;

/// <summary>Gives buffers memory of the right type, and counts what is held.</summary>
internal sealed unsafe class MemoryAllocator(GpuDevice device, PhysicalDevice physical)
{
    private long held;

    /// <summary>Memory for a buffer of so many bytes; the purpose stands in the message where it does not fit.</summary>
    /// <exception cref="GpuOutOfMemoryException">The driver does not give it.</exception>
    public DeviceMemory Allocate(Buffer buffer, long bytes, string purpose, bool hostVisible)
    {
        device.Vk.GetBufferMemoryRequirements(device.Handle, buffer, out var requirements);
        var (type, heapBytes) = TypeOf(requirements.MemoryTypeBits, hostVisible);
        var flags = new MemoryAllocateFlagsInfo { SType = StructureType.MemoryAllocateFlagsInfo, Flags = MemoryAllocateFlags.DeviceAddressBit };
        var info = new MemoryAllocateInfo { SType = StructureType.MemoryAllocateInfo, PNext = device.HasPointers ? &flags : null, AllocationSize = requirements.Size, MemoryTypeIndex = type };
        var result = device.Vk.AllocateMemory(device.Handle, &info, null, out var memory);
        if (result is Result.ErrorOutOfDeviceMemory or Result.ErrorOutOfHostMemory)
        {
            throw new GpuOutOfMemoryException(
                $"vkAllocateMemory: {bytes >> 20} MiB for '{purpose}' do not fit on {device.Caps.Name} ({result}): {held >> 20} MiB are in use here, its heap has {heapBytes >> 20} MiB in all.", bytes, heapBytes);
        }
        result.Check("vkAllocateMemory");
        held += bytes;
        return memory;
    }

    /// <summary>Gives memory of <see cref="Allocate"/> back; a null handle is none.</summary>
    public void Free(DeviceMemory memory, long bytes)
    {
        device.Vk.FreeMemory(device.Handle, memory, null);
        held -= memory.Handle == 0 ? 0 : bytes;
    }

    /// <summary>Bytes that this device's objects hold now, and the largest further piece, at most <paramref name="most"/>, that the driver gives (in sixteenths of that; it is given back at once).</summary>
    public (long Held, long Further) Probe(long most)
    {
        for (var sixteenths = 16; sixteenths > 0; sixteenths--)
        {
            try
            {
                new ArenaBlock(device, Math.Max(1, most / 16 * sixteenths), "a probe").Dispose();
                return (held, most / 16 * sixteenths);
            }
            catch (GpuOutOfMemoryException)
            {
            }
        }
        return (held, 0);
    }

    private (uint Type, long HeapBytes) TypeOf(uint allowed, bool hostVisible)
    {
        PhysicalDeviceMemoryProperties memory;
        device.Vk.GetPhysicalDeviceMemoryProperties(physical, &memory);
        const MemoryPropertyFlags Host = MemoryPropertyFlags.HostVisibleBit | MemoryPropertyFlags.HostCoherentBit;
        // Staging is read back as well as written: cached host memory first, any coherent one else.
        MemoryPropertyFlags[] wishes = hostVisible ? [Host | MemoryPropertyFlags.HostCachedBit, Host] : [MemoryPropertyFlags.DeviceLocalBit, MemoryPropertyFlags.None];
        foreach (var wish in wishes)
        {
            for (var i = 0; i < (int)memory.MemoryTypeCount; i++)
            {
                if ((allowed & (1u << i)) != 0 && memory.MemoryTypes[i].PropertyFlags.HasFlag(wish))
                {
                    return ((uint)i, (long)memory.MemoryHeaps[(int)memory.MemoryTypes[i].HeapIndex].Size);
                }
            }
        }
        throw new GpuException("The device has no memory type that fits a storage buffer.");
    }
}
