using Parquet.Schema;
using XClr.Data.Readers;

namespace XClr.Data.Packing;

/// <summary>Parquet files of addresses, as LAION's and Hugging Face's. The texts of one row group are held at a time.</summary>
internal sealed class ParquetAddresses : IAddressRows
{
    private readonly string path;
    private readonly ParquetFile file;
    private readonly DataField address;
    private readonly DataField? caption;

    public ParquetAddresses(string path, IReadOnlyList<string>? columns)
    {
        this.path = path;
        file = Guarded(() => new ParquetFile(path), "the file");
        try
        {
            var fields = file.Schema.Fields;
            Columns = columns ?? [.. fields.Select(f => f.Name)];
            var own = string.Join(", ", fields.Select(f => f.Name));
            ColumnNames.RequireAll(Columns, fields.Count, path, own);
            var address = ColumnNames.RequireAddress(Columns, path, own);
            this.address = Text(address) ?? throw new DataException($"'{path}': the column {fields[address].Name} holds no text.");
            this.caption = ColumnNames.Find(Columns, ColumnNames.Caption) is >= 0 and var caption ? Text(caption) : null;
            Count = file.Rows;
            if (Count == 0)
            {
                throw new DataException($"The list of addresses '{path}' has no rows.");
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public long Count { get; }

    public IReadOnlyList<string> Columns { get; }

    public IEnumerable<AddressRow?> Read()
    {
        for (var g = 0; g < file.Reader.RowGroupCount; g++)
        {
            foreach (var row in Guarded(() => Rows(g), $"row group {g}"))
            {
                yield return row;
            }
        }
    }

    public void Dispose() => file.Dispose();

    private IEnumerable<AddressRow> Rows(int index)
    {
        using var group = file.Reader.OpenRowGroupReader(index);
        var (addresses, captions) = (ParquetRowGroup.Texts(group, address)!, ParquetRowGroup.Texts(group, caption));
        return addresses.Select((a, i) => new AddressRow(a.FirstOrDefault()?.Trim(), [.. (captions?[i] ?? []).Select(CaptionText.Clean).OfType<string>()]));
    }

    private DataField? Text(int column) => ParquetColumns.FindText(file.Schema, file.Schema.Fields[column].Name);

    // As in ParquetShardReader: damaged bytes make the package throw nearly anything.
    private T Guarded<T>(Func<T> read, string what)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new DataException($"'{path}': {what} cannot be read: {e.Message.TrimEnd('.')}. Fetch it again.", e);
        }
    }
}
