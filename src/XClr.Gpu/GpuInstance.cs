using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Silk.NET.Core.Native;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>Which validation the instance asks for; the layer must be installed.</summary>
public enum ValidationLevel
{
    Off,
    Core,
    Synchronization,
}

/// <summary>The VkInstance of this engine (or a host's), and the validation layer's messages.</summary>
internal sealed unsafe class GpuInstance : IDisposable
{
    private const string ValidationLayer = "VK_LAYER_KHRONOS_validation";
    private readonly List<string> messages = [];
    private readonly bool owned;
    private GCHandle self;
    private DebugUtilsMessengerEXT messenger;

    public GpuInstance(ValidationLevel validation)
    {
        owned = true;
        Vk = LoadVulkan();
        HasDebugUtils = Extensions(Vk, null).Contains(DeviceExtensions.DebugUtils) || (validation != ValidationLevel.Off && Extensions(Vk, ValidationLayer).Contains(DeviceExtensions.DebugUtils));
        Handle = Create(validation);
        if (validation != ValidationLevel.Off)
        {
            Listen();
        }
    }

    /// <summary>Wraps a host's instance; it is not destroyed here.</summary>
    public GpuInstance(Vk vk, Instance handle)
    {
        Vk = vk;
        Handle = handle;
    }

    public Vk Vk { get; }
    public Instance Handle { get; }
    public bool HasDebugUtils { get; }

    /// <summary>Warnings and errors of the validation layer since the start.</summary>
    public IReadOnlyList<string> Messages
    {
        get
        {
            lock (messages)
            {
                return [.. messages];
            }
        }
    }

    /// <summary>Where drivers come from on this system.</summary>
    internal static string Remedy =>
        OperatingSystem.IsWindows() ? "The graphics card's current driver brings it."
        : OperatingSystem.IsMacOS() ? "MoltenVK, which the Vulkan SDK holds, brings it."
        : "On Debian: apt-get install libvulkan1 mesa-vulkan-drivers (its lavapipe runs on the CPU where there is no GPU).";

    public IReadOnlyList<PhysicalDevice> PhysicalDevices()
    {
        uint count = 0;
        RequireDriver(Vk.EnumeratePhysicalDevices(Handle, &count, null), "vkEnumeratePhysicalDevices");
        var devices = new PhysicalDevice[count];
        fixed (PhysicalDevice* p = devices)
        {
            Vk.EnumeratePhysicalDevices(Handle, &count, p).Check("vkEnumeratePhysicalDevices");
        }
        return devices;
    }

    /// <summary>Address of an instance function; 0 where there is none.</summary>
    public nint Function(string name) => (nint)Vk.GetInstanceProcAddr(Handle, name).Handle;

    public static Vk LoadVulkan()
    {
        try
        {
            return Vk.GetApi();
        }
        catch (Exception e) when (e is FileNotFoundException or DllNotFoundException or TypeInitializationException)
        {
            throw new GpuException($"The Vulkan loader ({(OperatingSystem.IsWindows() ? "vulkan-1.dll" : "libvulkan.so.1")}) was not found. {Remedy}", e);
        }
    }

    private Instance Create(ValidationLevel validation)
    {
        var extensions = DeviceExtensions.OfInstance(Extensions(Vk, null), HasDebugUtils);
        if (validation != ValidationLevel.Off && !Layers().Contains(ValidationLayer))
        {
            throw new GpuException($"{ValidationLayer} is not installed. On Debian: apt-get install vulkan-validationlayers, or point VK_ADD_LAYER_PATH at its json.");
        }
        using var names = new NativeStrings(extensions);
        using var layers = new NativeStrings(validation == ValidationLevel.Off ? [] : [ValidationLayer]);
        using var app = new NativeStrings(["XClr.Vulkan"]);
        var appInfo = new ApplicationInfo { SType = StructureType.ApplicationInfo, PApplicationName = app.Pointer[0], PEngineName = app.Pointer[0], ApiVersion = Silk.NET.Vulkan.Vk.Version12 };
        var sync = ValidationFeatureEnableEXT.SynchronizationValidationExt;
        var features = new ValidationFeaturesEXT { SType = StructureType.ValidationFeaturesExt, EnabledValidationFeatureCount = 1, PEnabledValidationFeatures = &sync };
        var info = new InstanceCreateInfo
        {
            SType = StructureType.InstanceCreateInfo,
            PNext = validation == ValidationLevel.Synchronization ? &features : null,
            Flags = extensions.Contains(DeviceExtensions.Portability) ? InstanceCreateFlags.EnumeratePortabilityBitKhr : InstanceCreateFlags.None,
            PApplicationInfo = &appInfo,
            EnabledExtensionCount = (uint)extensions.Count,
            PpEnabledExtensionNames = names.Pointer,
            EnabledLayerCount = layers.Count,
            PpEnabledLayerNames = layers.Pointer,
        };
        Instance instance;
        RequireDriver(Vk.CreateInstance(&info, null, &instance), "vkCreateInstance");
        return instance;
    }

    // Where the only drivers are for cards that are not there, one call or the other fails so.
    private static void RequireDriver(Result result, string call)
    {
        if (result is Result.ErrorIncompatibleDriver or Result.ErrorInitializationFailed)
        {
            throw new GpuException($"No Vulkan driver could be loaded ({call}: {result}). {Remedy} VK_LOADER_DEBUG=error,driver shows which ones the loader tried.");
        }
        result.Check(call);
    }

    private void Listen()
    {
        self = GCHandle.Alloc(this);
        var info = new DebugUtilsMessengerCreateInfoEXT
        {
            SType = StructureType.DebugUtilsMessengerCreateInfoExt,
            MessageSeverity = DebugUtilsMessageSeverityFlagsEXT.WarningBitExt | DebugUtilsMessageSeverityFlagsEXT.ErrorBitExt,
            MessageType = DebugUtilsMessageTypeFlagsEXT.ValidationBitExt | DebugUtilsMessageTypeFlagsEXT.PerformanceBitExt | DebugUtilsMessageTypeFlagsEXT.GeneralBitExt,
            PfnUserCallback = new PfnDebugUtilsMessengerCallbackEXT(&OnMessage),
            PUserData = (void*)GCHandle.ToIntPtr(self),
        };
        var create = (delegate* unmanaged<Instance, DebugUtilsMessengerCreateInfoEXT*, void*, DebugUtilsMessengerEXT*, Result>)Function("vkCreateDebugUtilsMessengerEXT");
        fixed (DebugUtilsMessengerEXT* p = &messenger)
        {
            create(Handle, &info, null, p).Check("vkCreateDebugUtilsMessengerEXT");
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static Silk.NET.Core.Bool32 OnMessage(DebugUtilsMessageSeverityFlagsEXT severity, DebugUtilsMessageTypeFlagsEXT types, DebugUtilsMessengerCallbackDataEXT* data, void* user)
    {
        // The loader reports drivers of the machine that it skips as general warnings; they are not ours.
        if (types.HasFlag(DebugUtilsMessageTypeFlagsEXT.GeneralBitExt))
        {
            return false;
        }
        var message = SilkMarshal.PtrToString((nint)data->PMessage) ?? "";
        // NVIDIA's driver (580) asks through the layers for this one itself; nothing here encodes video.
        if (message.Contains("vkGetPhysicalDeviceVideoEncodeQualityLevelPropertiesKHR", StringComparison.Ordinal))
        {
            return false;
        }
        var instance = (GpuInstance)GCHandle.FromIntPtr((nint)user).Target!;
        lock (instance.messages)
        {
            instance.messages.Add(message);
        }
        return false;
    }

    private HashSet<string> Layers()
    {
        uint count = 0;
        Vk.EnumerateInstanceLayerProperties(&count, null);
        var layers = new LayerProperties[count];
        fixed (LayerProperties* p = layers)
        {
            Vk.EnumerateInstanceLayerProperties(&count, p);
        }
        return [.. layers.Select(l => SilkMarshal.PtrToString((nint)l.LayerName)!)];
    }

    private static HashSet<string> Extensions(Vk vk, string? layer)
    {
        uint count = 0;
        using var name = new NativeStrings(layer is null ? [] : [layer]);
        var layerName = layer is null ? null : name.Pointer[0];
        if (vk.EnumerateInstanceExtensionProperties(layerName, &count, null) != Result.Success)
        {
            return [];
        }
        var properties = new ExtensionProperties[count];
        fixed (ExtensionProperties* p = properties)
        {
            vk.EnumerateInstanceExtensionProperties(layerName, &count, p);
        }
        return [.. properties.Select(e => SilkMarshal.PtrToString((nint)e.ExtensionName)!)];
    }

    public void Dispose()
    {
        if (!owned)
        {
            return;
        }
        if (messenger.Handle != 0)
        {
            var destroy = (delegate* unmanaged<Instance, DebugUtilsMessengerEXT, void*, void>)Function("vkDestroyDebugUtilsMessengerEXT");
            destroy(Handle, messenger, null);
            self.Free();
        }
        Vk.DestroyInstance(Handle, null);
        Vk.Dispose();
    }
}

/// <summary>An array of UTF-8 strings for a Vulkan create-info, freed on disposal.</summary>
internal sealed unsafe class NativeStrings : IDisposable
{
    public NativeStrings(IReadOnlyList<string> strings)
    {
        Count = (uint)strings.Count;
        Pointer = (byte**)SilkMarshal.StringArrayToPtr(strings);
    }

    public uint Count { get; }
    public byte** Pointer { get; }

    public void Dispose()
    {
        for (var i = 0; i < Count; i++)
        {
            SilkMarshal.FreeString((nint)Pointer[i]);
        }
        SilkMarshal.Free((nint)Pointer);
    }
}
