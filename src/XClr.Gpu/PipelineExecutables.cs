using Silk.NET.Core.Native;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>VK_KHR_pipeline_executable_properties: what the driver tells of a pipeline that was created with the capture flags.</summary>
internal sealed unsafe class PipelineExecutables
{
    public const string Extension = "VK_KHR_pipeline_executable_properties";
    private readonly Device device;
    private readonly delegate* unmanaged<Device, PipelineInfoKHR*, uint*, PipelineExecutablePropertiesKHR*, Result> properties;
    private readonly delegate* unmanaged<Device, PipelineExecutableInfoKHR*, uint*, PipelineExecutableStatisticKHR*, Result> statistics;
    private readonly delegate* unmanaged<Device, PipelineExecutableInfoKHR*, uint*, PipelineExecutableInternalRepresentationKHR*, Result> representations;

    public PipelineExecutables(GpuDevice device)
    {
        this.device = device.Handle;
        properties = (delegate* unmanaged<Device, PipelineInfoKHR*, uint*, PipelineExecutablePropertiesKHR*, Result>)device.Function("vkGetPipelineExecutablePropertiesKHR");
        statistics = (delegate* unmanaged<Device, PipelineExecutableInfoKHR*, uint*, PipelineExecutableStatisticKHR*, Result>)device.Function("vkGetPipelineExecutableStatisticsKHR");
        representations = (delegate* unmanaged<Device, PipelineExecutableInfoKHR*, uint*, PipelineExecutableInternalRepresentationKHR*, Result>)device.Function("vkGetPipelineExecutableInternalRepresentationsKHR");
    }

    /// <summary>Flags that a pipeline must have been created with.</summary>
    public static PipelineCreateFlags Capture(bool listings) =>
        PipelineCreateFlags.CreateCaptureStatisticsBitKhr | (listings ? PipelineCreateFlags.CreateCaptureInternalRepresentationsBitKhr : 0);

    /// <summary>Reads a compute pipeline's executables; a driver that compiles several of one pipeline (subgroup sizes) lists them one after another, the first counts.</summary>
    public KernelStatistics Read(string kernel, Silk.NET.Vulkan.Pipeline pipeline, bool listings)
    {
        var info = new PipelineInfoKHR { SType = StructureType.PipelineInfoKhr, Pipeline = pipeline };
        uint count = 0;
        properties(device, &info, &count, null).Check("vkGetPipelineExecutablePropertiesKHR");
        var executables = new PipelineExecutablePropertiesKHR[count];
        Array.Fill(executables, new PipelineExecutablePropertiesKHR { SType = StructureType.PipelineExecutablePropertiesKhr });
        fixed (PipelineExecutablePropertiesKHR* p = executables)
        {
            properties(device, &info, &count, p).Check("vkGetPipelineExecutablePropertiesKHR");
        }
        List<CompilerFigure> figures = [];
        List<CompilerListing> texts = [];
        for (uint i = 0; i < count; i++)
        {
            var executable = new PipelineExecutableInfoKHR { SType = StructureType.PipelineExecutableInfoKhr, Pipeline = pipeline, ExecutableIndex = i };
            figures.AddRange(Figures(executable));
            if (listings)
            {
                texts.AddRange(Listings(executable));
            }
        }
        return new KernelStatistics(kernel, count == 0 ? 0 : (int)executables[0].SubgroupSize, figures, texts);
    }

    private IEnumerable<CompilerFigure> Figures(PipelineExecutableInfoKHR executable)
    {
        uint count = 0;
        statistics(device, &executable, &count, null).Check("vkGetPipelineExecutableStatisticsKHR");
        var values = new PipelineExecutableStatisticKHR[count];
        Array.Fill(values, new PipelineExecutableStatisticKHR { SType = StructureType.PipelineExecutableStatisticKhr });
        fixed (PipelineExecutableStatisticKHR* p = values)
        {
            statistics(device, &executable, &count, p).Check("vkGetPipelineExecutableStatisticsKHR");
        }
        return values.Select(Figure);
    }

    private static CompilerFigure Figure(PipelineExecutableStatisticKHR s) => new(
        SilkMarshal.PtrToString((nint)s.Name) ?? "",
        SilkMarshal.PtrToString((nint)s.Description) ?? "",
        s.Format switch
        {
            PipelineExecutableStatisticFormatKHR.Bool32Khr => s.Value.B32 ? 1 : 0,
            PipelineExecutableStatisticFormatKHR.Int64Khr => s.Value.I64,
            PipelineExecutableStatisticFormatKHR.Uint64Khr => s.Value.U64,
            _ => s.Value.F64,
        });

    private List<CompilerListing> Listings(PipelineExecutableInfoKHR executable)
    {
        uint count = 0;
        representations(device, &executable, &count, null).Check("vkGetPipelineExecutableInternalRepresentationsKHR");
        var values = new PipelineExecutableInternalRepresentationKHR[count];
        Array.Fill(values, new PipelineExecutableInternalRepresentationKHR { SType = StructureType.PipelineExecutableInternalRepresentationKhr });
        List<byte[]> texts = [];
        fixed (PipelineExecutableInternalRepresentationKHR* p = values)
        {
            // First the sizes, then the texts.
            representations(device, &executable, &count, p).Check("vkGetPipelineExecutableInternalRepresentationsKHR");
            for (var i = 0; i < count; i++)
            {
                texts.Add(GC.AllocateArray<byte>((int)p[i].DataSize, pinned: true));
                p[i].PData = (void*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(texts[i], 0);
            }
            representations(device, &executable, &count, p).Check("vkGetPipelineExecutableInternalRepresentationsKHR");
            List<CompilerListing> listings = [];
            for (var i = 0; i < count; i++)
            {
                var text = p[i].IsText ? System.Text.Encoding.UTF8.GetString(texts[i]).TrimEnd('\0') : $"({p[i].DataSize} bytes that are no text)";
                listings.Add(new CompilerListing(SilkMarshal.PtrToString((nint)p[i].Name) ?? "", text));
            }
            return listings;
        }
    }
}
