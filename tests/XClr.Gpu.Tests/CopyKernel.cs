namespace XClr.Gpu.Tests;

/// <summary>A kernel of the program's that copies: quads of 16 bytes, Count of them, Reps times.</summary>
internal static class CopyKernel
{
    public const string Name = "bench/copy_peak";

    public static readonly Kernel<Params> Kernel = new(Name, reads: 1, writes: 1);

    public readonly record struct Params(uint Count, uint Reps);
}
