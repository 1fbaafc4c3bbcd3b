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
        PhysicalDeviceMemoryProperties properties;
        device.Vk.GetPhysicalDeviceMemoryProperties(physical, &properties);
        var type = TypeOf(properties, device.Caps.Kind, requirements.MemoryTypeBits, hostVisible) ?? throw new GpuException("The device has no memory type that fits a storage buffer.");
        var flags = new MemoryAllocateFlagsInfo { SType = StructureType.MemoryAllocateFlagsInfo, Flags = MemoryAllocateFlags.DeviceAddressBit };
        var info = new MemoryAllocateInfo { SType = StructureType.MemoryAllocateInfo, PNext = device.HasPointers ? &flags : null, AllocationSize = requirements.Size, MemoryTypeIndex = type };
        CheckRoom(device.Vk.AllocateMemory(device.Handle, &info, null, out var memory), "vkAllocateMemory", bytes, purpose);
        held += bytes;
        return memory;
    }

    /// <summary>Checks the result of a call that needs memory for so many bytes.</summary>
    /// <exception cref="GpuOutOfMemoryException">There is none.</exception>
    public void CheckRoom(Result result, string call, long bytes, string purpose)
    {
        if (result is Result.ErrorOutOfDeviceMemory or Result.ErrorOutOfHostMemory)
        {
            throw new GpuOutOfMemoryException(
                $"{call}: {bytes >> 20} MiB for '{purpose}' do not fit on {device.Caps.Name} ({result}): {held >> 20} MiB are in use here, of {device.Caps.DeviceLocalBytes >> 20} MiB that it has.", bytes);
        }
        result.Check(call);
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

    /// <summary>
    /// The heap that holds the tensors: the largest device-local one; of all heaps on an integrated GPU, where all are the same memory and some drivers (AMD's on Windows) call a small part of it device-local.
    /// </summary>
    public static int TensorHeap(in PhysicalDeviceMemoryProperties memory, GpuKind kind)
    {
        var found = -1;
        for (var i = 0; i < (int)memory.MemoryHeapCount; i++)
        {
            var heap = memory.MemoryHeaps[i];
            if ((kind == GpuKind.Integrated || heap.Flags.HasFlag(MemoryHeapFlags.DeviceLocalBit)) && (found < 0 || heap.Size > memory.MemoryHeaps[found].Size))
            {
                found = i;
            }
        }
        return found;
    }

    /// <summary>The memory type, of those allowed by bits, for tensors or (host visible) for staging; null = none is allowed.</summary>
    public static uint? TypeOf(PhysicalDeviceMemoryProperties memory, GpuKind kind, uint allowed, bool hostVisible)
    {
        const MemoryPropertyFlags Host = MemoryPropertyFlags.HostVisibleBit | MemoryPropertyFlags.HostCoherentBit;
        var heap = TensorHeap(memory, kind);
        bool Has(int type, MemoryPropertyFlags flags) => memory.MemoryTypes[type].PropertyFlags.HasFlag(flags);
        bool OfTensors(int type) => memory.MemoryTypes[type].HeapIndex == heap;
        // Staging is read back as well as written: cached host memory first, any coherent one else.
        Func<int, bool>[] wishes = hostVisible
            ? [t => Has(t, Host | MemoryPropertyFlags.HostCachedBit), t => Has(t, Host)]
            : [t => OfTensors(t) && Has(t, MemoryPropertyFlags.DeviceLocalBit), OfTensors, t => Has(t, MemoryPropertyFlags.DeviceLocalBit), _ => true];
        var types = Enumerable.Range(0, (int)memory.MemoryTypeCount).Where(t => (allowed & (1u << t)) != 0).ToList();
        return wishes.SelectMany(types.Where).Select(t => (uint?)t).FirstOrDefault();
    }
}
