using Microsoft.Win32.SafeHandles;

namespace XClr.Data.Readers;

/// <summary>Reading at any place of a file.</summary>
internal static class FileRead
{
    private static readonly byte[] Utf16 = [0xFF, 0xFE], Utf16BigEndian = [0xFE, 0xFF];

    /// <summary>Opens a table whose rows are read again by their places.</summary>
    /// <exception cref="DataException">It is a pipe, or in UTF-16.</exception>
    public static SafeFileHandle OpenTable(string path)
    {
        var file = File.OpenHandle(path);
        try
        {
            if (Length(file) is null)
            {
                throw new DataException($"'{path}' is a pipe, which can be read only once, and a table is read several times: write it to a file first and name that.");
            }
            var mark = new byte[2];
            return Fill(file, mark, 0) < mark.Length || !(mark.AsSpan().SequenceEqual(Utf16) || mark.AsSpan().SequenceEqual(Utf16BigEndian))
                ? file
                : throw new DataException($"'{path}' is in UTF-16, as spreadsheets write \"Unicode text\"; tables are read in UTF-8: save it as \"CSV UTF-8\", or write it anew: iconv -f UTF-16 -t UTF-8.");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of a file; null for a device or a pipe, which has neither a length nor places to read at.</summary>
    public static long? Length(SafeFileHandle file)
    {
        try
        {
            return RandomAccess.GetLength(file);
        }
        catch (NotSupportedException)
        {
            return null;
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
