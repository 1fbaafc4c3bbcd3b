using Parquet.Schema;

namespace XClr.Data.Readers;

/// <summary>Which columns of a Parquet file mean something. Key, Caption, Label and Error are null where there is none.</summary>
internal sealed record ParquetColumns(DataField Image, DataField? Key, DataField? Caption, DataField? Label, DataField? Error)
{
    private static readonly string[] Images = ["image", "jpg", "jpeg", "png", "webp", "img", "image_bytes", "picture"];
    private static readonly string[] Captions = [.. ColumnNames.Caption, "txt", "captions", "sentences", "texts"];
    private static readonly string[] Keys = ["key", "__key__", "image_id", "id"];
    private static readonly string[] Errors = ["error_message"];

    /// <summary>
    /// Finds them by name: image bytes in a column of their own (img2dataset's `jpg`) or in a struct {bytes, path} (Hugging Face's `image`); captions as
    /// text or as a list of texts.
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
        return new(image, Find(fields, Keys, IsFlat), Find(fields, Captions, _ => true), Find(fields, ColumnNames.Label, IsFlat), Find(fields, Errors, IsFlat));
    }

    private static bool IsFlat(DataField field) => field.MaxRepetitionLevel == 0;

    private static DataField? Find(DataField[] fields, string[] wanted, Func<DataField, bool> fits) => wanted
        .Select(name => Array.Find(fields, f => string.Equals(f.Path.FirstPart, name, StringComparison.OrdinalIgnoreCase) && fits(f)))
        .FirstOrDefault(f => f is not null);
}
