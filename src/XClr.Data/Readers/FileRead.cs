using Microsoft.Win32.SafeHandles;

namespace XClr.Data.Readers;

/// <summary>Reading at any place of a file.</summary>
internal static class FileRead
{
    /// <summary>Opens a table whose rows are read again by their places.</summary>
    /// <exception cref="DataException">It is a pipe.</exception>
    public static SafeFileHandle OpenTable(string path)
    {
        var file = File.OpenHandle(path);
        try
        {
            // What has no places has no length either.
            _ = RandomAccess.GetLength(file);
            return file;
        }
        catch (NotSupportedException e)
        {
            file.Dispose();
            throw new DataException($"'{path}' is a pipe, which can be read only once, and a table is read several times: write it to a file first and name that.", e);
        }
    }

    /// <summary>Fills <paramref name="buffer"/> from an offset on, as often as the system gives less than was asked for; returns how many bytes were there.</summary>
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
