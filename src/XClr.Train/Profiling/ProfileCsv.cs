using System.Globalization;

namespace XClr.Train.Profiling;

/// <summary>A profile as comma-separated values: a line per dispatch, quoted as RFC 4180 has it, numbers with a point.</summary>
public static class ProfileCsv
{
    /// <summary>Names of the columns; times are milliseconds.</summary>
    public static IReadOnlyList<string> Columns { get; } =
        ["index", "phase", "layer", "kernel", "specialisation", "detail", "time_ms", "min_ms", "max_ms", "share", "flops", "bytes", "gflop_per_s", "gb_per_s", "roofline", "bound", "registers", "spills", "occupancy"];

    public static void Write(TextWriter writer, ProfileReport report)
    {
        writer.WriteLine(string.Join(',', Columns));
        foreach (var d in report.Dispatches)
        {
            var (row, compiler) = (d.Row, d.Row.Compiler);
            object?[] cells =
            [
                d.Index, d.Phase, d.Layer, d.Kernel, d.Key[d.Kernel.Length..].Trim('<', '>'), d.Detail, row.TimeMs.Median, row.TimeMs.Min, row.TimeMs.Max, row.Share, row.Flops, row.Bytes,
                row.GigaflopsPerSecond, row.GigabytesPerSecond, row.Roofline, row.MemoryBound ? "memory" : "arithmetic", compiler?.Registers, compiler?.Spills, compiler?.Occupancy,
            ];
            writer.WriteLine(string.Join(',', cells.Select(c => Quote(Text(c)))));
        }
    }

    // Fifteen digits: 0.2, not 0.19999999999999998.
    private static string Text(object? cell) => cell is double number ? number.ToString("G15", CultureInfo.InvariantCulture) : Convert.ToString(cell, CultureInfo.InvariantCulture) ?? "";

    private static string Quote(string cell) => cell.AsSpan().ContainsAny(",\"\r\n") ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
}
