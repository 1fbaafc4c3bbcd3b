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

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<(string Path, SafeFileHandle Handle)>> _byPath = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Path, SafeFileHandle Handle)> _byUse = new();

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
        lock (_gate)
        {
            foreach (var (_, handle) in _byUse)
            {
                handle.Dispose();
            }
            _byUse.Clear();
            _byPath.Clear();
        }
    }

    private SafeFileHandle Open(string path)
    {
        lock (_gate)
        {
            if (_byPath.TryGetValue(path, out var node))
            {
                _byUse.Remove(node);
            }
            else
            {
                node = new((path, File.OpenHandle(path, share: FileShare.Read | FileShare.Delete)));
                _byPath.Add(path, node);
            }
            _byUse.AddFirst(node);
            if (_byUse.Count > MaxOpen)
            {
                var oldest = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _byPath.Remove(oldest.Path);
                oldest.Handle.Dispose();
            }
            return node.Value.Handle;
        }
    }
}
