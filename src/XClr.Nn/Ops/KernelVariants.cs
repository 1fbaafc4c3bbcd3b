using System.Collections;
using XClr.Gpu;

namespace XClr.Nn.Ops;

/// <summary>
/// The variants of one kernel by file name: portable, `_word` for CPU drivers, there also `_word_wide` where there is one; each for activations of fp32 and, with suffix `_f16`, of fp16;
/// and `_coopmat` on cooperative matrices where there is one, for fp16.
/// </summary>
internal sealed class KernelVariants<T> : IEnumerable<Kernel> where T : unmanaged
{
    private readonly (Kernel<T> Single, Kernel<T> Half) portable;
    private readonly (Kernel<T> Single, Kernel<T> Half)? word, wide;
    private readonly Kernel<T>? matrices;

    /// <param name="name">The portable kernel's.</param>
    /// <param name="reads">Bindings that are read.</param>
    /// <param name="writes">Bindings that are written.</param>
    /// <param name="texels">Reads that the variants for CPU drivers bind as texel buffers.</param>
    /// <param name="hasWide">Whether there is a wide variant for CPU drivers.</param>
    /// <param name="hasMatrices">Whether there is a variant on cooperative matrices.</param>
    /// <param name="hasWord">Whether there are variants for CPU drivers at all.</param>
    public KernelVariants(string name, int reads, int writes, int texels, bool hasWide = false, bool hasMatrices = false, bool hasWord = true)
    {
        (Kernel<T>, Kernel<T>) Pair(string variant, int count) => (new(name + variant, reads, writes, count), new($"{name}{variant}_f16", reads, writes, count));
        portable = Pair("", 0);
        word = hasWord ? Pair("_word", texels) : null;
        wide = hasWide ? Pair("_word_wide", texels) : null;
        matrices = hasMatrices ? new(name + "_coopmat", reads, writes) : null;
    }

    /// <summary>All variants.</summary>
    public IEnumerator<Kernel> GetEnumerator() => new[] { portable, word, wide }.OfType<(Kernel<T> Single, Kernel<T> Half)>().SelectMany(p => new Kernel[] { p.Single, p.Half }).Concat(matrices is null ? [] : [matrices]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The kernel for a device and a storage of activations.</summary>
    public Kernel<T> For(Recorder gpu, DType storage) => RowWork.Pick(gpu, Portable(storage), Word(storage));

    public Kernel<T> Portable(DType storage) => Of(portable, storage);

    public Kernel<T> Word(DType storage) => Of(word!.Value, storage);

    public Kernel<T> Wide(DType storage) => Of(wide!.Value, storage);

    public Kernel<T> Matrices => matrices!;

    private static Kernel<T> Of((Kernel<T> Single, Kernel<T> Half) pair, DType storage) => storage == DType.Float16 ? pair.Half : pair.Single;
}
