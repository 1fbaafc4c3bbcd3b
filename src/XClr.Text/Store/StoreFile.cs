using Microsoft.Win32.SafeHandles;

namespace XClr.Text;

/// <summary>A store's file as such: made whole or not at all, opened, mapped.</summary>
internal static class StoreFile
{
    /// <summary>Makes an empty store under its final name in one step; does nothing where another process was faster.</summary>
    public static void Create(string path, StoreFormat format)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var held = StoreLock.Acquire(path);
            if (File.Exists(path))
            {
                return;
            }
            using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite))
            {
                Write(file, format.WriteHeader(), 0);
                var table = new StoreTable(StoreTable.BitsFor(0));
                table.Write(file, StoreFormat.HeaderBytes);
                var commit = new Commit(1, 0, StoreFormat.HeaderBytes + StoreTable.ChunkBytes(table.Bits), StoreFormat.HeaderBytes, table.Bits);
                Write(file, commit.Write(), StoreFormat.CommitOffset(commit.Sequence));
                RandomAccess.FlushToDisk(file);
            }
            File.Move(temporary, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }
            throw new TextException($"The embedding store {path} cannot be made ({e.Message}). Choose a folder you may write with XCLR_CACHE.", e);
        }
    }

    /// <summary>Opens for reading and writing, or for reading alone where that is all one may.</summary>
    public static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException and not (FileNotFoundException or DirectoryNotFoundException))
        {
            // An IOException: the whole file system may only be read.
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
    }

    public static ReadOnlySpan<byte> ReadHeader(SafeFileHandle file)
    {
        var header = new byte[StoreFormat.HeaderBytes];
        return header.AsSpan(0, RandomAccess.Read(file, header, 0));
    }

    /// <summary>Maps the file as of its newest commit; null where that commit does not fit the file. before: see <see cref="StoreMap(SafeFileHandle, StoreFormat, Commit, StoreMap?)"/>.</summary>
    public static StoreMap? Map(SafeFileHandle file, StoreFormat format, StoreMap? before = null)
    {
        // The commit first, the length after it: the file only grows in between.
        if (Commit.Newest(ReadHeader(file)) is not { } commit || commit.End > RandomAccess.GetLength(file))
        {
            return null;
        }
        if (commit.Table < StoreFormat.HeaderBytes || commit.Table > commit.End - StoreTable.ChunkBytes(commit.TableBits))
        {
            return null;
        }
        var head = new byte[ChunkHeader.Bytes];
        RandomAccess.Read(file, head, commit.Table);
        return ChunkHeader.Read(head, commit.Table) is { Kind: ChunkKind.Table } table && table.Payload == 16 * commit.TableSlots
            ? new StoreMap(file, format, commit, before) : null;
    }

    /// <summary>Writes all bytes.</summary>
    /// <exception cref="IOException">They do not fit.</exception>
    public static void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(file, bytes, offset);
        }
        catch (ArgumentOutOfRangeException e)
        {
            // What the runtime makes of EFBIG: the file system's or the user's limit on a file's size.
            throw new IOException($"{offset + bytes.Length} bytes are more than a file may have here", e);
        }
    }

    /// <summary>Gives space back; a left-over tail does no harm where that fails.</summary>
    public static void TryTruncate(SafeFileHandle file, long length)
    {
        try
        {
            RandomAccess.SetLength(file, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>Brings to the disk what is not there yet; where that fails, records that did not get there are misses when the store is next read.</summary>
    public static void TryFlush(SafeFileHandle file)
    {
        try
        {
            RandomAccess.FlushToDisk(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
