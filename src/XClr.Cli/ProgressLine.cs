using System.Diagnostics;
using System.Globalization;
using XClr.Data.Packing;
using XClr.Train;

namespace XClr.Cli;

/// <summary>A line on standard error every few seconds: how many of how many, rate, time left.</summary>
/// <param name="unit">What is counted, such as rows.</param>
internal sealed class ProgressLine(string unit)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private readonly Stopwatch time = Stopwatch.StartNew();
    private TimeSpan next = Every;

    /// <summary>Tells how far packing is, where it is time. Not for two threads at once.</summary>
    public void Report(PackProgress progress) => Report(progress.Rows, progress.Total, progress.Fresh, $"  {progress.Failed} failed");

    /// <summary>Tells, where it is time. The rate is that of <paramref name="fresh"/>: what was done in this run.</summary>
    public void Report(long done, long? total, long fresh, string more = "")
    {
        if (time.Elapsed < next)
        {
            return;
        }
        next = time.Elapsed + Every;
        var rate = fresh / time.Elapsed.TotalSeconds;
        var eta = total is { } all && rate > 0 ? $"  eta {OptionText.FormatDuration(TimeSpan.FromSeconds((all - done) / rate))}" : "";
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done}{(total is { } n ? $"/{n}" : "")} {unit}  {rate:0.0} {unit}/s{more}{eta}"));
    }
}
