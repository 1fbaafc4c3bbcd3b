using XClr.Gpu;

namespace XClr.TestKit;

/// <summary>A device that is not there: a discrete one without extras, for what only looks at caps.</summary>
public static class PaperDevice
{
    public static DeviceCaps Caps { get; } = new()
    {
        Name = "paper", DriverName = "", DriverInfo = "", VendorId = 0, DeviceId = 0, DriverVersion = 0, DeviceUuid = Guid.Empty, DriverUuid = Guid.Empty,
        ApiVersion = new Version(1, 2, 0), Kind = GpuKind.Discrete, SubgroupSize = 32, MinSubgroupSize = 32, MaxSubgroupSize = 32, MaxStorageBufferRange = 1 << 27, MaxTexelBufferBytes = 1 << 27,
        MinStorageBufferOffsetAlignment = 64, MaxMemoryAllocationSize = 1 << 30, DeviceLocalBytes = 1L << 32, MaxPushConstantsSize = 128, MaxComputeSharedMemorySize = 32768,
        MaxComputeWorkGroupInvocations = 256, MaxComputeWorkGroupCount = 65535, ShaderFloat16 = true, StorageBuffer16Bit = true, ShaderInt64 = true, BufferDeviceAddress = false, PipelineStatistics = false,
        SubgroupSizeControl = false, CooperativeMatrix = false, CooperativeMatrixShapes = [], TimestampPeriod = 1, TimestampValidBits = 64, CpuKernels = false,
    };
}
