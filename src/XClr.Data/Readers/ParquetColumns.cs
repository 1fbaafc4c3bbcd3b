using Parquet.Schema;

namespace XClr.Data.Readers;

/// <summary>Which columns of a Parquet file mean something. Key, Caption, Label and Error are null where there is none.</summary>
internal sealed record ParquetColumns(DataField Image, DataField? Key, DataField? Caption, DataField? Label, DataField? Error)
{
    private static readonly string[] Images = ["image", "jpg", "jpeg", "png", "webp", "img", "image_bytes", "picture"];
    private static readonly string[] Captions = [.. ColumnNames.Caption, "txt", "captions", "sentences", "texts"];
    private static readonly string[] Keys = ["key", "__key__", "image_id", "id"];
    private static readonly string[] Errors = ["error_message"];

    private static readonly HashSet<Type> TextTypes = [typeof(string), typeof(ReadOnlyMemory<char>), typeof(ReadOnlyMemory<byte>)];
    private static readonly HashSet<Type> KeyTypes =
        [.. TextTypes, typeof(int), typeof(long), typeof(short), typeof(byte), typeof(sbyte), typeof(ushort), typeof(uint), typeof(ulong)];

    // pandas writes whole numbers as floating-point ones where some are missing.
    private static readonly HashSet<Type> LabelTypes = [.. KeyTypes, typeof(float), typeof(double)];

    /// <summary>
    /// Finds them by name and type: image bytes in a column of their own (img2dataset's `jpg`) or in a struct {bytes, path} (Hugging Face's `image`); captions as
    /// text or as a list of texts. A column of another type than its name promises (an `id` of UUIDs) is another thing.
    /// </summary>
    /// <exception cref="DataException">No column holds image bytes; the message lists the columns, and the remedy where they are web addresses.</exception>
    public static ParquetColumns Find(ParquetSchema schema, string file)
    {
        var fields = schema.DataFields;
        var image = Find(fields, Images, f => f.ClrType == typeof(ReadOnlyMemory<byte>) && f.MaxRepetitionLevel == 0 && (f.Path.Length == 1 || f.Name == "bytes"));
        if (image is null)
        {
            var names = schema.Fields.Select(f => f.Name).ToList();
            throw ColumnNames.Find(names, ColumnNames.Address) >= 0
                ? ColumnNames.Addresses(file, $"columns {string.Join(", ", names)}")
                : new($"The Parquet file '{file}' has no column of image bytes: found {string.Join(", ", names)}; name one {string.Join(", ", Images)} (bytes, or a struct with bytes in it).");
        }
        return new(
            image, Find(fields, Keys, f => IsFlat(f, KeyTypes)), Find(fields, Captions, f => TextTypes.Contains(f.ClrType)),
            Find(fields, ColumnNames.Label, f => IsFlat(f, LabelTypes)), Find(fields, Errors, f => IsFlat(f, TextTypes)));
    }

    /// <summary>The texts of a column; null where it holds none.</summary>
    public static DataField? FindText(ParquetSchema schema, string name) => Find(schema.DataFields, [name], f => TextTypes.Contains(f.ClrType));

    private static bool IsFlat(DataField field, HashSet<Type> types) => field.MaxRepetitionLevel == 0 && types.Contains(field.ClrType);

    private static DataField? Find(DataField[] fields, string[] wanted, Func<DataField, bool> fits) => wanted
        .Select(name => Array.Find(fields, f => string.Equals(f.Path.FirstPart, name, StringComparison.OrdinalIgnoreCase) && fits(f)))
        .FirstOrDefault(f => f is not null);
}
