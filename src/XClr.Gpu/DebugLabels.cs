using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>Names of objects and of dispatches, as capture tools and validation messages show them (VK_EXT_debug_utils); nothing where the instance lacks the extension.</summary>
internal sealed unsafe class DebugLabels
{
    private readonly Device device;
    private readonly delegate* unmanaged<Device, DebugUtilsObjectNameInfoEXT*, Result> setName;
    private readonly delegate* unmanaged<CommandBuffer, DebugUtilsLabelEXT*, void> beginLabel;
    private readonly delegate* unmanaged<CommandBuffer, void> endLabel;

    public DebugLabels(GpuInstance instance, Device device)
    {
        this.device = device;
        if (instance.HasDebugUtils)
        {
            setName = (delegate* unmanaged<Device, DebugUtilsObjectNameInfoEXT*, Result>)instance.Function("vkSetDebugUtilsObjectNameEXT");
            beginLabel = (delegate* unmanaged<CommandBuffer, DebugUtilsLabelEXT*, void>)instance.Function("vkCmdBeginDebugUtilsLabelEXT");
            endLabel = (delegate* unmanaged<CommandBuffer, void>)instance.Function("vkCmdEndDebugUtilsLabelEXT");
        }
    }

    public void Name(ObjectType type, ulong handle, string name)
    {
        if (setName is null)
        {
            return;
        }
        using var text = new NativeStrings([name]);
        var info = new DebugUtilsObjectNameInfoEXT { SType = StructureType.DebugUtilsObjectNameInfoExt, ObjectType = type, ObjectHandle = handle, PObjectName = text.Pointer[0] };
        setName(device, &info).Check("vkSetDebugUtilsObjectNameEXT");
    }

    public void Begin(CommandBuffer commands, string name)
    {
        if (beginLabel is null)
        {
            return;
        }
        using var text = new NativeStrings([name]);
        var label = new DebugUtilsLabelEXT { SType = StructureType.DebugUtilsLabelExt, PLabelName = text.Pointer[0] };
        beginLabel(commands, &label);
    }

    public void End(CommandBuffer commands)
    {
        if (endLabel is not null)
        {
            endLabel(commands);
        }
    }
}
