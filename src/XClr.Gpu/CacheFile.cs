namespace XClr.Gpu;

/// <summary>Files that make later starts faster. Replaced by rename: a reader finds the old file or the new one.</summary>
public static class CacheFile
{
    /// <summary>Writes the file, its folder too where that is missing.</summary>
    /// <exception cref="IOException">The folder cannot be made or written; so may <see cref="UnauthorizedAccessException"/>. The old file is as it was.</exception>
    public static void Replace(string file, ReadOnlySpan<byte> content)
    {
        var temporary = $"{file}.{Environment.ProcessId}.tmp";
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        try
        {
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, file, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>The same where a file that cannot be kept costs time at the next start, nothing else: false then.</summary>
    public static bool TryReplace(string file, ReadOnlySpan<byte> content)
    {
        try
        {
            Replace(file, content);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
