using Xunit;

namespace XClr.Gpu.Tests;

/// <summary>What is read out of the figures that drivers give under names of their own.</summary>
public class KernelStatisticsTests
{
    private static KernelStatistics Of(int subgroup, params (string Name, double Value)[] figures) => new("k", subgroup, [.. figures.Select(f => new CompilerFigure(f.Name, "", f.Value))], []);

    [Fact]
    public void Spills_are_read_under_each_driver_s_name_and_pass_a_kernel_over()
    {
        Assert.Equal((84, 0, 18, true), Read(Of(32, ("VGPRs", 84), ("Spilled VGPRs", 0), ("Spilled SGPRs", 0), ("Subgroups per SIMD", 18))));
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

    private static (int? Registers, int? Spills, int? Occupancy, bool RunsWell) Read(KernelStatistics s) => (s.Registers, s.Spills, s.Occupancy, s.Fit.RunsWell);
}
