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
