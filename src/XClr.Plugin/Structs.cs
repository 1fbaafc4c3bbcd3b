using System.Runtime.InteropServices;

namespace XClr.Plugin;

// The structs of native/include/xclr.h, field by field.

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SharedDevice
{
    public uint Size, QueueFamily;
    public nint Instance, PhysicalDevice, Device, Queue, GetInstanceProcAddr, Features;
    public byte** Extensions;
    public uint ExtensionCount, Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ContextInfo
{
    public uint Size, Validation;
    public byte* Device;
    public ulong MemoryLimit;
    public SharedDevice* Shared;
    public delegate* unmanaged<int, byte*, void*, void> Log;
    public void* LogUser;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HostImage
{
    public uint Size, Channels, Width, Height;
    public nuint RowPitch;
    public byte* Pixels;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BufferImages
{
    public uint Size, Count, Width, Height;
    public ulong Buffer, Offset;
    public uint RowPitch, Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ImageViews
{
    public uint Size, Count, Width, Height;
    public ulong* Views;
    public uint Format, Layout;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BufferRows
{
    public ulong Buffer, Offset;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SliceOptions
{
    public uint Size, BudgetMicroseconds;
    public ulong WaitSemaphore, WaitValue, SignalSemaphore, SignalValue;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EncoderInfo
{
    public uint Size, Batch, FeatureWidth, ProjectionWidth, ImageSize, Reserved;
}
