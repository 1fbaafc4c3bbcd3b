namespace XClr.Gpu;

/// <summary>
/// A kernel as its SPIR-V declares it, for tools that look at shaders without the code that owns them. Its specialisation is the shader's defaults unless the key names values.
/// </summary>
public sealed class ShaderKernel : Kernel
{
    // Endings of file names, the longer first; a kernel without any is the portable one.
    private static readonly string[] Variants = ["word_wide_bf16", "word_bf16", BFloat16Matrices, "bf16", "word_wide_f16", "word_f16", "word_wide", "word", "lanerow", Matrices, "f16"];
    private const string Portable = "portable", Matrices = "coopmat", BFloat16Matrices = "coopmat_bf16";

    private ShaderKernel(string name, ShaderInterface shader, int spirvBytes, ReadOnlySpan<uint> specialization)
        : base(name, shader.Bindings.Count(b => b.NonWritable), shader.Bindings.Count(b => !b.NonWritable), shader.Bindings.Count(b => b.Kind == BindingKind.Texels), 0, shader.Bindings.Count(b => b.Kind == BindingKind.Image), shader.PushBytes, [.. specialization])
    {
        Interface = shader;
        SpirvBytes = spirvBytes;
        Variant = Variants.FirstOrDefault(v => name.EndsWith("_" + v, StringComparison.Ordinal)) ?? Portable;
        Operation = Variant == Portable ? name : name[..^(Variant.Length + 1)];
    }

    /// <summary>What the shader expects of its caller.</summary>
    public ShaderInterface Interface { get; }

    /// <summary>Size of the SPIR-V, bytes.</summary>
    public int SpirvBytes { get; }

    /// <summary>The name without its variant: "conv/conv2d_fwd" of "conv/conv2d_fwd_word".</summary>
    public string Operation { get; }

    /// <summary>portable, or the ending of the name that says for which devices it is: word, word_wide, coopmat, ...</summary>
    public string Variant { get; }

    /// <summary>All kernels, by name.</summary>
    public static IEnumerable<ShaderKernel> All => ShaderLibrary.Names.Select(n => Parse(n));

    /// <summary>The kernel of a key as plans and profiles print it: "conv/conv2d_fwd", or "conv/conv2d_fwd&lt;2,1&gt;" with values of the specialisation constants 0, 1.</summary>
    /// <exception cref="GpuException">There is no such kernel, or it has no such constants.</exception>
    public static ShaderKernel Parse(string key)
    {
        var parts = key.Split('<', 2);
        uint[] values = [];
        if (parts.Length == 2)
        {
            var texts = parts[1].EndsWith('>') ? parts[1][..^1].Split(',') : [""];
            values = [.. texts.Select(t => uint.TryParse(t, out var value) ? value : throw new GpuException($"'{key}' is no kernel's key: write it as name<1,2>, with whole numbers."))];
        }
        var words = ShaderLibrary.Load(parts[0]);
        var shader = ShaderInterface.Read(words);
        return values.Length <= shader.SpecializationIds.Count
            ? new ShaderKernel(parts[0], shader, words.Length * sizeof(uint), values)
            : throw new GpuException($"'{key}' has {values.Length} values; {parts[0]} has {shader.SpecializationIds.Count} specialisation constants.");
    }

    /// <summary>What a device lacks to run this kernel, in words; null: nothing.</summary>
    public string? Lacks(DeviceCaps caps) => Interface.Capabilities.Select(c => c switch
    {
        ShaderCapability.Float16 when !caps.ShaderFloat16 => "16-bit floats",
        ShaderCapability.StorageBuffer16Bit when !caps.StorageBuffer16Bit => "16-bit storage",
        ShaderCapability.Int64 when !caps.ShaderInt64 => "64-bit integers",
        ShaderCapability.BufferAddresses when !caps.BufferDeviceAddress => "buffer addresses",
        ShaderCapability.BFloat16 when !caps.BFloat16 => "bfloat16",
        ShaderCapability.CooperativeMatrix or ShaderCapability.VulkanMemoryModel when Shapes(caps).Count == 0 => "cooperative matrices",
        _ => null,
    }).FirstOrDefault(l => l is not null);

    /// <summary>The kernel as a device can compile it: one of matrices (their M, N and K are its constants 0, 1, 2) at the device's first shape, unless the key named another.</summary>
    public ShaderKernel On(DeviceCaps caps) => Variant is Matrices or BFloat16Matrices && Specialization.IsEmpty && Shapes(caps) is [var first, ..]
        ? new ShaderKernel(Name, Interface, SpirvBytes, [(uint)first.M, (uint)first.N, (uint)first.K])
        : this;

    private IReadOnlyList<CooperativeMatrixShape> Shapes(DeviceCaps caps) => Variant == BFloat16Matrices ? caps.BFloat16MatrixShapes : caps.HalfMatrixShapes;
}
