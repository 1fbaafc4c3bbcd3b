using System.Globalization;
using Spectre.Console;
using XClr.Train;
using XClr.Train.Profiling;

namespace XClr.Cli.Profiling;

/// <summary>A profile on the console.</summary>
internal static class ProfilePrinter
{
    private const double Mega = 1e6, Giga = 1e9, Mebi = 1 << 20;
    private const int BarWidth = 40;

    /// <summary>The tables that one can ask for.</summary>
    public static IReadOnlyList<string> Views { get; } = ["kernel", "layer", "dispatch", "memory"];

    public static void Print(ProfileReport report, string view)
    {
        Rows("phase", report.Phases, report);
        if (view == "memory")
        {
            PrintMemory(report);
        }
        else
        {
            Rows(view, view switch { "layer" => report.Layers, "dispatch" => [.. report.Dispatches.Select(d => d.Row)], _ => report.Kernels }, report);
        }
        if (report.Isolated.Count > 0)
        {
            PrintIsolated(report);
        }
        if (report.Comparison is { } comparison)
        {
            PrintComparison(comparison);
        }
        Output.WriteFacts(Facts(report));
    }

    private static void Rows(string what, IReadOnlyList<ProfileRow> rows, ProfileReport report)
    {
        var compiler = rows.Any(r => r.Compiler is not null);
        var table = Output.Table([what, "ms", "min", "max", "wall", "share", "calls", "GFLOP", "MB", "GFLOP/s", "GB/s", "of roof", "bound by", .. compiler ? ["registers", "spills", "occupancy"] : (string[])[]]);
        foreach (var r in rows)
        {
            string[] figures = compiler ? [Whole(r.Compiler?.Registers), Whole(r.Compiler?.Spills), Whole(r.Compiler?.Occupancy)] : [];
            table.Row([r.Name, Ms(r.TimeMs.Median), Ms(r.TimeMs.Min), Ms(r.TimeMs.Max), Ms(r.WallMs), Percent(r.Share), Whole(r.Calls), Number(r.Flops / Giga), Number(r.Bytes / Mega), Number(r.GigaflopsPerSecond),
                Number(r.GigabytesPerSecond), Percent(r.Roofline), r.MemoryBound ? "memory" : "arithmetic", .. figures]);
        }
        if (what == "phase")
        {
            table.Row(["all", Ms(report.Totals.SumMs.Median), Ms(report.Totals.SumMs.Min), Ms(report.Totals.SumMs.Max), Ms(report.Totals.BusyMs.Median)]);
        }
        Output.Results.Write(table);
    }

    private static void PrintIsolated(ProfileReport report)
    {
        var table = Output.Table("alone, between barriers", "shapes", "calls", "median ms", "min", "max", "in the run", "GFLOP/s", "GB/s", "of roof");
        foreach (var r in report.Isolated)
        {
            table.Row(r.Key, r.Detail, Whole(r.Calls), Ms(r.TimeMs.Median), Ms(r.TimeMs.Min), Ms(r.TimeMs.Max), Ms(r.InRunMs), Number(r.GigaflopsPerSecond), Number(r.GigabytesPerSecond), Percent(r.Roofline));
        }
        Output.Results.Write(table);
    }

    // The dispatches in stretches of one phase and one part of the network: layer1.0, projector.
    private static void PrintMemory(ProfileReport report)
    {
        var memory = report.Memory;
        var table = Output.Table("memory over the run", "dispatches", "most alive, MiB", "");
        var stretches = report.Dispatches.GroupAdjacent(d => (d.Phase, Part: string.Join('.', d.Layer.Split('.').Take(2))));
        foreach (var (key, dispatches) in stretches)
        {
            var live = dispatches.Max(d => memory.LiveBytes[d.Index]);
            table.Row($"{key.Phase} {key.Part}".TrimEnd(), Whole(dispatches.Count), Number(live / Mebi), new string('#', (int)Math.Round(BarWidth * (double)live / Math.Max(1, memory.ArenaBytes))));
        }
        Output.Results.Write(table);
        var largest = Output.Table("largest at the peak", "MiB", "from", "to");
        foreach (var b in memory.LargestAtPeak)
        {
            largest.Row(b.Name, Number(b.Bytes / Mebi), b.First, b.Last);
        }
        Output.Results.Write(largest);
    }

    private static void PrintComparison(ProfileComparison comparison)
    {
        var table = Output.Table("against the baseline", "", "before ms", "now ms", "change", "verdict");
        foreach (var r in comparison.Rows.Where(r => r.What != "kernel" || r.Verdict != Verdict.Same))
        {
            table.Row(r.What, r.Name, Ms(r.BeforeMs), Ms(r.AfterMs), r.Verdict is Verdict.New or Verdict.Gone ? "" : $"{Signed(r.Percent)} %", r.Verdict.LowerName());
        }
        Output.Results.Write(table);
    }

    private static IEnumerable<(string Name, string Value)> Facts(ProfileReport r)
    {
        var (t, p) = (r.Totals, r.Peaks);
        yield return ("device", $"{r.Device}, {r.Driver}");
        yield return ("profiled", $"{r.Subject.Mode} {r.Subject.Arch}, {r.Subject.ImageSize} pixels, {r.Subject.Rows} rows, {r.Subject.Precision}, {(r.Subject.Data.Length > 0 ? r.Subject.Data : "noise")}, medians of {r.Steps}");
        yield return ("GPU time", $"{Ms(t.GpuMs.Median)} ms ({Ms(t.GpuMs.Min)} to {Ms(t.GpuMs.Max)}): busy {Ms(t.BusyMs.Median)}, gaps {Ms(t.GapMs.Median)}; sum of the dispatches {Ms(t.SumMs.Median)}");
        if (r.Gaps.Count > 0)
        {
            yield return ("longest gaps", string.Join("; ", r.Gaps.Select(g => $"{Ms(g.Ms)} ms before {g.Before}")));
        }
        yield return ("wall clock", $"{Ms(t.WallMs.Median)} ms, {Number(t.ImagesPerSecond)} images/s: host {Ms(t.HostMs.Median)} ms (upload, submit), waiting for data {Ms(t.LoaderWaitMs.Median)} ms");
        yield return ("roof", $"{Number(p.GigabytesPerSecond)} GB/s (copy), {Number(p.GigaflopsPerSecond)} GFLOP/s (fp32 multiply-add){(p.MatrixGigaflopsPerSecond is { } m ? $", {Number(m)} GFLOP/s (matrices)" : "")}, measured {p.Measured:yyyy-MM-dd}");
        yield return ("timestamps cost", $"{Signed(r.TimestampCost.Percent)} %: {Ms(r.TimestampCost.OnMs.Median)} ms with, {Ms(r.TimestampCost.OffMs.Median)} ({Ms(r.TimestampCost.OffMs.Min)} to {Ms(r.TimestampCost.OffMs.Max)}) without");
        yield return ("clock", $"{(r.Clock.Calibrated ? "calibrated timestamps" : "a measured offset")}, within {Number(r.Clock.DeviationNs / 1e3)} us; {Number(r.Clock.PeriodNs)} ns a tick, {r.Clock.ValidBits} bits");
        yield return ("memory", $"{Number((r.Memory.PersistentBytes + r.Memory.ArenaBytes) / Mebi)} MiB: {Number(r.Memory.PersistentBytes / Mebi)} stay, {Number(r.Memory.ArenaBytes / Mebi)} within a run");
        if (r.Comparison is { } c)
        {
            yield return ("baseline", $"{c.Baseline}: {(c.IsSlower ? "something is slower" : "nothing is slower")}");
        }
    }

    private static IEnumerable<(TKey Key, List<T> Items)> GroupAdjacent<T, TKey>(this IEnumerable<T> items, Func<T, TKey> key)
    {
        var (current, group) = (default(TKey), new List<T>());
        foreach (var item in items)
        {
            if (group.Count > 0 && !EqualityComparer<TKey>.Default.Equals(key(item), current))
            {
                yield return (current!, group);
                group = [];
            }
            current = key(item);
            group.Add(item);
        }
        if (group.Count > 0)
        {
            yield return (current!, group);
        }
    }

    private static string Ms(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("0.0##", CultureInfo.InvariantCulture);

    private static string Signed(double value) => value.ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture);

    private static string Percent(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static string Whole(int? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "";
}
