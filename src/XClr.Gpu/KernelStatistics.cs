namespace XClr.Gpu;

/// <summary>One figure of a driver's compiler, under the driver's own name.</summary>
public sealed record CompilerFigure(string Name, string Description, double Value);

/// <summary>A listing that a driver gives of its compiler's work: intermediate code or assembly.</summary>
public sealed record CompilerListing(string Name, string Text);

/// <summary>Whether a kernel fits a device: its key (name and specialisation), <see cref="KernelStatistics.Spills"/> and <see cref="KernelStatistics.Occupancy"/>.</summary>
public sealed record KernelFit(string Key, int? Spills, int? Occupancy)
{
    /// <summary>Everything fits in registers, and a processor holds at least two subgroups: one alone has nothing to do while it waits for memory.</summary>
    public bool RunsWell => Spills is not > 0 && Occupancy is not 1;
}

/// <summary>
/// What a driver made of one kernel (VK_KHR_pipeline_executable_properties). <see cref="Figures"/> are the driver's own; the properties are read out of them by what
/// drivers call these things. Null: this driver does not say.
/// </summary>
/// <param name="Kernel">Name and specialisation.</param>
/// <param name="SubgroupSize">Invocations per subgroup that it was compiled for; 0 where the driver does not say.</param>
/// <param name="Figures">In the driver's order.</param>
/// <param name="Listings">Empty unless asked for.</param>
public sealed record KernelStatistics(string Kernel, int SubgroupSize, IReadOnlyList<CompilerFigure> Figures, IReadOnlyList<CompilerListing> Listings)
{
    /// <summary>Vector registers per invocation; on Intel the most that are live at once.</summary>
    public int? Registers => (int?)Find("VGPRs", "GPRs", "Number of GPRs", "Max live registers", "Registers used", "Register Count");

    /// <summary>Values that did not fit in registers and went to memory (stores, registers or bytes, as the driver counts); 0 = everything fits.</summary>
    public int? Spills => (int?)(Find("Spilled VGPRs") + Find("Spilled SGPRs") ?? Find("Spills to memory", "Spills", "STP Count", "Local Memory Size"));

    /// <summary>Subgroups that a processor can hold at once.</summary>
    public int? Occupancy => (int?)Find("Subgroups per SIMD", "Max warps/SM", "Max Waves Per Core") ?? (SubgroupSize > 0 ? (int?)Find("Threads") / SubgroupSize : null);

    /// <summary>Bytes of shared memory of a workgroup.</summary>
    public int? SharedBytes => (int?)Find("LDS size", "Workgroup Memory Size", "Shared Memory Size");

    /// <summary>Cycles of one pass over the code, as the compiler estimates them.</summary>
    public double? Cycles => Find("Latency", "Static cycle count", "Cycles");

    /// <summary>What decides whether the kernel is taken on this device.</summary>
    public KernelFit Fit => new(Kernel, Spills, Occupancy);

    // NVIDIA's driver 580 gives local memory as 2^36 and so many bytes.
    private const double NvidiaLocalMemory = 1L << 36;

    private double? Find(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            foreach (var figure in Figures)
            {
                if (string.Equals(figure.Name, name, StringComparison.OrdinalIgnoreCase))
                {
                    return figure.Value >= NvidiaLocalMemory ? figure.Value - NvidiaLocalMemory : figure.Value;
                }
            }
        }
        return null;
    }
}
