using System.Globalization;
using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.Train;

namespace XClr.Cli.Commands;

/// <summary>`bench gemm|conv|loss`: ops of a training step one by one, against the device's roof.</summary>
internal static class OpBenchTables
{
    private const int LargestLossOnCpu = 8192, LargestLoss = 65536;

    /// <summary>What to time.</summary>
    /// <param name="Target">gemm, conv or loss.</param>
    /// <param name="ImageSize">Side of the images of conv, pixels.</param>
    /// <param name="Rows">Images of conv.</param>
    /// <param name="Precision">Storage of activations and weights.</param>
    /// <param name="Repeats">Timed runs of each.</param>
    internal sealed record Request(string Target, int ImageSize, int Rows, Precision Precision, int Repeats);

    private sealed record Line(OpTiming Timing, int Count);

    /// <summary>Measures and prints.</summary>
    public static int Run(GpuDevice device, DevicePeaks peaks, Request request, bool json)
    {
        var caps = device.Caps;
        List<Line> lines = [.. Cases(caps, request).Select(c => new Line(OpBench.Measure(device, c.Op, peaks, request.Repeats), c.Count))];
        (int Rows, long Bytes)[] memory = request.Target == "loss" ? [.. LossRows(LargestLoss).Select(rows => (rows, OpBench.TransientBytes(caps, NetworkCases.Loss(rows))))] : [];
        if (json)
        {
            Output.Json(new
            {
                target = request.Target, device = caps.FullName, peaks, repeats = request.Repeats, precision = request.Precision.LowerName(),
                ops = lines.Select(l => new
                {
                    l.Timing.Name, l.Count, ms = new { median = l.Timing.MedianMs, min = l.Timing.Milliseconds[0], max = l.Timing.Milliseconds[^1] }, l.Timing.Flops, l.Timing.Bytes,
                    l.Timing.GigaflopsPerSecond, l.Timing.GigabytesPerSecond, l.Timing.OfRoof, l.Timing.Kernels,
                }),
                memory = memory.Select(m => new { m.Rows, m.Bytes }),
            });
            return ExitCode.Success;
        }
        Print(lines, memory);
        Output.WriteFacts([("device", caps.FullName), ("roof", string.Create(CultureInfo.InvariantCulture, $"{peaks.GigabytesPerSecond:0.0} GB/s, {peaks.GigaflopsPerSecond:0} GFLOP/s{(peaks.MatrixGigaflopsPerSecond is { } m2 ? $", matrices {m2:0}" : "")}"))]);
        return ExitCode.Success;
    }

    private static IEnumerable<(OpCase Op, int Count)> Cases(DeviceCaps caps, Request request) => request.Target switch
    {
        "gemm" => (caps.Kind == GpuKind.Cpu ? [512, 1024] : new[] { 512, 1024, 2048, 4096 }).Select(n => (NetworkCases.Gemm(n, request.Precision.Storage(caps)), 1)),
        "conv" => Enum.GetValues<ConvPass>().SelectMany(pass => NetworkCases.ResNet50(caps, pass, request.ImageSize, request.Rows, request.Precision.Storage(caps))),
        _ => LossRows(caps.Kind == GpuKind.Cpu ? LargestLossOnCpu : LargestLoss).Select(rows => (NetworkCases.Loss(rows), 1)),
    };

    private static IEnumerable<int> LossRows(int largest)
    {
        for (var rows = 512; rows <= largest; rows *= 2)
        {
            yield return rows;
        }
    }

    private static void Print(List<Line> lines, (int Rows, long Bytes)[] memory)
    {
        static string Number(double value, string format = "0.00") => value.ToString(format, CultureInfo.InvariantCulture);
        var table = Output.Table("op", "a step has", "ms", "shortest", "GFLOP/s", "GB/s", "of roof", "kernels");
        foreach (var (timing, count) in lines)
        {
            table.Row(timing.Name, $"{count}", Number(timing.MedianMs), Number(timing.Milliseconds[0]), Number(timing.GigaflopsPerSecond, "0.0"), Number(timing.GigabytesPerSecond), $"{Number(100 * timing.OfRoof, "0")} %", string.Join(", ", timing.Kernels.Select(k => k[(k.IndexOf('/') + 1)..])));
        }
        if (lines.Sum(l => l.Count) > lines.Count)
        {
            var (ms, flops) = (lines.Sum(l => l.Count * l.Timing.MedianMs), lines.Sum(l => l.Count * l.Timing.Flops));
            table.Row("all of a step", $"{lines.Sum(l => l.Count)}", Number(ms), Number(lines.Sum(l => l.Count * l.Timing.Milliseconds[0])), Number(flops / ms * 1e-6, "0.0"), "", $"{Number(100 * lines.Sum(l => l.Count * l.Timing.LeastMs) / ms, "0")} %", "");
        }
        Output.Results.Write(table);
        if (memory.Length == 0)
        {
            return;
        }
        var plan = Output.Table("rows of the loss", "transient memory, MiB (planned)");
        foreach (var (rows, bytes) in memory)
        {
            plan.Row($"{rows}", Number(bytes / 1048576.0, "0.0"));
        }
        Output.Results.Write(plan);
    }
}
