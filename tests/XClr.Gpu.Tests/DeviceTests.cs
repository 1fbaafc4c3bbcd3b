using System.Globalization;
using Silk.NET.Vulkan;
using XClr.Gpu;

namespace XClr.Gpu.Tests;

public class DeviceTests
{
    [Theory]
    [InlineData("maxStorageBufferRange=1M", 1 << 20)]
    [InlineData("maxStorageBufferRange=4096, shaderFloat16=0", 4096)]
    public void Caps_can_be_lowered(string text, long range) => Assert.Equal(range, PaperDevice.Caps.Lower(text).MaxStorageBufferRange);

    [Theory]
    [InlineData("maxStorageBufferRange=8G", "can only be lowered")]
    [InlineData("cooperativeMatrix=1", "lacks")]
    [InlineData("bFloat16=1", "lacks")]
    [InlineData("colour=1", "colour")]
    [InlineData("shaderInt64", "name=value")]
    [InlineData("maxPushConstantsSize=many", "many")]
    [InlineData("maxStorageBufferRange=9000000000G", "is no size")]
    public void Caps_are_not_raised_nor_guessed(string text, string told)
    {
        var error = Assert.Throws<GpuException>(() => PaperDevice.Caps.Lower(text));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_needs_a_cap_is_lowered_with_it()
    {
        var all = PaperDevice.Caps with { ShaderInt64 = true, BufferDeviceAddress = true, CpuKernels = true, LaneRowKernels = true, BFloat16 = true, BFloat16Matrices = true };
        (bool, bool) CpuKernels(string text) => (all.Lower(text).CpuKernels, all.Lower(text).LaneRowKernels);
        Assert.Equal((true, true), CpuKernels("shaderFloat16=0"));
        Assert.Equal((false, false), CpuKernels("shaderInt64=0"));
        Assert.Equal((false, false), CpuKernels("cpuKernels=0"));
        Assert.Equal((true, false), CpuKernels("bufferDeviceAddress=0"));
        Assert.Equal((true, false), CpuKernels("laneRowKernels=0"));
        (bool, bool) BFloat16(string text) => (all.Lower(text).BFloat16, all.Lower(text).BFloat16Matrices);
        Assert.Equal((false, false), BFloat16("bFloat16=0"));
        Assert.Equal((true, false), BFloat16("bFloat16Matrices=0"));
        // Matrices are compiled for the smallest subgroup where the size can be asked for.
        var wide = all with { SubgroupSizeControl = true, MinSubgroupSize = 8, SubgroupSize = 32 };
        Assert.Equal((8, 32), (wide.MatrixSubgroupSize, wide.Lower("subgroupSizeControl=0").MatrixSubgroupSize));
    }

    [Fact]
    public void The_best_device_is_chosen_and_wishes_are_followed()
    {
        DeviceInfo Device(int index, string name, GpuKind kind, long bytes) =>
            new(index, PaperDevice.Caps with { Name = name, Kind = kind, DeviceLocalBytes = bytes, DeviceUuid = new Guid(index, 1, 2, new byte[8]) });
        DeviceInfo[] devices = [Device(0, "llvmpipe", GpuKind.Cpu, 64), Device(1, "Card A", GpuKind.Discrete, 8), Device(2, "Card B", GpuKind.Discrete, 16), Device(3, "Iris", GpuKind.Integrated, 32)];
        Assert.Equal(1, DeviceSelector.Pick([devices[0], Device(1, "Accelerator", GpuKind.Other, 1)], null).Index);
        Assert.Equal(2, DeviceSelector.Pick(devices, null).Index);
        // SwiftShader takes a hundred times as long as lavapipe.
        DeviceInfo[] drivers = [new(0, devices[0].Caps with { SubgroupSize = 4, DeviceLocalBytes = 128 }), new(1, devices[0].Caps with { SubgroupSize = 8 })];
        Assert.Equal(1, DeviceSelector.Pick(drivers, null).Index);
        Assert.Equal(3, DeviceSelector.Pick(devices, "iris").Index);
        Assert.Equal(0, DeviceSelector.Pick(devices, "0").Index);
        Assert.Equal(1, DeviceSelector.Pick(devices, devices[1].Caps.DeviceUuid.ToString()).Index);
        Assert.Contains("ambiguous", Assert.Throws<GpuException>(() => DeviceSelector.Pick(devices, "card")).Message, StringComparison.Ordinal);
        Assert.Contains("Iris", Assert.Throws<GpuException>(() => DeviceSelector.Pick(devices, "9")).Message, StringComparison.Ordinal);
    }

    /// <summary>The refusal of a device that could not run some kernel asks for no more than the kernels do, and for no less.</summary>
    [Fact]
    public void What_a_device_needs_is_what_the_kernels_need()
    {
        var kernels = ShaderKernel.All.ToList();
        Assert.Equal(DeviceProbe.StorageBuffersNeeded, kernels.Max(k => k.Interface.Bindings.Count(b => b.Kind == BindingKind.Storage)));
        Assert.Equal(DeviceProbe.InvocationsNeeded, kernels.Where(k => k.Variant != "coopmat" && k.Variant != "coopmat_bf16").Max(k => k.Interface.LocalSize is var (x, y, z) ? x * y * z : 0));
    }

    /// <summary>Heaps (MiB, device-local or not) and types (heap, properties) as drivers list them; a driver may leave any type out of those allowed.</summary>
    [Theory]
    [InlineData("a card: 256 MiB of it are mapped", GpuKind.Discrete, "8192d 16384 256d", "0d 1hc 1hck 2dhc", 8192, 0, 2)]
    [InlineData("a card, all mapped", GpuKind.Discrete, "8192d 16384", "0d 1hc 1hck 0dhc", 8192, 0, 2)]
    [InlineData("an integrated GPU of AMD on Windows", GpuKind.Integrated, "256d 16384 256d", "0d 1hc 1hck 2dhc", 16384, 1, 2)]
    [InlineData("an integrated GPU of AMD on Linux", GpuKind.Integrated, "10240d 5120", "0d 1hc 0dhc 1hck", 10240, 0, 3)]
    [InlineData("an integrated GPU of Intel", GpuKind.Integrated, "16384d", "0d 0dhc 0dhck", 16384, 0, 2)]
    [InlineData("lavapipe", GpuKind.Cpu, "16384d", "0dhck", 16384, 0, 0)]
    public void Tensors_lie_in_the_largest_heap_that_is_the_devices(string device, GpuKind kind, string heaps, string types, ulong heapSize, uint tensors, uint staging)
    {
        var memory = new PhysicalDeviceMemoryProperties();
        foreach (var (i, heap) in heaps.Split(' ').Index())
        {
            memory.MemoryHeaps[i] = new MemoryHeap(ulong.Parse(heap.TrimEnd('d'), CultureInfo.InvariantCulture), heap.EndsWith('d') ? MemoryHeapFlags.DeviceLocalBit : 0);
            memory.MemoryHeapCount++;
        }
        foreach (var (i, type) in types.Split(' ').Index())
        {
            var flags = type[1..].Aggregate(MemoryPropertyFlags.None, (all, c) => all | c switch
            {
                'd' => MemoryPropertyFlags.DeviceLocalBit,
                'h' => MemoryPropertyFlags.HostVisibleBit,
                'c' => MemoryPropertyFlags.HostCoherentBit,
                _ => MemoryPropertyFlags.HostCachedBit,
            });
            memory.MemoryTypes[i] = new MemoryType(flags, (uint)(type[0] - '0'));
            memory.MemoryTypeCount++;
        }
        Assert.True(heapSize == memory.MemoryHeaps[MemoryAllocator.TensorHeap(memory, kind)].Size, device);
        Assert.Equal((tensors, staging), (MemoryAllocator.TypeOf(memory, kind, ~0u, hostVisible: false), MemoryAllocator.TypeOf(memory, kind, ~0u, hostVisible: true)));
        Assert.Null(MemoryAllocator.TypeOf(memory, kind, 0, hostVisible: false));
    }

    [SkippableFact]
    public void A_leaked_buffer_is_reported_at_disposal()
    {
        var device = TestDevices.Open(TestDevices.Lavapipe);
        var buffer = new GpuBuffer("forgotten", 1024, MemoryCategory.Inputs);
        device.Transfer.Upload<uint>(buffer, new uint[256]);
        Assert.Contains("forgotten", Assert.Throws<GpuException>(device.Dispose).Message, StringComparison.Ordinal);
    }

    /// <summary>What is free again side by side is one piece, whatever the order.</summary>
    [SkippableFact]
    public void Memory_of_buffers_that_are_gone_is_given_back()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        var before = device.ProbeMemory(16).Held;
        foreach (var order in new int[][] { [0, 1, 2], [2, 0, 1], [1, 2, 0] })
        {
            GpuBuffer[] buffers = [.. Enumerable.Range(0, 3).Select(i => new GpuBuffer($"{i}", 4 << 20, MemoryCategory.Activations))];
            device.Place(buffers);
            Assert.NotEqual(before, device.ProbeMemory(16).Held);
            foreach (var i in order)
            {
                buffers[i].Dispose();
            }
            Assert.Equal(before, device.ProbeMemory(16).Held);
        }
    }

    [SkippableFact]
    public void An_allocation_that_cannot_fit_names_what_was_asked()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var buffer = new GpuBuffer("huge", 1L << 40, MemoryCategory.Activations);
        Assert.Contains("huge", Assert.Throws<GpuException>(() => device.Place(buffer)).Message, StringComparison.Ordinal);
    }
}
