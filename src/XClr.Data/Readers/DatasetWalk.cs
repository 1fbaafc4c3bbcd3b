namespace XClr.Data.Readers;

/// <summary>
/// A walk through a data set's files that may take long, to count or to list them: it tells every few seconds how far it is, also while it waits for a server, and ends where that is asked for.
/// </summary>
internal sealed class DatasetWalk : IDisposable
{
    private readonly CancellationToken stop;
    private readonly Timer? timer;

    /// <param name="options">Who is told, how often, and what ends the walk.</param>
    /// <param name="line">How far it is, in a line; asked by another thread than the walk's.</param>
    public DatasetWalk(DatasetOptions options, Func<string> line)
    {
        stop = options.Stop;
        timer = options.Note is { } note ? new Timer(_ => note(line()), null, options.NoteEvery, options.NoteEvery) : null;
    }

    /// <summary>Goes on.</summary>
    /// <exception cref="OperationCanceledException">The walk is to end.</exception>
    public void Step() => stop.ThrowIfCancellationRequested();

    /// <summary>Ends the telling.</summary>
    public void Dispose() => timer?.Dispose();
}
