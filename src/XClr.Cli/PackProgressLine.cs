using System.Diagnostics;
using System.Globalization;
using XClr.Data.Packing;
using XClr.Train;

namespace XClr.Cli;

/// <summary>A line on standard error every few seconds: rows, rate, failures, time left.</summary>
internal sealed class PackProgressLine
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private readonly Stopwatch time = Stopwatch.StartNew();
    private TimeSpan next = Every;

    /// <summary>Tells how far packing is, where it is time. Not for two threads at once.</summary>
    public void Report(PackProgress progress)
    {
        if (time.Elapsed < next)
            return;
        next = time.Elapsed + Every;
        var rate = progress.Fresh / time.Elapsed.TotalSeconds;
        var eta = progress.Total is { } total && rate > 0 ? $"  eta {OptionText.FormatDuration(TimeSpan.FromSeconds((total - progress.Rows) / rate))}" : "";
        var of = progress.Total is { } all ? $"/{all}" : "";
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{progress.Rows}{of} rows  {rate:0.0} rows/s  {progress.Failed} failed{eta}"));
    }
}
