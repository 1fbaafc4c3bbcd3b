using System.Globalization;
using XClr.Gpu;

namespace XClr.Cli.Commands;

/// <summary>The columns in which tables show what a device's compiler says of a kernel; empty where it says nothing.</summary>
internal static class CompilerFigures
{
    public static IReadOnlyList<string> Columns { get; } = ["subgroup", "registers", "spills", "occupancy", "shared", "cycles"];

    public static IReadOnlyList<string> Cells(KernelStatistics? s) =>
        [Figure(s?.SubgroupSize), Figure(s?.Registers), Figure(s?.Spills), Figure(s?.Occupancy), Figure(s?.SharedBytes), Figure(s?.Cycles)];

    private static string Figure(double? value) => value?.ToString("0", CultureInfo.InvariantCulture) ?? "";
}
