using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>A plan's descriptor sets, one for each dispatch, and the texel views that they bind.</summary>
internal sealed unsafe class PlanBindings : IDisposable
{
    private readonly GpuDevice device;
    private readonly DescriptorPool pool;
    private readonly DescriptorSet[] sets = [];
    private readonly List<Silk.NET.Vulkan.BufferView> texelViews = [];

    /// <param name="device">The plan's.</param>
    /// <param name="dispatches">The plan's, whose kernels are compiled.</param>
    /// <param name="placeOf">Memory of what a view is of; it lives as long as the plan.</param>
    public PlanBindings(GpuDevice device, IReadOnlyList<Dispatch> dispatches, Func<BufferView, ArenaSlice> placeOf)
    {
        this.device = device;
        pool = CreatePool(dispatches);
        try
        {
            sets = Allocate(dispatches);
            for (var i = 0; i < sets.Length; i++)
            {
                Bind(sets[i], dispatches[i], placeOf);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The set of the dispatch of that index.</summary>
    public ref readonly DescriptorSet this[int dispatch] => ref sets[dispatch];

    private DescriptorPool CreatePool(IReadOnlyList<Dispatch> dispatches)
    {
        var texels = (uint)dispatches.Sum(d => d.Kernel.Texels);
        var sizes = stackalloc[]
        {
            new DescriptorPoolSize(DescriptorType.StorageBuffer, (uint)dispatches.Sum(d => d.Kernel.Bindings) - texels),
            new DescriptorPoolSize(DescriptorType.UniformTexelBuffer, texels),
        };
        var poolInfo = new DescriptorPoolCreateInfo { SType = StructureType.DescriptorPoolCreateInfo, MaxSets = (uint)dispatches.Count, PoolSizeCount = texels == 0 ? 1u : 2u, PPoolSizes = sizes };
        device.Vk.CreateDescriptorPool(device.Handle, &poolInfo, null, out var created).Check("vkCreateDescriptorPool");
        return created;
    }

    private DescriptorSet[] Allocate(IReadOnlyList<Dispatch> dispatches)
    {
        var layouts = dispatches.Select(d => device.Pipelines.Get(d.Kernel).SetLayout).ToArray();
        var allocated = new DescriptorSet[layouts.Length];
        fixed (DescriptorSetLayout* l = layouts)
        fixed (DescriptorSet* s = allocated)
        {
            var info = new DescriptorSetAllocateInfo { SType = StructureType.DescriptorSetAllocateInfo, DescriptorPool = pool, DescriptorSetCount = (uint)layouts.Length, PSetLayouts = l };
            device.Vk.AllocateDescriptorSets(device.Handle, &info, s).Check("vkAllocateDescriptorSets");
        }
        return allocated;
    }

    private void Bind(DescriptorSet set, Dispatch dispatch, Func<BufferView, ArenaSlice> placeOf)
    {
        var views = dispatch.Views.AsSpan(dispatch.Kernel.Pointers);
        var texels = stackalloc Silk.NET.Vulkan.BufferView[views.Length];
        var buffers = stackalloc DescriptorBufferInfo[views.Length];
        var writes = stackalloc WriteDescriptorSet[views.Length];
        for (var i = 0; i < views.Length; i++)
        {
            var slice = placeOf(views[i]);
            buffers[i] = new DescriptorBufferInfo(slice.Block.Handle, (ulong)(slice.Offset + views[i].Offset), (ulong)views[i].Bytes);
            if (i < dispatch.Kernel.Texels)
            {
                texels[i] = CreateTexelView(buffers[i], views[i].Texel);
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

    private Silk.NET.Vulkan.BufferView CreateTexelView(DescriptorBufferInfo range, TexelType texel)
    {
        var info = new BufferViewCreateInfo
        {
            SType = StructureType.BufferViewCreateInfo,
            Buffer = range.Buffer,
            Format = texel switch { TexelType.Half => Format.R16G16B16A16Sfloat, TexelType.BFloat16 => Format.R32G32Uint, _ => Format.R32G32B32A32Sfloat },
            Offset = range.Offset,
            Range = range.Range,
        };
        device.Vk.CreateBufferView(device.Handle, &info, null, out var view).Check("vkCreateBufferView");
        texelViews.Add(view);
        return view;
    }

    public void Dispose()
    {
        device.Vk.DestroyDescriptorPool(device.Handle, pool, null);
        texelViews.ForEach(v => device.Vk.DestroyBufferView(device.Handle, v, null));
    }
}
