using XClr.Train;

namespace XClr.Plugin;

/// <summary>xclr_status of native/include/xclr.h: the command line's exit codes, and two of its own.</summary>
internal static class Status
{
    public const int Ok = 0;
    public const int Handle = 20;
    public const int Busy = 21;

    /// <summary>The status of a failure.</summary>
    public static int Of(Exception failure) => failure switch
    {
        HandleException => Handle,
        BusyException => Busy,
        _ => ExitCode.Of(failure),
    };
}

/// <summary>A handle that names nothing (any more), or something of another kind.</summary>
internal sealed class HandleException(string message) : Exception(message);

/// <summary>Another thread is in a call on the same context.</summary>
internal sealed class BusyException() : Exception("Another thread is in a call on this context; one thread at a time may be.");
