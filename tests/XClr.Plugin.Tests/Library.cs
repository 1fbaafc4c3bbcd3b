using System.Runtime.InteropServices;
using Silk.NET.Vulkan;
using XClr.Gpu;

namespace XClr.Plugin.Tests;

/// <summary>One library for all tests, which take turns.</summary>
[CollectionDefinition(Name)]
public sealed class LibraryCollection : ICollectionFixture<Library>
{
    public const string Name = "library";
}

/// <summary>libxclr.so as a host has it: published with NativeAOT, loaded by its path, called through its C functions.</summary>
public sealed unsafe class Library
{
    public const int Ok = 0, Argument = 2, Data = 3, Device = 4, Handle = 20, Busy = 21;

    private readonly nint library;

    public Library()
    {
        PublishedPlugin.Publish();
        library = NativeLibrary.Load(Path.Combine(PublishedPlugin.Folder, "libxclr.so"));
    }

    /// <summary>A function's address.</summary>
    public nint this[string name] => NativeLibrary.GetExport(library, name);

    /// <summary>The latest message of this thread.</summary>
    public string LastError => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)this["xclr_last_error"])())!;

    /// <summary>Checks a status.</summary>
    public void Require(int status) => Assert.True(status == Ok, LastError);

    public ulong Create(in ContextInfo info)
    {
        fixed (ContextInfo* p = &info)
        {
            ulong context;
            Require(((delegate* unmanaged<ContextInfo*, ulong*, int>)this["xclr_create"])(p, &context));
            return context;
        }
    }

    /// <summary>A context on lavapipe under synchronization validation; a message fails its destruction.</summary>
    public ulong CreateOnLavapipe()
    {
        // Points the loader at the layer, or skips the calling test.
        _ = TestDevices.Get(TestDevices.Lavapipe);
        using var name = new NativeText("llvmpipe");
        return Create(new ContextInfo { Size = (uint)sizeof(ContextInfo), Validation = 2, Device = name.Pointer });
    }

    /// <summary>A context on a host's device; the engine's own device stands for the host's, and its instance's validation layer sees both.</summary>
    /// <param name="host">The device.</param>
    /// <param name="extras">The host enabled 64-bit integers and buffer addresses.</param>
    public ulong CreateOn(GpuDevice host, bool extras = true)
    {
        var v12 = new PhysicalDeviceVulkan12Features { SType = StructureType.PhysicalDeviceVulkan12Features, TimelineSemaphore = true, BufferDeviceAddress = extras };
        var features = new PhysicalDeviceFeatures2 { SType = StructureType.PhysicalDeviceFeatures2, PNext = &v12 };
        features.Features.ShaderInt64 = extras;
        var shared = Shared(host, &features);
        return Create(new ContextInfo { Size = (uint)sizeof(ContextInfo), Shared = &shared });
    }

    /// <summary>A host's handles, and what it enabled.</summary>
    public static SharedDevice Shared(GpuDevice host, PhysicalDeviceFeatures2* features) => new()
    {
        Size = (uint)sizeof(SharedDevice),
        QueueFamily = host.Compute.Family,
        Instance = host.InstanceHandle,
        PhysicalDevice = host.PhysicalHandle,
        Device = host.Handle.Handle,
        Queue = host.Compute.Handle,
        Features = (nint)features,
    };

    public int Destroy(ulong context) => ((delegate* unmanaged<ulong, int>)this["xclr_destroy"])(context);

    public ulong LoadEncoder(ulong context, string checkpoint, uint batch)
    {
        using var path = new NativeText(checkpoint);
        ulong encoder;
        Require(((delegate* unmanaged<ulong, byte*, uint, ulong*, int>)this["xclr_encoder_load"])(context, path.Pointer, batch, &encoder));
        return encoder;
    }

    public EncoderInfo Describe(ulong encoder)
    {
        var info = new EncoderInfo { Size = (uint)sizeof(EncoderInfo) };
        Require(((delegate* unmanaged<ulong, EncoderInfo*, int>)this["xclr_encoder_describe"])(encoder, &info));
        return info;
    }

    public ulong CreateTrainer(ulong context, string config, uint textWidth)
    {
        using var json = new NativeText(config);
        ulong trainer;
        Require(((delegate* unmanaged<ulong, byte*, uint, ulong*, int>)this["xclr_trainer_create"])(context, json.Pointer, textWidth, &trainer));
        return trainer;
    }

    public float Step(ulong trainer, HostImages images, float[] embeddings)
    {
        float loss;
        fixed (float* text = embeddings)
        {
            Require(((delegate* unmanaged<ulong, HostImage*, float*, uint*, float*, int>)this["xclr_trainer_step"])(trainer, images.Pointer, text, null, &loss));
        }
        return loss;
    }

    public int Record(ulong encoder, nint commands, BufferImages images, BufferRows features, BufferRows projections) =>
        ((delegate* unmanaged<ulong, nint, BufferImages*, BufferRows*, BufferRows*, int>)this["xclr_record_embed"])(encoder, commands, &images, &features, &projections);

    public int Record(ulong encoder, nint commands, ImageViews images, BufferRows features, BufferRows projections) =>
        ((delegate* unmanaged<ulong, nint, ImageViews*, BufferRows*, BufferRows*, int>)this["xclr_record_embed_image"])(encoder, commands, &images, &features, &projections);

    /// <summary>Calls a function of a handle and a string.</summary>
    public int Call(string function, ulong handle, string text)
    {
        using var native = new NativeText(text);
        return ((delegate* unmanaged<ulong, byte*, int>)this[function])(handle, native.Pointer);
    }
}

/// <summary>A string as C has it.</summary>
public sealed unsafe class NativeText(string text) : IDisposable
{
    public byte* Pointer { get; } = (byte*)Marshal.StringToCoTaskMemUTF8(text);

    public void Dispose() => Marshal.FreeCoTaskMem((nint)Pointer);
}
