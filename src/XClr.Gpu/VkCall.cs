using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>A Vulkan call or a device operation failed; the message names the call, the result and the remedy.</summary>
public class GpuException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The device stopped answering (VK_ERROR_DEVICE_LOST, or a wait ran past its limit).</summary>
public sealed class DeviceLostException(string message) : GpuException(message);

/// <summary>Device memory does not suffice; the message says what was asked for and what the device has.</summary>
public sealed class GpuOutOfMemoryException(string message, long requestedBytes) : GpuException(message)
{
    /// <summary>Bytes that were asked for.</summary>
    public long RequestedBytes { get; } = requestedBytes;
}

/// <summary>Turns a VkResult into an exception that names the call.</summary>
internal static class VkCall
{
    public static void Check(this Result result, string call)
    {
        if (result >= Result.Success)
        {
            return;
        }
        throw result switch
        {
            Result.ErrorDeviceLost => new DeviceLostException(
                $"{call}: the device was lost (VK_ERROR_DEVICE_LOST). The driver reset it, often because one piece of work took too long or the card failed; go on from the last checkpoint (train: --resume auto), with smaller batches where it happens again."),
            Result.ErrorOutOfHostMemory => new GpuException($"{call}: the driver has no host memory left (VK_ERROR_OUT_OF_HOST_MEMORY)."),
            _ => new GpuException($"{call} failed: {result} ({(int)result})."),
        };
    }
}
