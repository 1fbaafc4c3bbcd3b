using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace XClr.Text;

/// <summary>Bytes of an open file, mapped for reading.</summary>
internal sealed unsafe class MappedRange : IDisposable
{
    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;

    /// <exception cref="IOException">They cannot be mapped.</exception>
    public MappedRange(SafeFileHandle handle, long offset, long length)
    {
        file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        try
        {
            view = file.CreateViewAccessor(offset, length, MemoryMappedFileAccess.Read);
        }
        catch
        {
            file.Dispose();
            throw;
        }
        byte* bytes = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref bytes);
        Bytes = bytes + view.PointerOffset;
    }

    /// <summary>The first of the bytes.</summary>
    public byte* Bytes { get; }

    public void Dispose()
    {
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        file.Dispose();
    }
}
