using System.Globalization;
using XClr.Train;

namespace XClr.Cli.Commands;

/// <summary>Prints what `train --plan` found.</summary>
internal static class PlanPrinter
{
    private const double Mebi = 1 << 20;

    /// <summary>The plan as --json writes it.</summary>
    public static object Facts(PlanReport report) => new
    {
        device = report.Caps.Name,
        driver = $"{report.Caps.DriverName} {report.Caps.DriverInfo}".Trim(),
        report.Rows,
        report.MicroBatch,
        report.Fingerprint,
        report.Tuning,
        dispatches = report.Layout.Dispatches.Count,
        submits = report.Layout.SubmitOrder.Count,
        barriers = report.Layout.BarrierBefore.Count(b => b),
        report.Layout.Flops,
        report.Layout.TrafficBytes,
        report.BytesPerImage,
        PlanReport.ModelBytesPerImage,
        memory = new
        {
            report.Layout.TotalBytes,
            report.Layout.PersistentBytes,
            report.Layout.TransientPeakBytes,
            report.Layout.TransientSumBytes,
            categories = report.Layout.BytesByCategory(),
        },
        phases = report.Phases.Select(p => new { p.Phase, p.Dispatches, p.Flops, p.Bytes, bytesPerImage = (double)p.Bytes / report.Rows }),
        kernels = report.Kernels.Select(k => new { k.Kernel, k.Dispatches, k.Flops, k.Bytes }),
    };

    /// <summary>A built plan as --json writes it.</summary>
    public static object Facts(PlanBuild build) => new
    {
        plan = Facts(build.Plan),
        build.BuildSeconds,
        build.FirstStepMs,
        build.HostMs,
        kernels = build.Kernels.Select(k => new
        {
            k.Key,
            k.Dispatches,
            k.Statistics?.SubgroupSize,
            k.Statistics?.Registers,
            k.Statistics?.Spills,
            k.Statistics?.Occupancy,
            k.Statistics?.SharedBytes,
            k.Statistics?.Cycles,
            figures = k.Statistics?.Figures.Select(f => new { f.Name, f.Value }),
        }),
        passedOver = build.PassedOver.Select(f => new { f.Key, f.Spills, f.Occupancy }),
    };

    public static void Print(PlanBuild build)
    {
        Print(build.Plan);
        var table = Output.Table(["kernel", "dispatches", .. CompilerFigures.Columns]);
        foreach (var kernel in build.Kernels)
        {
            table.Row([kernel.Key, kernel.Dispatches.ToString(CultureInfo.InvariantCulture), .. CompilerFigures.Cells(kernel.Statistics)]);
        }
        Output.Results.Write(table);
        Output.WriteFacts(
        [
            ("built in", string.Create(CultureInfo.InvariantCulture, $"{build.BuildSeconds:0.00} s; first step {build.FirstStepMs:0.0} ms; a submit costs the host {build.HostMs:0.000} ms (median)")),
            ("passed over", build.PassedOver.Count == 0 ? "nothing" : string.Join(", ", build.PassedOver.Select(f => $"{f.Key} (spills {f.Spills}, occupancy {f.Occupancy})"))),
        ]);
    }

    public static void Print(PlanReport report)
    {
        if (report.Tuning.Problem is { } problem)
        {
            Output.Warn(problem + ".");
        }
        var layout = report.Layout;
        var categories = layout.BytesByCategory();
        Costs("phase", report.Phases.Select(p => (p.Phase.LowerName(), p.Dispatches, p.Flops, p.Bytes)), report.Rows);
        Costs("kernel", report.Kernels, report.Rows);
        var memory = Output.Table("memory at the peak", "MiB");
        foreach (var (category, bytes) in categories)
        {
            memory.Row(category.LowerName(), Number(bytes / Mebi));
        }
        Output.Results.Write(memory);
        Output.WriteFacts(
        [
            ("device", report.Caps.Name),
            ("step", string.Create(CultureInfo.InvariantCulture,
                $"{report.Rows} images, {layout.Dispatches.Count} dispatches, {layout.BarrierBefore.Count(b => b)} barriers, {layout.SubmitOrder.Count} submits, {layout.Flops / 1e9:0.0} GFLOP, {layout.TrafficBytes / Mebi:0} MiB of traffic")),
            ("micro-batch", string.Create(CultureInfo.InvariantCulture, $"{report.MicroBatch} samples of {report.Rows / 2}")),
            ("traffic", string.Create(CultureInfo.InvariantCulture,
                $"{report.BytesPerImage / 1e6:0.0} MB per image; ResNet-50 at 224x224, fp16, all fused, by the cost model: {PlanReport.ModelBytesPerImage / 1e6:0}")),
            ("memory", string.Create(CultureInfo.InvariantCulture,
                $"{layout.TotalBytes / Mebi:0.0} MiB: {layout.PersistentBytes / Mebi:0.0} persistent, {layout.TransientPeakBytes / Mebi:0.0} transient ({layout.TransientSumBytes / Mebi:0.0} without sharing)")),
            ("choices", report.Tuning.ToString()),
            ("fingerprint", report.Fingerprint),
        ]);
    }

    private static void Costs(string what, IEnumerable<(string Name, int Dispatches, double Flops, long Bytes)> rows, int images)
    {
        var table = Output.Table(what, "dispatches", "GFLOP", "MiB of traffic", "MB per image");
        foreach (var (name, dispatches, flops, bytes) in rows)
        {
            table.Row(name, dispatches.ToString(CultureInfo.InvariantCulture), Number(flops / 1e9), Number(bytes / Mebi), Number(bytes / 1e6 / images));
        }
        Output.Results.Write(table);
    }

    private static string Number(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
