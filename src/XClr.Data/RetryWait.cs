namespace XClr.Data;

/// <summary>How long to wait before a request is made again.</summary>
internal static class RetryWait
{
    // The longest that a server's Retry-After holds anything up.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    /// <summary>The back-off, or what the server asked for where that is longer; null: it did not say.</summary>
    public static TimeSpan Of(TimeSpan backOff, TimeSpan? asked) =>
        TimeSpan.FromTicks(Math.Max(backOff.Ticks, Math.Min(Longest.Ticks, asked?.Ticks ?? 0)));

    /// <summary>How long the server asks to be left alone, given as seconds or as a date; null: it does not say.</summary>
    public static TimeSpan? Asked(HttpResponseMessage response) =>
        response.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - DateTimeOffset.UtcNow : null;
}
