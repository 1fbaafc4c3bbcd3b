using System.Globalization;
using System.Text;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace XClr.Data.Readers;

/// <summary>The columns of one row group, decompressed. Images stay in the package's buffers until <see cref="Image"/> copies one.</summary>
internal sealed class ParquetRowGroup : IDisposable
{
    private const long MaxBytes = 1L << 30;
    private const int MaxRows = 1 << 24;

    private readonly RawColumnData<ReadOnlyMemory<byte>> images;
    private readonly int[] places;
    private readonly List<string>[]? keys, captions, labels, errors;

    private ParquetRowGroup(ParquetRowGroupReader group, ParquetColumns columns)
    {
        Count = RowsOf(group);
        keys = Texts(group, columns.Key);
        captions = Texts(group, columns.Caption);
        labels = Texts(group, columns.Label);
        errors = Texts(group, columns.Error);
        images = (RawColumnData<ReadOnlyMemory<byte>>)group.ReadRawColumnDataBaseAsync(columns.Image).AsTask().GetAwaiter().GetResult();
        places = new int[Count];
        Array.Fill(places, -1);
        foreach (var (row, place) in Places(images, columns.Image, Count))
        {
            places[row] = place;
        }
    }

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>Reads group <paramref name="index"/>, sizes checked first.</summary>
    /// <exception cref="InvalidDataException">The group is larger than may be held.</exception>
    public static ParquetRowGroup Read(ParquetReader file, int index, ParquetColumns columns)
    {
        using var group = file.OpenRowGroupReader(index);
        var bytes = group.GetMetadata(columns.Image)?.MetaData?.TotalUncompressedSize ?? 0;
        if (bytes is < 0 or > MaxBytes)
        {
            throw new InvalidDataException(
                $"row group {index} has {bytes} bytes of images; at most {MaxBytes} are held at a time: write the file with smaller row groups");
        }
        return new ParquetRowGroup(group, columns);
    }

    /// <summary>A copy of a row's image; null where the row has none.</summary>
    public byte[]? Image(int row) => places[row] < 0 ? null : images.Values[places[row]].ToArray();

    public string? Key(int row) => First(keys, row);

    public string? Label(int row) => First(labels, row);

    /// <summary>Why the row has no image, where the file says so.</summary>
    public string? Error(int row) => First(errors, row);

    public IReadOnlyList<string> Captions(int row) => captions?[row] ?? [];

    public void Dispose() => images.Dispose();

    private static string? First(List<string>[]? texts, int row) => texts?[row] is [var first, ..] ? first : null;

    /// <summary>A column's texts by row, numbers too: a list holds one, several where the column is of lists, none for null and for what is no number. Null without a field.</summary>
    public static List<string>[]? Texts(ParquetRowGroupReader group, DataField? field)
    {
        if (field is null)
        {
            return null;
        }
        using var column = group.ReadRawColumnDataBaseAsync(field).AsTask().GetAwaiter().GetResult();
        var text = TextOf(column);
        var rows = new List<string>[RowsOf(group)];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = [];
        }
        foreach (var (row, place) in Places(column, field, rows.Length))
        {
            if (text(place) is { } written)
            {
                rows[row].Add(written);
            }
        }
        return rows;
    }

    private static int RowsOf(ParquetRowGroupReader group) => group.RowCount is >= 0 and <= MaxRows
        ? (int)group.RowCount
        : throw new InvalidDataException($"a row group has {group.RowCount} rows; at most {MaxRows} are held at a time: write the file with smaller row groups");

    private static Func<int, string?> TextOf(RawColumnData column) => column switch
    {
        RawColumnData<ReadOnlyMemory<char>> c => i => c.Values[i].ToString(),
        RawColumnData<ReadOnlyMemory<byte>> c => i => Encoding.UTF8.GetString(c.Values[i].Span),
        RawColumnData<int> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<long> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<short> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<byte> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<sbyte> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<ushort> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<uint> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<ulong> c => i => c.Values[i].ToString(CultureInfo.InvariantCulture),
        RawColumnData<float> c => i => Number(c.Values[i]),
        RawColumnData<double> c => i => Number(c.Values[i]),
        _ => throw new InvalidDataException($"a column of {column.GetType().GenericTypeArguments[0].Name} where text or numbers are expected"),
    };

    private static string? Number(double value) => double.IsNaN(value) ? null : value.ToString(CultureInfo.InvariantCulture);

    // The values of a column lie packed, without the nulls: a value is there where its definition level is the highest, and a row begins where the
    // repetition level is 0.
    private static IEnumerable<(int Row, int Place)> Places(RawColumnData column, DataField field, int rows)
    {
        var defined = field.MaxDefinitionLevel > 0 ? column.DefinitionLevels.ToArray() : null;
        var repeated = field.MaxRepetitionLevel > 0 ? column.RepetitionLevels.ToArray() : null;
        var (row, place) = (-1, 0);
        for (var i = 0; i < (repeated?.Length ?? rows); i++)
        {
            row += repeated is null || repeated[i] == 0 ? 1 : 0;
            if (defined is null || defined[i] == field.MaxDefinitionLevel)
            {
                yield return (row, place++);
            }
        }
    }
}
