using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace XClr.Gpu;

/// <summary>The SPIR-V that this assembly carries: one resource per kernel, "norm/batchnorm_fwd.spv".</summary>
public static class ShaderLibrary
{
    private const string Ending = ".spv";
    private static readonly ConcurrentDictionary<string, string> Hashes = [];

    /// <summary>Names of all kernels, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. typeof(ShaderLibrary).Assembly.GetManifestResourceNames()
        .Where(n => n.EndsWith(Ending, StringComparison.Ordinal)).Select(n => n[..^Ending.Length].Replace('\\', '/')).Order(StringComparer.Ordinal)];

    /// <summary>Identifies a kernel's code: 16 hex digits of its SHA-256.</summary>
    public static string Hash(string kernel) => Hashes.GetOrAdd(kernel, static k => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<uint>(Load(k))))[..16]);

    /// <summary>Name of the shader file that a kernel is compiled from, and the macro that is defined there; null = none. Two kernels, for fp16 and for bfloat16, come of one file (shaders/CMakeLists.txt).</summary>
    public static (string Name, string? Define) SourceOf(string kernel)
    {
        const string BFloat16 = "_bf16";
        if (!kernel.EndsWith(BFloat16, StringComparison.Ordinal))
        {
            return (kernel, null);
        }
        var name = kernel[..^BFloat16.Length];
        return (name.EndsWith("_coopmat", StringComparison.Ordinal) ? name : name + "_f16", "BF16");
    }

    /// <summary>The SPIR-V words of a kernel.</summary>
    public static uint[] Load(string kernel)
    {
        var assembly = typeof(ShaderLibrary).Assembly;
        using var stream = assembly.GetManifestResourceStream(kernel + Ending) ?? assembly.GetManifestResourceStream(kernel.Replace('/', '\\') + Ending)
            ?? throw new GpuException($"There is no kernel '{kernel}'; known are {string.Join(", ", Names)}.");
        var words = new uint[stream.Length / 4];
        stream.ReadExactly(MemoryMarshal.AsBytes(words.AsSpan()));
        return words;
    }
}
