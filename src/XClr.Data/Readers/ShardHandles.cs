using Microsoft.Win32.SafeHandles;

namespace XClr.Data.Readers;

/// <summary>
/// The files of a set's shards that were read from last, kept open: opening one takes as long as reading an image from it. A file that another one replaces while it is
/// open goes on giving its old bytes. Thread safe.
/// </summary>
internal sealed class ShardHandles : IDisposable
{
    // With a shuffle buffer over more shards than this, the rest are opened again when their turn comes.
    private const int MaxOpen = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Path, SafeFileHandle Handle)>> byPath = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Path, SafeFileHandle Handle)> byUse = new();

    /// <summary>Fills <paramref name="destination"/> from an offset of a file; returns how many bytes were there.</summary>
    /// <exception cref="IOException">The file cannot be opened or read.</exception>
    public int Read(string path, Span<byte> destination, long offset)
    {
        while (true)
        {
            try
            {
                return FileRead.Fill(Open(path), destination, offset);
            }
            catch (ObjectDisposedException)
            {
                // Closed by another thread, which needed the place, while this one read.
            }
        }
    }

    /// <summary>Closes the files. Reading opens them again.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            foreach (var (_, handle) in byUse)
            {
                handle.Dispose();
            }
            byUse.Clear();
            byPath.Clear();
        }
    }

    private SafeFileHandle Open(string path)
    {
        lock (gate)
        {
            if (byPath.TryGetValue(path, out var node))
            {
                byUse.Remove(node);
            }
            else
            {
                node = new((path, File.OpenHandle(path, share: FileShare.Read | FileShare.Delete)));
                byPath.Add(path, node);
            }
            byUse.AddFirst(node);
            if (byUse.Count > MaxOpen)
            {
                var oldest = byUse.Last!.Value;
                byUse.RemoveLast();
                byPath.Remove(oldest.Path);
                oldest.Handle.Dispose();
            }
            return node.Value.Handle;
        }
    }
}
