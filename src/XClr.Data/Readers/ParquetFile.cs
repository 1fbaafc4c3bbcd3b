using Parquet;
using Parquet.Schema;

namespace XClr.Data.Readers;

/// <summary>An open Parquet file.</summary>
internal sealed class ParquetFile : IDisposable
{
    private readonly FileStream stream;

    /// <exception cref="Exception">It cannot be read: of what is damaged the package throws nearly anything.</exception>
    public ParquetFile(string path)
    {
        stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            ParquetFooter.Require(stream);
            Reader = ParquetReader.CreateAsync(stream).GetAwaiter().GetResult();
            Schema = Reader.Schema;
            Rows = Reader.Metadata!.NumRows;
            RequireRows();
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public ParquetReader Reader { get; }

    public ParquetSchema Schema { get; }

    /// <summary>Rows of all row groups.</summary>
    public long Rows { get; }

    public void Dispose()
    {
        Reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        stream.Dispose();
    }

    private void RequireRows()
    {
        Int128 sum = 0;
        foreach (var group in Reader.Metadata!.RowGroups)
        {
            sum += group.NumRows >= 0 ? group.NumRows : throw new InvalidDataException($"a row group has {group.NumRows} rows");
        }
        if (sum != Rows)
        {
            throw new InvalidDataException($"its footer says {Rows} rows, and its row groups have {sum}");
        }
    }
}
