using Microsoft.Win32.SafeHandles;

namespace XClr.Data.Readers;

/// <summary>Reading at a place of a file, as often as the system gives less than was asked for.</summary>
internal static class FileRead
{
    /// <summary>Fills <paramref name="buffer"/> from an offset on; returns how many bytes were there.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static int Fill(SafeFileHandle file, Span<byte> buffer, long offset)
    {
        var done = 0;
        while (done < buffer.Length && RandomAccess.Read(file, buffer[done..], offset + done) is > 0 and var count)
        {
            done += count;
        }
        return done;
    }
}
