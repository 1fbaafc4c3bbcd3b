using System.Collections.Concurrent;
using System.Security.Cryptography;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>A compiled kernel with the layouts it binds through.</summary>
internal sealed record Pipeline(Silk.NET.Vulkan.Pipeline Handle, PipelineLayout Layout, DescriptorSetLayout SetLayout);

/// <summary>
/// Pipelines by kernel and specialisation, compiled on all cores, backed by a cache file per device, driver and subgroup size.
/// The file carries its own checksum and is replaced by rename: a torn or foreign file is ignored, and two processes may write at once.
/// </summary>
internal sealed unsafe class PipelineCache : IDisposable
{
    private static ReadOnlySpan<byte> Magic => "XCLRPIPE"u8;
    private readonly GpuDevice device;
    private readonly Silk.NET.Vulkan.PipelineCache handle;
    private readonly string? file;
    private readonly ConcurrentDictionary<(string Key, bool WithBase), Lazy<Pipeline>> pipelines = [];
    private readonly ConcurrentDictionary<string, Lazy<(ShaderModule Handle, PipelineShaderStageCreateFlags Flags)>> modules = [];
    private readonly ConcurrentDictionary<(int Bindings, int Texels, int Images, int Push), Lazy<(DescriptorSetLayout Set, PipelineLayout Layout)>> layouts = [];
    private volatile bool grown;

    public PipelineCache(GpuDevice device, string? folder)
    {
        this.device = device;
        file = folder is null ? null : Path.Combine(folder, $"pipelines-{device.Caps.FileKey}-{device.Caps.SubgroupSize}.bin");
        var saved = Read();
        fixed (byte* p = saved)
        {
            var info = new PipelineCacheCreateInfo { SType = StructureType.PipelineCacheCreateInfo, InitialDataSize = (nuint)saved.Length, PInitialData = p };
            device.Vk.CreatePipelineCache(device.Handle, &info, null, out handle).Check("vkCreatePipelineCache");
        }
    }

    /// <summary>Compiles what is missing on all cores; returns when all are there. withBase: for vkCmdDispatchBase.</summary>
    public void Compile(IEnumerable<Kernel> kernels, bool withBase = false)
    {
        var missing = kernels.DistinctBy(k => k.Key).Where(k => !pipelines.ContainsKey((k.Key, withBase))).ToList();
        OnAllCores(missing.Count, i => Get(missing[i], withBase));
    }

    /// <summary>Does the work for 0, 1, ... count - 1 in parallel; of its failures the first is thrown as it was.</summary>
    public static void OnAllCores(int count, Action<int> work)
    {
        try
        {
            Parallel.For(0, count, work);
        }
        catch (AggregateException e)
        {
            throw e.InnerExceptions[0];
        }
    }

    public Pipeline Get(Kernel kernel, bool withBase = false) => pipelines.GetOrAdd((kernel.Key, withBase), _ => new(() => Create(kernel, withBase))).Value;

    /// <summary>What the driver's compiler says of a kernel, compiled for this alone; null where the driver says nothing (<see cref="DeviceCaps.PipelineStatistics"/>).</summary>
    public KernelStatistics? Statistics(Kernel kernel, bool listings = false)
    {
        if (!device.Caps.PipelineStatistics)
        {
            return null;
        }
        // Not through the cache: what comes out of it may have no statistics.
        var (pipeline, _, _) = Create(kernel, default, PipelineExecutables.Capture(listings));
        try
        {
            return new PipelineExecutables(device).Read(kernel.Key, pipeline, listings);
        }
        finally
        {
            device.Vk.DestroyPipeline(device.Handle, pipeline, null);
        }
    }

    private Pipeline Create(Kernel kernel, bool withBase)
    {
        var pipeline = Create(kernel, handle, withBase ? PipelineCreateFlags.CreateDispatchBaseBit : PipelineCreateFlags.None);
        grown = true;
        device.Labels.Name(ObjectType.Pipeline, pipeline.Handle.Handle, kernel.Key);
        return pipeline;
    }

    private Pipeline Create(Kernel kernel, Silk.NET.Vulkan.PipelineCache cache, PipelineCreateFlags flags)
    {
        if (kernel.PushBytes > device.Caps.MaxPushConstantsSize)
        {
            throw new GpuException($"{kernel.Name} has {kernel.PushBytes} bytes of push constants; the device allows {device.Caps.MaxPushConstantsSize}.");
        }
        var (set, layout) = layouts.GetOrAdd((kernel.Bindings, kernel.Texels, kernel.Images, kernel.PushBytes), key => new(() => CreateLayout(key.Bindings, key.Texels, key.Images, key.Push))).Value;
        var module = modules.GetOrAdd(kernel.Name, _ => new(() => CreateModule(kernel))).Value;
        var values = kernel.Specialization.AsSpan();
        var entries = new SpecializationMapEntry[values.Length];
        for (uint i = 0; i < entries.Length; i++)
        {
            entries[i] = new SpecializationMapEntry { ConstantID = i, Offset = i * 4, Size = 4 };
        }
        using var main = new NativeStrings(["main"]);
        fixed (uint* data = values)
        fixed (SpecializationMapEntry* map = entries)
        {
            var specialization = new SpecializationInfo { MapEntryCount = (uint)entries.Length, PMapEntries = map, DataSize = (nuint)values.Length * 4, PData = data };
            var size = new PipelineShaderStageRequiredSubgroupSizeCreateInfo
            {
                SType = StructureType.PipelineShaderStageRequiredSubgroupSizeCreateInfo,
                RequiredSubgroupSize = (uint)device.Caps.MatrixSubgroupSize,
            };
            var info = new ComputePipelineCreateInfo
            {
                SType = StructureType.ComputePipelineCreateInfo,
                Flags = flags,
                Layout = layout,
                Stage = new PipelineShaderStageCreateInfo
                {
                    SType = StructureType.PipelineShaderStageCreateInfo,
                    PNext = module.Flags.HasFlag(PipelineShaderStageCreateFlags.RequireFullSubgroupsBit) && device.Caps.SubgroupSizeControl ? &size : null,
                    Flags = module.Flags,
                    Stage = ShaderStageFlags.ComputeBit,
                    Module = module.Handle,
                    PName = main.Pointer[0],
                    PSpecializationInfo = entries.Length == 0 ? null : &specialization,
                },
            };
            Silk.NET.Vulkan.Pipeline pipeline;
            device.Vk.CreateComputePipelines(device.Handle, cache, 1, &info, null, &pipeline).Check($"vkCreateComputePipelines({kernel.Key})");
            return new Pipeline(pipeline, layout, set);
        }
    }

    private (DescriptorSetLayout Set, PipelineLayout Layout) CreateLayout(int bindingCount, int texels, int images, int pushBytes)
    {
        var bindings = new DescriptorSetLayoutBinding[bindingCount];
        for (uint i = 0; i < bindings.Length; i++)
        {
            var type = i < texels ? DescriptorType.UniformTexelBuffer : i < images ? DescriptorType.SampledImage : DescriptorType.StorageBuffer;
            bindings[i] = new DescriptorSetLayoutBinding { Binding = i, DescriptorType = type, DescriptorCount = 1, StageFlags = ShaderStageFlags.ComputeBit };
        }
        fixed (DescriptorSetLayoutBinding* p = bindings)
        {
            var setInfo = new DescriptorSetLayoutCreateInfo { SType = StructureType.DescriptorSetLayoutCreateInfo, BindingCount = (uint)bindings.Length, PBindings = p };
            device.Vk.CreateDescriptorSetLayout(device.Handle, &setInfo, null, out var set).Check("vkCreateDescriptorSetLayout");
            var range = new PushConstantRange { StageFlags = ShaderStageFlags.ComputeBit, Size = (uint)pushBytes };
            var info = new PipelineLayoutCreateInfo { SType = StructureType.PipelineLayoutCreateInfo, SetLayoutCount = 1, PSetLayouts = &set, PushConstantRangeCount = 1, PPushConstantRanges = &range };
            device.Vk.CreatePipelineLayout(device.Handle, &info, null, out var layout).Check("vkCreatePipelineLayout");
            return (set, layout);
        }
    }

    private (ShaderModule Handle, PipelineShaderStageCreateFlags Flags) CreateModule(Kernel kernel)
    {
        var words = device.Shaders?.Load(kernel) ?? ShaderLibrary.Load(kernel.Name);
        fixed (uint* code = words)
        {
            var info = new ShaderModuleCreateInfo { SType = StructureType.ShaderModuleCreateInfo, CodeSize = (nuint)words.Length * 4, PCode = code };
            device.Vk.CreateShaderModule(device.Handle, &info, null, out var module).Check($"vkCreateShaderModule({kernel.Name})");
            // SPIR-V before 1.6 says nothing of full subgroups, which cooperative matrices need.
            var matrices = ShaderInterface.Read(words).Capabilities.Contains(ShaderCapability.CooperativeMatrix);
            return (module, matrices ? PipelineShaderStageCreateFlags.RequireFullSubgroupsBit : PipelineShaderStageCreateFlags.None);
        }
    }

    private byte[] Read()
    {
        if (file is null || !File.Exists(file))
        {
            return [];
        }
        try
        {
            var bytes = File.ReadAllBytes(file);
            var head = Magic.Length + SHA256.HashSizeInBytes;
            var intact = bytes.Length > head && bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic)
                && SHA256.HashData(bytes.AsSpan(head)).AsSpan().SequenceEqual(bytes.AsSpan(Magic.Length, SHA256.HashSizeInBytes));
            return intact ? bytes[head..] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private void Save()
    {
        nuint size = 0;
        if (file is null || !grown || device.Vk.GetPipelineCacheData(device.Handle, handle, &size, null) != Result.Success || size == 0)
        {
            return;
        }
        var data = new byte[size];
        fixed (byte* p = data)
        {
            if (device.Vk.GetPipelineCacheData(device.Handle, handle, &size, p) != Result.Success)
            {
                return;
            }
        }
        data = data[..(int)size];
        CacheFile.TryReplace(file, [.. Magic, .. SHA256.HashData(data), .. data]);
    }

    public void Dispose()
    {
        Save();
        foreach (var pipeline in pipelines.Values.Where(p => p.IsValueCreated))
        {
            device.Vk.DestroyPipeline(device.Handle, pipeline.Value.Handle, null);
        }
        foreach (var module in modules.Values.Where(m => m.IsValueCreated))
        {
            device.Vk.DestroyShaderModule(device.Handle, module.Value.Handle, null);
        }
        foreach (var layout in layouts.Values.Where(l => l.IsValueCreated))
        {
            device.Vk.DestroyPipelineLayout(device.Handle, layout.Value.Layout, null);
            device.Vk.DestroyDescriptorSetLayout(device.Handle, layout.Value.Set, null);
        }
        device.Vk.DestroyPipelineCache(device.Handle, handle, null);
    }
}
