using System.Runtime.InteropServices;
using XClr.Train;

namespace XClr.Cli;

/// <summary>Ctrl-C, SIGTERM, SIGHUP (a terminal that goes; under nohup it means nothing), and on Linux SIGUSR1 and SIGUSR2 (job schedulers, some time before they end a job): the first asks the work to stop where it can, the second ends the process at once with <see cref="ExitCode.Interrupted"/>.</summary>
internal sealed partial class StopSignals : IDisposable
{
    // Of Linux; the runtime has no names for them.
    private const PosixSignal User1 = (PosixSignal)10, User2 = (PosixSignal)12;
    private static readonly TimeSpan CursorLimit = TimeSpan.FromMilliseconds(100);

    // Not disposed of: a signal may still be on its way to it, and it holds nothing of the system.
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Action<string> say;
    private readonly string what;
    private int signals;

    /// <param name="say">Tells the user, on standard error; called from a thread of its own.</param>
    /// <param name="what">What happens before the work ends.</param>
    public StopSignals(Action<string> say, string what = "the batch is finished, nothing is written")
    {
        (this.say, this.what) = (say, what);
        registrations = [.. Heeded().Select(s => PosixSignalRegistration.Create(s, Handle))];
    }

    /// <summary>Set by the first signal.</summary>
    public CancellationToken Token => source.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }
    }

    private static IEnumerable<PosixSignal> Heeded() =>
    [
        PosixSignal.SIGINT, PosixSignal.SIGTERM,
        .. IgnoresHangup() ? Array.Empty<PosixSignal>() : [PosixSignal.SIGHUP],
        .. OperatingSystem.IsLinux() ? new[] { User1, User2 } : [],
    ];

    // As nohup has it. SigIgn is a mask of signals in hexadecimal; SIGHUP is the first.
    private static bool IgnoresHangup() => OperatingSystem.IsLinux()
        && File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("SigIgn:", StringComparison.Ordinal)) is { } line && (Convert.ToUInt64(line[7..].Trim(), 16) & 1) != 0;

    // Never waits for the console: whoever holds it may themselves wait for a terminal that was paused, and then no second signal would help.
    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref signals) > 1)
        {
            EndAtOnce();
        }
        source.Cancel();
        // A thread of its own: those of the pool may all be at work.
        new Thread(() => say($"stopping: {what}; once more ends at once")) { IsBackground = true }.Start();
    }

    // Without the handlers of a normal exit: threads of the work and of the driver still run.
    private static void EndAtOnce()
    {
        if (!Console.IsErrorRedirected)
        {
            Task.Run(() => Console.Error.Write("\e[?25h\n")).Wait(CursorLimit); // A progress bar hides the cursor.
        }
        if (OperatingSystem.IsWindows())
        {
            Environment.Exit(ExitCode.Interrupted);
        }
        ExitNow(ExitCode.Interrupted);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitNow(int code);
}
