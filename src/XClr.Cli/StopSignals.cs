using System.Runtime.InteropServices;

namespace XClr.Cli;

/// <summary>Ctrl-C and SIGTERM: the first asks the work to stop where it can, the second ends the process at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Action<string> say;
    private readonly string what;

    /// <param name="say">Tells the user, on standard error; called from the signal's thread.</param>
    /// <param name="what">What happens before the work ends.</param>
    public StopSignals(Action<string> say, string what = "the batch is finished, nothing is written")
    {
        (this.say, this.what) = (say, what);
        registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];
    }

    /// <summary>Set by the first signal.</summary>
    public CancellationToken Token => source.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        if (source.IsCancellationRequested)
            return; // Not cancelled: the system's own handling ends the process.
        context.Cancel = true;
        say($"stopping: {what}; once more ends at once");
        source.Cancel();
    }
}
