using System.Runtime.InteropServices;

namespace XClr.Plugin.Tests;

// As a host's compiler lays out native/include/xclr.h.

[StructLayout(LayoutKind.Sequential)]
public unsafe struct SharedDevice
{
    public uint Size, QueueFamily;
    public nint Instance, PhysicalDevice, Device, Queue, GetInstanceProcAddr, Features;
    public byte** Extensions;
    public uint ExtensionCount, Reserved;
}

[StructLayout(LayoutKind.Sequential)]
public unsafe struct ContextInfo
{
    public uint Size, Validation;
    public byte* Device;
    public ulong MemoryLimit;
    public SharedDevice* Shared;
    public delegate* unmanaged<int, byte*, void*, void> Log;
    public void* LogUser;
}

[StructLayout(LayoutKind.Sequential)]
public unsafe struct HostImage
{
    public uint Size, Channels, Width, Height;
    public nuint RowPitch;
    public byte* Pixels;
}

[StructLayout(LayoutKind.Sequential)]
public struct BufferImages
{
    public uint Size, Count, Width, Height;
    public ulong Buffer, Offset;
    public uint RowPitch, Reserved;
}

[StructLayout(LayoutKind.Sequential)]
public unsafe struct ImageViews
{
    public uint Size, Count, Width, Height;
    public ulong* Views;
    public uint Format, Layout;
}

[StructLayout(LayoutKind.Sequential)]
public struct BufferRows
{
    public ulong Buffer, Offset;
}

[StructLayout(LayoutKind.Sequential)]
public struct SliceOptions
{
    public uint Size, BudgetMicroseconds;
    public ulong WaitSemaphore, WaitValue, SignalSemaphore, SignalValue;
}

[StructLayout(LayoutKind.Sequential)]
public struct EncoderInfo
{
    public uint Size, Batch, FeatureWidth, ProjectionWidth, ImageSize, Reserved;
}
