using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace XClr.Gpu;

/// <summary>
/// A compute shader as the code that owns it sees it: its name ("norm/batchnorm_fwd": shader file, SPIR-V resource, profiler label),
/// how many buffers it reads and writes (binding order: reads, then writes) and its push constants' size. The first <see cref="Texels"/> reads are
/// declared <c>uniform samplerBuffer</c> (or <c>usamplerBuffer</c>) in the shader, four values per texel (<see cref="BufferView.Texel"/>): CPU drivers load those many times faster than storage buffers.
/// The first <see cref="Pointers"/> reads are not bound: their addresses stand before <c>TParams</c> in the push constants, as pointers (GL_EXT_buffer_reference); the bindings begin behind them.
/// The first <see cref="Images"/> reads are a host's images (<c>uniform texture2D</c>, no sampler); such a kernel is recorded by <see cref="HostCommands"/>, not into a plan.
/// </summary>
public abstract class Kernel
{
    private protected Kernel(string name, int reads, int writes, int texels, int pointers, int images, int pushBytes, ImmutableArray<uint> specialization)
    {
        if (new[] { texels, pointers, images } is var kinds && (kinds.Any(k => k < 0 || k > reads) || kinds.Count(k => k > 0) > 1))
        {
            throw new GpuException($"{name}: {texels} of {reads} reads cannot be texel buffers, {pointers} pointers and {images} images.");
        }
        Name = name;
        Reads = reads;
        Writes = writes;
        Texels = texels;
        Pointers = pointers;
        Images = images;
        PushBytes = pushBytes + pointers * sizeof(ulong);
        Specialization = specialization;
        Key = specialization.IsEmpty ? name : $"{name}<{string.Join(',', specialization)}>";
    }

    public string Name { get; }
    public int Reads { get; }
    public int Writes { get; }

    /// <summary>How many of the reads, the first ones, are bound as uniform texel buffers; 0 = all are storage buffers.</summary>
    public int Texels { get; }

    /// <summary>How many of the reads, the first ones, are given as device addresses (<see cref="DeviceCaps.BufferDeviceAddress"/>); a kernel has these or texels, not both.</summary>
    public int Pointers { get; }

    /// <summary>How many of the reads, the first ones, are images of a host; a kernel has these, texels or pointers.</summary>
    public int Images { get; }

    /// <summary>Bytes of push constants, pointers included: at most 128, a multiple of 4.</summary>
    public int PushBytes { get; }

    /// <summary>Values of the specialisation constants with ids 0, 1, 2, ...; floats and booleans as their 32 bits.</summary>
    public ImmutableArray<uint> Specialization { get; }

    /// <summary>Name and specialisation: what a pipeline is made for.</summary>
    public string Key { get; }
    public int Bindings => Reads + Writes - Pointers;

    /// <summary>Whether it multiplies cooperative matrices.</summary>
    public bool OnMatrices => Name.Contains("_coopmat", StringComparison.Ordinal);
}

/// <summary>A kernel whose push constants are <typeparamref name="TParams"/>, field for field in the shader's order (4-byte fields only).</summary>
public sealed class Kernel<TParams> : Kernel where TParams : unmanaged
{
    public Kernel(string name, int reads, int writes, int texels = 0, int pointers = 0, int images = 0)
        : this(name, reads, writes, texels, pointers, images, [])
    {
    }

    private Kernel(string name, int reads, int writes, int texels, int pointers, int images, ImmutableArray<uint> specialization)
        : base(name, reads, writes, texels, pointers, images, Unsafe.SizeOf<TParams>(), specialization)
    {
    }

    /// <summary>The same kernel with values for the specialisation constants 0, 1, 2, ...</summary>
    public Kernel<TParams> With(params ReadOnlySpan<uint> constants) => new(Name, Reads, Writes, Texels, Pointers, Images, [.. constants]);
}
