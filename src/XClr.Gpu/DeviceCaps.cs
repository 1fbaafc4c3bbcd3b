using System.Collections.Immutable;
using System.Globalization;

namespace XClr.Gpu;

/// <summary>Kind of a device, in the order of preference of the default choice (discrete first).</summary>
public enum GpuKind
{
    Discrete,
    Integrated,
    Virtual,
    Other,
    Cpu,
}

/// <summary>One cooperative-matrix shape that the driver executes: D[M,N] = A[M,K]*B[K,N] + C at subgroup scope.</summary>
public sealed record CooperativeMatrixShape(int M, int N, int K, string A, string B, string C, string Result);

/// <summary>
/// What a device can do, read once when it is opened. Every choice of kernel is a function of this record, never of a vendor's name.
/// Sizes are bytes unless named otherwise. XCLR_CAPS lowers any numeric limit or switches a feature off; it never raises one, but for MomentNormRows.
/// </summary>
public sealed record DeviceCaps
{
    /// <summary>Environment variable that lowers caps, see <see cref="Lower"/>.</summary>
    public const string LoweringVariable = "XCLR_CAPS";

    /// <summary>Bytes of one texel of a kernel's texel buffers (RGBA32F).</summary>
    public const int TexelBytes = 16;

    public required string Name { get; init; }
    public required string DriverName { get; init; }
    public required string DriverInfo { get; init; }
    public required uint VendorId { get; init; }
    public required uint DeviceId { get; init; }
    public required uint DriverVersion { get; init; }
    public required Guid DeviceUuid { get; init; }
    public required Guid DriverUuid { get; init; }

    /// <summary>Prefix of the names of files about this device: the UUID and the model, since some drivers' UUIDs only tell the slot.</summary>
    public string FileKey => $"{VendorId:x4}-{DeviceId:x4}-{DeviceUuid:N}-{DriverUuid:N}";

    public required Version ApiVersion { get; init; }
    public required GpuKind Kind { get; init; }

    /// <summary>Invocations per subgroup that a pipeline gets unless it asks for another size.</summary>
    public required int SubgroupSize { get; init; }
    public required int MinSubgroupSize { get; init; }
    public required int MaxSubgroupSize { get; init; }

    public required long MaxStorageBufferRange { get; init; }
    /// <summary>Offsets of bindings are multiples of this; it suits storage and uniform texel buffers.</summary>
    public required long MinStorageBufferOffsetAlignment { get; init; }

    /// <summary>Alignment of buffers in a block of memory, in bytes.</summary>
    internal long PlacementAlignment => Math.Max(256, MinStorageBufferOffsetAlignment);
    /// <summary>Bytes that a uniform texel buffer of RGBA32F may cover.</summary>
    public required long MaxTexelBufferBytes { get; init; }
    public required long MaxMemoryAllocationSize { get; init; }

    /// <summary>Bytes of the largest device-local heap (of an integrated GPU: of the largest heap, all being the same memory) that this process could have when the caps were read (VK_EXT_memory_budget; without it, the whole heap), less a 32nd and at least 128 MiB on anything but a CPU: what the driver and this engine need beside tensors.</summary>
    public required long DeviceLocalBytes { get; init; }
    public required int MaxPushConstantsSize { get; init; }
    public required int MaxComputeSharedMemorySize { get; init; }
    public required int MaxComputeWorkGroupInvocations { get; init; }

    /// <summary>The smallest of the three axes' limits: dispatches are laid out as a flat index over x, then y, then z.</summary>
    public required long MaxComputeWorkGroupCount { get; init; }

    public required bool ShaderFloat16 { get; init; }
    public required bool StorageBuffer16Bit { get; init; }
    public required bool ShaderInt64 { get; init; }
    public required bool BufferDeviceAddress { get; init; }
    /// <summary>Name and driver, for tables and files.</summary>
    public string FullName => $"{Name}, {DriverName} {DriverInfo}";

    /// <summary>A pipeline may ask for a subgroup size from the smallest to the largest.</summary>
    public required bool SubgroupSizeControl { get; init; }

    /// <summary>Invocations per subgroup of kernels with cooperative matrices: the device's smallest, which is the size that its matrix units work at.</summary>
    public int MatrixSubgroupSize => SubgroupSizeControl ? MinSubgroupSize : SubgroupSize;

    /// <summary>Processors (compute units, multiprocessors), each of which runs several workgroups; 0 where the driver does not say.</summary>
    public int ShaderCores { get; init; }

    /// <summary>Whether VK_KHR_cooperative_matrix's feature bit is set (not merely the extension present), and those of everything else that matrix kernels need: Vulkan's memory model, full subgroups, shuffles within them.</summary>
    public required bool CooperativeMatrix { get; init; }

    /// <summary>False: a trial of the matrix units gave wrong results, or they were slower than multiply-adds (<see cref="MatrixTrial"/>); null: not tried.</summary>
    public bool? MatricesPay { get; init; }

    /// <summary>False uses a device's matrix units without a trial.</summary>
    public bool TriesMatrices { get; init; } = true;

    /// <summary>Whether matrix kernels are used. Matrix units work at only one of a device's subgroup sizes (Intel's at the smallest), so a kernel must be able to ask for it.</summary>
    public bool UsesMatrices => CooperativeMatrix && MatricesPay != false && (SubgroupSizeControl || MinSubgroupSize == MaxSubgroupSize);

    public required IReadOnlyList<CooperativeMatrixShape> CooperativeMatrixShapes { get; init; }

    /// <summary>The shapes that multiply fp16 into fp32; none where the device lacks the feature, fp16 or 16-bit storage.</summary>
    public IReadOnlyList<CooperativeMatrixShape> HalfMatrixShapes => CooperativeMatrix && ShaderFloat16 && StorageBuffer16Bit ? MatrixShapes("float16") : [];

    /// <summary>bfloat16 in shaders: VK_KHR_shader_bfloat16's feature bit shaderBFloat16Type.</summary>
    public bool BFloat16 { get; init; }

    /// <summary>Its feature bit shaderBFloat16CooperativeMatrix.</summary>
    public bool BFloat16Matrices { get; init; }

    /// <summary>
    /// True: storage as bfloat16 is for devices that report it. XCLR_CAPS=needsBFloat16=0 lets others store it too: the kernels without matrices pack it in 32-bit words and need no feature.
    /// </summary>
    public bool NeedsBFloat16 { get; init; } = true;

    /// <summary>The shapes that multiply bfloat16 into fp32; none where the device lacks a feature.</summary>
    public IReadOnlyList<CooperativeMatrixShape> BFloat16MatrixShapes => CooperativeMatrix && BFloat16 && BFloat16Matrices ? MatrixShapes("bfloat16") : [];

    private CooperativeMatrixShape[] MatrixShapes(string type) => [.. CooperativeMatrixShapes.Where(s => (s.A, s.B, s.C, s.Result) == (type, type, "float32", "float32")).Distinct()];

    /// <summary>The driver reports a pipeline's registers, spills and so on (VK_KHR_pipeline_executable_properties).</summary>
    public required bool PipelineStatistics { get; init; }

    /// <summary>The figures that this device's compiler gave do not show spills.</summary>
    public bool HidesSpills { get; init; }

    /// <summary>Whether kernels that spill registers are recognised and passed over (<see cref="KernelsPassedOver"/>), so that larger tiles may be tried.</summary>
    public bool TellsSpills => PipelineStatistics && !HidesSpills;

    /// <summary>Nanoseconds per timestamp tick; 0 where the queue has no timestamps.</summary>
    public required double TimestampPeriod { get; init; }
    public required int TimestampValidBits { get; init; }

    /// <summary>The driver reads its clock and the host's at one moment (VK_KHR_calibrated_timestamps or VK_EXT_calibrated_timestamps).</summary>
    public bool CalibratedTimestamps { get; init; }

    /// <summary>The compute queue's timestamps.</summary>
    public TimestampClock Timestamps => new(TimestampPeriod, TimestampValidBits);

    /// <summary>
    /// Keys of kernels (name and specialisation) of which this device's compiler makes bad code, among those it was asked about (<see cref="KernelFit.RunsWell"/>): ops use
    /// another tile instead.
    /// </summary>
    public IReadOnlySet<string> KernelsPassedOver { get; init; } = ImmutableHashSet<string>.Empty;

    /// <summary>The measured choices among kernels, see `xclr tune`.</summary>
    public Tuning Tuning { get; init; } = Tuning.None;

    /// <summary>False ignores <see cref="Tuning"/>: the cost model makes every choice.</summary>
    public bool UsesTuning { get; init; } = true;

    /// <summary>True where the kernels written for CPU drivers (suffix `word`: no barriers, wide work per lane) are the right choice.</summary>
    public required bool CpuKernels { get; init; }

    /// <summary>
    /// True where, among the kernels for CPU drivers, those with suffix `lanerow` are the fast ones (one row per lane, the other operand through a pointer at an address equal in all lanes):
    /// the driver's compiler must know what is equal in all lanes, as Mesa's does since version 26.
    /// </summary>
    public bool LaneRowKernels { get; init; }

    /// <summary>
    /// Rows (pixels of all images) per output channel from which on, with matrix units, the last 1x1 convolution of a residual block stores neither its output nor the output's gradient: the cost of what replaces them grows
    /// with the channels, their own with the rows. 0: always; beyond any number of rows: never; null: as measured (<see cref="Tuning"/>), else by the cost model.
    /// </summary>
    public int? MomentNormRows { get; init; }

    /// <summary>Parses a byte count or a count: a whole number with an optional suffix K, M or G, also written KiB, MiB, GiB (powers of 1,024).</summary>
    /// <exception cref="GpuException">It is none, or does not fit 63 bits.</exception>
    public static long ParseSize(string text)
    {
        var number = text.EndsWith("iB", StringComparison.OrdinalIgnoreCase) ? text[..^2] : text;
        var shift = number.Length == 0 ? 0 : char.ToUpperInvariant(number[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        var digits = shift == 0 ? number : number[..^1];
        return (shift > 0 || number == text) && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n <= long.MaxValue >> shift
            ? n << shift
            : throw new GpuException($"'{text}' is no size: write a whole number, with K, M or G behind it if you like (1M = 1MiB = 1048576).");
    }

    /// <summary>Applies XCLR_CAPS ("maxStorageBufferRange=1M,shaderFloat16=0"): keys are this record's property names. Raising is refused.</summary>
    public DeviceCaps Lower(string? overrides)
    {
        var lowered = this;
        foreach (var item in (overrides ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var parts = item.Split('=', 2);
            if (parts.Length != 2)
            {
                throw new GpuException($"XCLR_CAPS: '{item}' is not of the form name=value.");
            }
            lowered = lowered.LowerOne(parts[0].Trim(), parts[1].Trim());
        }
        return lowered;
    }

    private DeviceCaps LowerOne(string key, string text) => key.ToLowerInvariant() switch
    {
        "maxstoragebufferrange" => this with { MaxStorageBufferRange = Least(key, text, MaxStorageBufferRange) },
        "maxmemoryallocationsize" => this with { MaxMemoryAllocationSize = Least(key, text, MaxMemoryAllocationSize) },
        "devicelocalbytes" => this with { DeviceLocalBytes = Least(key, text, DeviceLocalBytes) },
        "maxpushconstantssize" => this with { MaxPushConstantsSize = (int)Least(key, text, MaxPushConstantsSize) },
        "maxcomputesharedmemorysize" => this with { MaxComputeSharedMemorySize = (int)Least(key, text, MaxComputeSharedMemorySize) },
        "maxcomputeworkgroupinvocations" => this with { MaxComputeWorkGroupInvocations = (int)Least(key, text, MaxComputeWorkGroupInvocations) },
        "maxcomputeworkgroupcount" => this with { MaxComputeWorkGroupCount = Least(key, text, MaxComputeWorkGroupCount) },
        "momentnormrows" => this with { MomentNormRows = (int)Math.Min(ParseSize(text), int.MaxValue) },
        "shadercores" => this with { ShaderCores = (int)Least(key, text, ShaderCores) },
        "timestampvalidbits" => this with { TimestampValidBits = (int)Least(key, text, TimestampValidBits) },
        "calibratedtimestamps" => this with { CalibratedTimestamps = Off(key, text, CalibratedTimestamps) },
        "shaderfloat16" => this with { ShaderFloat16 = Off(key, text, ShaderFloat16) },
        "storagebuffer16bit" => this with { StorageBuffer16Bit = Off(key, text, StorageBuffer16Bit) },
        "shaderint64" => this with { ShaderInt64 = Off(key, text, ShaderInt64), CpuKernels = CpuKernels && Off(key, text, ShaderInt64), LaneRowKernels = LaneRowKernels && Off(key, text, ShaderInt64) },
        "bufferdeviceaddress" => this with { BufferDeviceAddress = Off(key, text, BufferDeviceAddress), LaneRowKernels = LaneRowKernels && Off(key, text, BufferDeviceAddress) },
        "subgroupsizecontrol" => this with { SubgroupSizeControl = Off(key, text, SubgroupSizeControl) },
        "triesmatrices" => this with { TriesMatrices = Off(key, text, TriesMatrices) },
        "cooperativematrix" => this with { CooperativeMatrix = Off(key, text, CooperativeMatrix) },
        "bfloat16" => this with { BFloat16 = Off(key, text, BFloat16), BFloat16Matrices = BFloat16Matrices && Off(key, text, BFloat16) },
        "bfloat16matrices" => this with { BFloat16Matrices = Off(key, text, BFloat16Matrices) },
        "needsbfloat16" => this with { NeedsBFloat16 = Off(key, text, NeedsBFloat16) },
        "pipelinestatistics" => this with { PipelineStatistics = Off(key, text, PipelineStatistics) },
        "cpukernels" => this with { CpuKernels = Off(key, text, CpuKernels), LaneRowKernels = LaneRowKernels && Off(key, text, CpuKernels) },
        "lanerowkernels" => this with { LaneRowKernels = Off(key, text, LaneRowKernels) },
        "usestuning" => this with { UsesTuning = Off(key, text, UsesTuning) },
        _ => throw new GpuException($"XCLR_CAPS: '{key}' is not a cap that can be lowered."),
    };

    private static long Least(string key, string text, long have)
    {
        var asked = ParseSize(text);
        return asked <= have ? asked : throw new GpuException($"XCLR_CAPS: {key}={text} is above what the device has ({have}); caps can only be lowered.");
    }

    private static bool Off(string key, string text, bool have) => text switch
    {
        "0" or "false" => false,
        "1" or "true" when have => true,
        _ => throw new GpuException($"XCLR_CAPS: {key}={text} is not 0, or asks for a feature that the device lacks."),
    };
}
