namespace XClr.Data;

/// <summary>Files that are there whole or as they were.</summary>
internal static class WholeFile
{
    /// <summary>Writes a file under another name, flushes it to the disk and renames it. The file that was there may be read meanwhile.</summary>
    /// <exception cref="IOException">The disk is full, or the file larger than one may be.</exception>
    public static void Replace(string path, Action<FileStream> write)
    {
        var temporary = path + ".tmp";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e)
        {
            File.Delete(temporary);
            if (e is ArgumentOutOfRangeException)
            {
                // What .NET makes of EFBIG.
                throw new IOException($"{path}: is larger than a file may be here (file system, quota or ulimit -f).", e);
            }
            throw;
        }
    }
}
