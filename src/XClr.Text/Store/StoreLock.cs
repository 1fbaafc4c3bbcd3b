using System.Diagnostics;

namespace XClr.Text;

/// <summary>The right to write a store: a file beside it that one process, and in it one instance, holds open. The system lets go of
/// it when its holder dies.</summary>
internal sealed class StoreLock : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly FileStream file;

    private StoreLock(FileStream file) => this.file = file;

    /// <summary>Waits for the lock.</summary>
    /// <exception cref="IOException">Another writer kept it for two minutes, or the folder cannot be written.</exception>
    public static StoreLock Acquire(string store)
    {
        var path = store + ".lock";
        var waited = Stopwatch.StartNew();
        for (var wait = 1; ; wait = Math.Min(wait * 2, 50))
        {
            try
            {
                return new StoreLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException e) when (IsHeld(e))
            {
                if (waited.Elapsed > Patience)
                {
                    throw new IOException($"{path} has been held by another writer for {Patience.TotalMinutes} minutes. End that process, or use another cache folder (XCLR_CACHE).", e);
                }
                Thread.Sleep(wait);
            }
        }
    }

    public void Dispose() => file.Dispose();

    // EWOULDBLOCK of Linux and of macOS, and Windows' sharing violation: the file is there and someone has it.
    private static bool IsHeld(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020);
}
