namespace XClr.Gpu.Tests;

/// <summary>What is read out of the figures that drivers give under names of their own, and what is kept of it.</summary>
public sealed class KernelStatisticsTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static KernelStatistics Of(int subgroup, params (string Name, double Value)[] figures) => new("k", subgroup, [.. figures.Select(f => new CompilerFigure(f.Name, "", f.Value))], []);

    [Fact]
    public void Spills_are_read_under_each_driver_s_name_and_pass_a_kernel_over()
    {
        Assert.Equal((84, 0, 18, true), Read(Of(32, ("VGPRs", 84), ("Spilled VGPRs", 0), ("Spilled SGPRs", 0), ("Subgroups per SIMD", 18))));
        // A scalar register is one too.
        Assert.Equal((84, 3, 18, false), Read(Of(32, ("VGPRs", 84), ("Spilled VGPRs", 0), ("Spilled SGPRs", 3), ("Subgroups per SIMD", 18))));
        Assert.Equal((128, 6, null, false), Read(Of(8, ("Max live registers", 128), ("Spills to memory", 6))));
        Assert.Equal((64, 32, null, false), Read(Of(32, ("Register Count", 64), ("Local Memory Size", 32))));
        Assert.Equal((64, 0, 1, false), Read(Of(32, ("GPRs", 64), ("Spills to memory", 0), ("Max warps/SM", 1))));
    }

    /// <summary>NVIDIA's driver 580 gives local memory as 2^36 and so many bytes.</summary>
    [Fact]
    public void Local_memory_of_NVIDIA_s_driver_is_counted_from_two_to_the_36()
    {
        Assert.Equal((154, 0, null, true), Read(Of(32, ("Register Count", 154), ("Binary Size", 27136), ("Stack Size", 0), ("Local Memory Size", 68719476736), ("Shared Memory Size", 20480))));
        Assert.Equal((255, 640, null, false), Read(Of(32, ("Register Count", 255), ("Binary Size", 40960), ("Stack Size", 0), ("Local Memory Size", 68719477376), ("Shared Memory Size", 20480))));
    }

    /// <summary>Of the same code by the same driver alone: the compiler is asked again about the rest.</summary>
    [Fact]
    public void What_is_kept_is_of_a_kernel_s_code_and_a_driver()
    {
        var kernel = new Kernel<int>(ShaderLibrary.Names[0], reads: 1, writes: 1).With(3, 4);
        var figures = KernelFigures.Open(PaperDevice.Caps, folder);
        Assert.False(figures.Knows(kernel));
        figures.Add(Of(32, ("GPRs", 64), ("Spills to memory", 7)) with { Kernel = kernel.Key });
        figures.Save();
        var again = KernelFigures.Open(PaperDevice.Caps, folder);
        Assert.True(again.Knows(kernel));
        Assert.False(again.Knows(kernel.With(3)));
        Assert.Equal(new KernelFit(kernel.Key, 7, null), Assert.Single(again.PassedOver));
        Assert.False(KernelFigures.Open(PaperDevice.Caps with { DriverUuid = Guid.NewGuid() }, folder).Knows(kernel));
        var file = Directory.GetFiles(folder).Single();
        File.WriteAllText(file, File.ReadAllText(file).Replace(ShaderLibrary.Hash(kernel.Name), new string('0', 16), StringComparison.Ordinal));
        Assert.False(KernelFigures.Open(PaperDevice.Caps, folder).Knows(kernel));
    }

    private static (int? Registers, int? Spills, int? Occupancy, bool RunsWell) Read(KernelStatistics s) => (s.Registers, s.Spills, s.Occupancy, s.Fit.RunsWell);
}
