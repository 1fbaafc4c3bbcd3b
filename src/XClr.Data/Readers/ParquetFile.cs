using Parquet;

namespace XClr.Data.Readers;

/// <summary>An open Parquet file.</summary>
internal sealed class ParquetFile : IDisposable
{
    private readonly FileStream _stream;

    public ParquetFile(string path)
    {
        _stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            Reader = ParquetReader.CreateAsync(_stream).GetAwaiter().GetResult();
        }
        catch
        {
            _stream.Dispose();
            throw;
        }
    }

    public ParquetReader Reader { get; }

    public void Dispose()
    {
        Reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _stream.Dispose();
    }
}
