using Parquet;

namespace XClr.Data.Readers;

/// <summary>An open Parquet file.</summary>
internal sealed class ParquetFile : IDisposable
{
    private readonly FileStream stream;

    public ParquetFile(string path)
    {
        stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            Reader = ParquetReader.CreateAsync(stream).GetAwaiter().GetResult();
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public ParquetReader Reader { get; }

    public void Dispose()
    {
        Reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        stream.Dispose();
    }
}
