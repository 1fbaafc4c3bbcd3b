using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>The descriptor sets of a kernel that reads one image of a host and writes one placed buffer, for so many images in one recording.</summary>
public sealed unsafe class HostImageBindings : IDisposable
{
    private readonly GpuDevice device;
    private readonly DescriptorPool pool;
    private readonly DescriptorSet[] sets;

    /// <param name="device">Outlives this.</param>
    /// <param name="kernel">Has one image as its only read, and one write.</param>
    /// <param name="count">Images of a recording, at most.</param>
    public HostImageBindings(GpuDevice device, Kernel kernel, int count)
    {
        this.device = device;
        sets = new DescriptorSet[count];
        var sizes = stackalloc[] { new DescriptorPoolSize(DescriptorType.SampledImage, (uint)count), new DescriptorPoolSize(DescriptorType.StorageBuffer, (uint)count) };
        var poolInfo = new DescriptorPoolCreateInfo { SType = StructureType.DescriptorPoolCreateInfo, MaxSets = (uint)count, PoolSizeCount = 2, PPoolSizes = sizes };
        device.Vk.CreateDescriptorPool(device.Handle, &poolInfo, null, out pool).Check("vkCreateDescriptorPool");
        var layouts = Enumerable.Repeat(device.Pipelines.Get(kernel).SetLayout, count).ToArray();
        fixed (DescriptorSetLayout* l = layouts)
        fixed (DescriptorSet* s = sets)
        {
            var info = new DescriptorSetAllocateInfo { SType = StructureType.DescriptorSetAllocateInfo, DescriptorPool = pool, DescriptorSetCount = (uint)count, PSetLayouts = l };
            device.Vk.AllocateDescriptorSets(device.Handle, &info, s).Check("vkAllocateDescriptorSets");
        }
    }

    /// <summary>Points a set at an image and a buffer; commands that bound it before must have ended, and may not be submitted again.</summary>
    internal DescriptorSet Bind(int index, HostImageView image, BufferView to)
    {
        var place = to.Buffer.Placement!.Value;
        var imageInfo = new DescriptorImageInfo { ImageView = new ImageView(image.Handle), ImageLayout = image.Layout };
        var bufferInfo = new DescriptorBufferInfo(place.Block.Handle, (ulong)(place.Offset + to.Offset), (ulong)to.Bytes);
        var writes = stackalloc[]
        {
            new WriteDescriptorSet { SType = StructureType.WriteDescriptorSet, DstSet = sets[index], DstBinding = 0, DescriptorCount = 1, DescriptorType = DescriptorType.SampledImage, PImageInfo = &imageInfo },
            new WriteDescriptorSet { SType = StructureType.WriteDescriptorSet, DstSet = sets[index], DstBinding = 1, DescriptorCount = 1, DescriptorType = DescriptorType.StorageBuffer, PBufferInfo = &bufferInfo },
        };
        device.Vk.UpdateDescriptorSets(device.Handle, 2, writes, 0, null);
        return sets[index];
    }

    public void Dispose() => device.Vk.DestroyDescriptorPool(device.Handle, pool, null);
}
