namespace XClr.Data.Packing;

/// <summary>Bounds on what is fetched from the web.</summary>
public sealed record FetchOptions
{
    /// <summary>Requests at a time.</summary>
    public int Connections { get; init; } = 32;

    /// <summary>For one attempt: connecting, redirects and the whole body.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Largest body in bytes.</summary>
    public long MaxBytes { get; init; } = 50L << 20;

    /// <summary>Attempts after the first one, where the failure may pass: no connection, time-out, a body cut short, status 408, 429 and 5xx.</summary>
    public int Retries { get; init; } = 2;

    /// <summary>Wait before the first retry; it doubles each time, and up to half of it is added by chance.</summary>
    public TimeSpan BackOff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Redirects that one attempt follows.</summary>
    public int MaxRedirects { get; init; } = 5;
}

/// <summary>An image that could not be fetched. <see cref="Cause"/> is what is counted, the message says more.</summary>
public sealed class FetchException(string cause, string message, bool mayPass = false)
    : Exception(message)
{
    /// <summary>bad-address, unreachable, timeout, http-status, redirects, content-type, too-large or cut-short.</summary>
    public string Cause { get; } = cause;

    /// <summary>Causes that a network outage has: later the same addresses may well be there.</summary>
    public static IReadOnlyList<string> Outage { get; } = ["unreachable", "timeout"];

    /// <summary>Whether another attempt may do better.</summary>
    internal bool MayPass { get; } = mayPass;

    /// <summary>How long the server asks to be left alone; null: it does not say.</summary>
    internal TimeSpan? RetryAfter { get; init; }
}
