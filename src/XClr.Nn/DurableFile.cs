using System.ComponentModel;
using System.Runtime.InteropServices;

namespace XClr.Nn;

/// <summary>Writes that survive a crash or a power cut: a reader finds the old content or the new one, never a part.</summary>
public static partial class DurableFile
{
    /// <summary>What unfinished files and folders end with.</summary>
    public const string TemporarySuffix = ".tmp";

    /// <summary>Writes <paramref name="path"/> as path.tmp, syncs it, renames it and syncs the folder.</summary>
    /// <exception cref="IOException">The disk is full or not writable; the old file is intact and path.tmp is gone.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var target = Path.GetFullPath(path);
        var temporary = target + TemporarySuffix;
        try
        {
            WriteSynced(temporary, write);
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            DeleteQuietly(temporary);
            throw;
        }
        SyncFolder(Path.GetDirectoryName(target)!);
    }

    /// <summary>Writes <paramref name="path"/> in place and syncs it: for files inside a folder that is renamed as a whole.</summary>
    /// <exception cref="IOException">The disk is full or not writable, or a limit of file sizes is reached; a part of the file may be left.</exception>
    public static void WriteSynced(string path, Action<Stream> write)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
            write(stream);
            stream.Flush(flushToDisk: true);
        }
        catch (ArgumentOutOfRangeException e)
        {
            // What .NET makes of EFBIG.
            throw new IOException($"{path}: is larger than a file may be here (file system, quota or ulimit -f).", e);
        }
    }

    /// <summary>Makes renames and new names inside <paramref name="folder"/> durable.</summary>
    /// <exception cref="IOException">The folder cannot be opened, or the disk failed.</exception>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return; // NTFS journals names itself, and Windows opens no folder for flushing.
        }
        var descriptor = OpenFile(folder, flags: 0);
        if (descriptor < 0)
        {
            throw Failure("opened", folder);
        }
        try
        {
            // Some network and overlay file systems cannot sync a folder and say EINVAL: nothing more can be done there.
            if (SyncFile(descriptor) != 0 && Marshal.GetLastPInvokeError() != InvalidArgument)
            {
                throw Failure("synced", folder);
            }
        }
        finally
        {
            _ = CloseFile(descriptor);
        }
    }

    private const int InvalidArgument = 22;

    private static IOException Failure(string what, string folder)
    {
        var cause = new Win32Exception(Marshal.GetLastPInvokeError());
        return new IOException($"{folder}: the folder could not be {what}: {cause.Message}", cause);
    }

    private static void DeleteQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is what the caller must hear of; a left-over .tmp is ignored by every reader.
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncFile(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseFile(int descriptor);
}
