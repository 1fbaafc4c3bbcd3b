namespace XClr.Gpu;

/// <summary>What a buffer holds, for the memory table of a plan.</summary>
public enum MemoryCategory
{
    Parameters,
    Gradients,
    OptimizerState,
    Activations,
    Workspace,
    Inputs,
    Outputs,
}

/// <summary>
/// A named piece of device memory. Logical until a plan that uses it is built: recording a plan touches no device memory.
/// A persistent buffer keeps its content between plans until it is disposed; a transient one lives from its first write to its last
/// read inside one plan, and shares its memory with others.
/// </summary>
public sealed class GpuBuffer : IDisposable
{
    private GpuDevice? owner;

    public GpuBuffer(string name, long bytes, MemoryCategory category, bool persistent = true)
    {
        if (bytes <= 0)
        {
            throw new GpuException($"Buffer '{name}' must have at least one byte, not {bytes}.");
        }
        Name = name;
        Bytes = bytes;
        Category = category;
        IsPersistent = persistent;
    }

    public string Name { get; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }
    public MemoryCategory Category { get; }
    public bool IsPersistent { get; }

    /// <summary>Memory of the buffer; null until allocated (persistent) or always (transient: the plan knows).</summary>
    internal ArenaSlice? Placement { get; private set; }

    /// <summary>All of the buffer.</summary>
    public BufferView View => new(this, 0, Bytes);

    /// <summary>Part of the buffer, in bytes.</summary>
    public BufferView Slice(long offset, long bytes) => View.Slice(offset, bytes);

    internal void Place(GpuDevice device, ArenaSlice slice)
    {
        owner = device;
        Placement = slice;
    }

    internal void Forget() => (owner, Placement) = (null, null);

    public void Dispose()
    {
        owner?.Release(this);
        Forget();
    }

    public override string ToString() => $"{Name} ({Bytes} bytes)";

    public static implicit operator BufferView(GpuBuffer buffer) => buffer.View;
}

/// <summary>Format of one texel (four values) of a buffer that a kernel reads as a texel buffer.</summary>
public enum TexelType
{
    /// <summary>RGBA32F.</summary>
    Single,

    /// <summary>RGBA16F.</summary>
    Half,

    /// <summary>RG32UI: bfloat16, for which there is no format; the kernel unpacks the words.</summary>
    BFloat16,
}

/// <summary>A range of bytes of a buffer, as a kernel binds it.</summary>
public readonly record struct BufferView(GpuBuffer Buffer, long Offset, long Bytes, TexelType Texel = TexelType.Single)
{
    /// <summary>A part of this range; offset and bytes are relative to it.</summary>
    public BufferView Slice(long offset, long bytes) => offset >= 0 && bytes > 0 && offset + bytes <= Bytes
        ? this with { Offset = Offset + offset, Bytes = bytes }
        : throw new GpuException($"Slice [{offset}, {offset + bytes}) does not lie in {Buffer.Name}'s range of {Bytes} bytes.");
}
