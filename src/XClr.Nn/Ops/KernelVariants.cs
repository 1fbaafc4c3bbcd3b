using System.Collections;
using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>
/// The variants of one kernel by file name: portable, `_word` for CPU drivers, there also `_word_wide` where there is one; each for activations of fp32 and, with suffix `_f16` or `_bf16`, of 16 bits;
/// and `_coopmat` on cooperative matrices where there is one, for 16 bits. What only matrices do has that alone.
/// </summary>
internal sealed class KernelVariants<T> : IEnumerable<Kernel> where T : unmanaged
{
    private readonly Kernel<T>[] portable, word, wide, matrices;

    /// <param name="name">The portable kernel's.</param>
    /// <param name="reads">Bindings that are read.</param>
    /// <param name="writes">Bindings that are written.</param>
    /// <param name="texels">Reads that the variants for CPU drivers bind as texel buffers.</param>
    /// <param name="hasWide">Whether there is a wide variant for CPU drivers.</param>
    /// <param name="hasMatrices">Whether there is a variant on cooperative matrices.</param>
    /// <param name="hasWord">Whether there are variants for CPU drivers at all.</param>
    /// <param name="hasPortable">Whether there is a portable variant.</param>
    /// <param name="wordReads">Bindings that the variants for CPU drivers read, where they are fewer.</param>
    public KernelVariants(string name, int reads, int writes, int texels, bool hasWide = false, bool hasMatrices = false, bool hasWord = true, bool hasPortable = true, int? wordReads = null)
    {
        Kernel<T>[] Stored(string variant, int count)
        {
            var read = count > 0 ? wordReads ?? reads : reads;
            return [new(name + variant, read, writes, count), new($"{name}{variant}_f16", read, writes, count), new($"{name}{variant}_bf16", read, writes, count)];
        }
        portable = hasPortable ? Stored("", 0) : [];
        word = hasWord ? Stored("_word", texels) : [];
        wide = hasWide ? Stored("_word_wide", texels) : [];
        matrices = hasMatrices ? [new(name + "_coopmat", reads, writes), new(name + "_coopmat_bf16", reads, writes)] : [];
    }

    /// <summary>All variants.</summary>
    public IEnumerator<Kernel> GetEnumerator() => new[] { portable, word, wide, matrices }.SelectMany(k => k).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The kernel for a device and a storage of activations.</summary>
    public Kernel<T> For(Recorder gpu, DType storage) => RowWork.Pick(gpu, Portable(storage), Word(storage));

    public Kernel<T> Portable(DType storage) => Of(portable, storage);

    public Kernel<T> Word(DType storage) => Of(word, storage);

    public Kernel<T> Wide(DType storage) => Of(wide, storage);

    /// <summary>The kernel on matrices of fp16 or bf16.</summary>
    public Kernel<T> Matrices(DType storage) => matrices[storage == DType.BFloat16 ? 1 : 0];

    private static Kernel<T> Of(Kernel<T>[] stored, DType storage) => stored[storage switch { DType.Float16 => 1, DType.BFloat16 => 2, _ => 0 }];
}
