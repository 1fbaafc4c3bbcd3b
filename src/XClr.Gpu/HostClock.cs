using System.Diagnostics;

namespace XClr.Gpu;

/// <summary>The host's clock of profiles: nanoseconds of the system's monotonic clock, which is the one that drivers compare their own with.</summary>
public static class HostClock
{
    public static long NowNs => ToNs(Stopwatch.GetTimestamp());

    /// <summary>Nanoseconds of a <see cref="Stopwatch"/> timestamp.</summary>
    public static long ToNs(long stopwatchTimestamp) => (long)(stopwatchTimestamp * (1e9 / Stopwatch.Frequency));
}
