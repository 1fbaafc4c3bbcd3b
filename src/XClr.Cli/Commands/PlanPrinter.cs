using System.Globalization;
using XClr.Train;

namespace XClr.Cli.Commands;

/// <summary>Prints what `train --plan` found.</summary>
internal static class PlanPrinter
{
    private const double Mebi = 1 << 20;

    public static void Print(PlanReport report, bool json)
    {
        var layout = report.Layout;
        var categories = layout.BytesByCategory();
        if (json)
        {
            Output.Json(new
            {
                device = report.Device.Caps.Name,
                report.Rows,
                report.Fingerprint,
                dispatches = layout.Dispatches.Count,
                submits = layout.SegmentStarts.Count,
                barriers = layout.BarrierBefore.Count(b => b),
                layout.Flops,
                layout.TrafficBytes,
                memory = new { layout.TotalBytes, layout.PersistentBytes, layout.TransientPeakBytes, layout.TransientSumBytes, categories },
                report.Phases,
                kernels = report.Kernels.Select(k => new { k.Kernel, k.Dispatches, k.Flops, k.Bytes }),
            });
            return;
        }
        Costs("phase", report.Phases.Select(p => (p.Phase.ToString().ToLowerInvariant(), p.Dispatches, p.Flops, p.Bytes)));
        Costs("kernel", report.Kernels);
        var memory = Output.Table("memory at the peak", "MiB");
        foreach (var (category, bytes) in categories)
            memory.Row(category.ToString().ToLowerInvariant(), Number(bytes / Mebi));
        Output.Results.Write(memory);
        Output.WriteFacts(
        [
            ("device", report.Device.Caps.Name),
            ("step", string.Create(CultureInfo.InvariantCulture,
                $"{report.Rows} images, {layout.Dispatches.Count} dispatches, {layout.BarrierBefore.Count(b => b)} barriers, {layout.SegmentStarts.Count} submits, {layout.Flops / 1e9:0.0} GFLOP, {layout.TrafficBytes / Mebi:0} MiB of traffic")),
            ("memory", string.Create(CultureInfo.InvariantCulture,
                $"{layout.TotalBytes / Mebi:0.0} MiB: {layout.PersistentBytes / Mebi:0.0} persistent, {layout.TransientPeakBytes / Mebi:0.0} transient ({layout.TransientSumBytes / Mebi:0.0} without sharing)")),
            ("fingerprint", report.Fingerprint),
        ]);
    }

    private static void Costs(string what, IEnumerable<(string Name, int Dispatches, double Flops, long Bytes)> rows)
    {
        var table = Output.Table(what, "dispatches", "GFLOP", "MiB of traffic");
        foreach (var (name, dispatches, flops, bytes) in rows)
            table.Row(name, dispatches.ToString(CultureInfo.InvariantCulture), Number(flops / 1e9), Number(bytes / Mebi));
        Output.Results.Write(table);
    }

    private static string Number(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
