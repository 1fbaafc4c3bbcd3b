using System.Runtime.InteropServices;

namespace XClr.Cli;

/// <summary>Ctrl-C and SIGTERM: the first asks the work to stop at the end of its step, the second ends the process at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Action<string> say;

    /// <param name="say">Tells the user, on standard error.</param>
    public StopSignals(Action<string> say)
    {
        this.say = say;
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
        say("stopping: the step is finished and saved; once more ends at once");
        source.Cancel();
    }
}
