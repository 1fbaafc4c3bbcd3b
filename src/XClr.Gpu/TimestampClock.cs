namespace XClr.Gpu;

/// <summary>A queue's timestamps: a counter of <paramref name="ValidBits"/> bits that wraps, <paramref name="PeriodNs"/> nanoseconds per tick.</summary>
public readonly record struct TimestampClock(double PeriodNs, int ValidBits)
{
    /// <summary>False where the queue has no timestamps (timestampValidBits 0) or the driver gives no usable period.</summary>
    public bool IsSupported => ValidBits > 0 && PeriodNs > 0 && double.IsFinite(PeriodNs);

    /// <summary>Nanoseconds after which the counter begins anew.</summary>
    public double WrapNs => Math.Pow(2, ValidBits) * PeriodNs;

    /// <summary>Nanoseconds from one timestamp to another, negative where the other is earlier; right where they are less than half of <see cref="WrapNs"/> apart.</summary>
    public double Difference(ulong from, ulong to) => Ticks(from, to) * PeriodNs;

    /// <summary>
    /// Nanoseconds of each timestamp after the first, whatever number of times the counter wrapped; right where neighbours are less than half of <see cref="WrapNs"/> apart.
    /// </summary>
    public double[] Unroll(ReadOnlySpan<ulong> timestamps)
    {
        var unrolled = new double[timestamps.Length];
        long ticks = 0;
        for (var i = 1; i < timestamps.Length; i++)
        {
            ticks += Ticks(timestamps[i - 1], timestamps[i]);
            unrolled[i] = ticks * PeriodNs;
        }
        return unrolled;
    }

    // Bits above the valid ones are undefined: shifted out, the sign comes right too.
    private long Ticks(ulong from, ulong to)
    {
        var unused = 64 - ValidBits;
        return (long)(to - from << unused) >> unused;
    }
}
