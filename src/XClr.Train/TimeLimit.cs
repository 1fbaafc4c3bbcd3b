using System.Diagnostics;

namespace XClr.Train;

/// <summary>
/// --max-time as a token, which the user's stop sets too. It is counted while a run opens its data and trains, not while the device is prepared in between: however short it is, a run that goes on
/// gets on.
/// </summary>
internal sealed class TimeLimit : IDisposable
{
    // The longest that a timer takes; a longer limit is over then.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(49);

    private readonly TimeSpan? limit;
    private readonly CancellationToken stop;
    private readonly CancellationTokenSource source;
    private readonly Stopwatch clock = new();

    /// <summary>Begins to count. limit: null = none.</summary>
    public TimeLimit(TimeSpan? limit, CancellationToken stop)
    {
        (this.limit, this.stop) = (limit, stop);
        source = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Continue();
    }

    /// <summary>Set when the time is over, or the user's stop is.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Whether the time, and not the user, has set the token.</summary>
    public bool IsOver => source.IsCancellationRequested && !stop.IsCancellationRequested;

    /// <summary>Stops counting.</summary>
    public void Pause()
    {
        clock.Stop();
        source.CancelAfter(Timeout.InfiniteTimeSpan);
    }

    /// <summary>Counts on.</summary>
    public void Continue()
    {
        clock.Start();
        if (limit is { } time)
        {
            source.CancelAfter(TimeSpan.FromTicks(Math.Clamp((time - clock.Elapsed).Ticks, 0, LongestWait.Ticks)));
        }
    }

    public void Dispose() => source.Dispose();
}
