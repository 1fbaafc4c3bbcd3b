using System.Buffers.Binary;

namespace XClr.Data.Readers;

/// <summary>
/// Walks over a Parquet file's footer (Thrift's compact protocol) before the package reads it. The package trusts lengths, and takes each field for the type that the format gives it, whatever type the bytes have: of a damaged footer it
/// takes memory that is not there, or never returns. So both are checked here. Fields that the format does not have are passed over where they are numbers, texts, structs, or lists of those. Source: parquet-format's parquet.thrift.
/// </summary>
internal ref struct ParquetFooter
{
    private const int TailBytes = 8;

    // The format itself has seven structs within one another.
    private const int MaxDepth = 16;
    private const string Number = "number", Bool = "bool", Byte = "byte", Double = "double", Binary = "binary", Many = "*";

    // The fields of each struct by number, from 1 on; empty: there is none.
    private static readonly Dictionary<string, string[]> Structs = new(StringComparer.Ordinal)
    {
        ["File"] = [Number, "Schema" + Many, Number, "RowGroup" + Many, "KeyValue" + Many, Binary, "Union" + Many, "Encryption", Binary],
        ["Schema"] = [Number, Number, Number, Binary, Number, Number, Number, Number, Number, "Logical"],
        ["Logical"] = ["Union", "Union", "Union", "Union", "Decimal", "Union", "Time", "Time", "", "Integer", "Union", "Union", "Union", "Union", "Union", "Variant", "Geometry", "Geography"],
        ["Decimal"] = [Number, Number],
        ["Time"] = [Bool, "Union"],
        ["Integer"] = [Byte, Bool],
        ["Variant"] = [Byte],
        ["Geometry"] = [Binary],
        ["Geography"] = [Binary, Number],
        ["RowGroup"] = ["Column" + Many, Number, Number, "Sorting" + Many, Number, Number, Number],
        ["Sorting"] = [Number, Bool, Bool],
        ["Column"] = [Binary, Number, "ColumnData", Number, Number, Number, Number, "ColumnCrypto", Binary],
        ["ColumnData"] =
        [
            Number, Number + Many, Binary + Many, Number, Number, Number, Number, "KeyValue" + Many, Number, Number, Number, "Statistics", "Encodings" + Many, Number, Number, "Sizes", "Geospatial",
        ],
        ["Statistics"] = [Binary, Binary, Number, Number, Binary, Binary, Bool, Bool],
        ["Encodings"] = [Number, Number, Number],
        ["Sizes"] = [Number, Number + Many, Number + Many],
        ["Geospatial"] = ["Box", Number + Many],
        ["Box"] = [Double, Double, Double, Double, Double, Double, Double, Double],
        ["KeyValue"] = [Binary, Binary],
        ["Encryption"] = ["Cipher", "Cipher"],
        ["Cipher"] = [Binary, Binary, Bool],
        ["ColumnCrypto"] = ["Union", "ColumnKey"],
        ["ColumnKey"] = [Binary + Many, Binary],

        // One of several structs without fields, or such a struct.
        ["Union"] = ["Union", "Union", "Union"],
    };

    private readonly ReadOnlySpan<byte> bytes;
    private int at;

    private ParquetFooter(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    /// <summary>Checks the footer of a file; its position is anywhere afterwards.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or missing.</exception>
    public static void Require(Stream file)
    {
        Span<byte> tail = stackalloc byte[TailBytes];
        if (file.Length < TailBytes)
        {
            throw new InvalidDataException($"{file.Length} bytes are too few for a Parquet file");
        }
        file.Seek(-TailBytes, SeekOrigin.End);
        file.ReadExactly(tail);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(tail);
        if (!tail[4..].SequenceEqual("PAR1"u8) || length > Math.Min(file.Length - TailBytes, Array.MaxLength))
        {
            throw new InvalidDataException($"it ends with {Convert.ToHexString(tail)}, which is not the end of a Parquet file of {file.Length} bytes; was it cut off?");
        }
        var bytes = new byte[length];
        file.Seek(-TailBytes - (long)length, SeekOrigin.End);
        file.ReadExactly(bytes);
        new ParquetFooter(bytes).Struct("File", 0);
    }

    private void Struct(string? name, int depth)
    {
        if (depth > MaxDepth)
        {
            throw Damaged("has structs too deep within one another");
        }
        var fields = name is null ? [] : Structs[name];
        short id = 0;
        for (var head = Next(); head != 0; head = Next())
        {
            id = head >> 4 == 0 ? (short)ZigZag(Varint()) : (short)(id + (head >> 4));
            Value(head & 15, id >= 1 && id <= fields.Length && fields[id - 1].Length > 0 ? fields[id - 1] : null, depth);
        }
    }

    // kind: what a field is of; null: one that the format does not know, which is passed over.
    private void Value(int type, string? kind, int depth)
    {
        if (kind is not null && type != TypeOf(kind) && !(kind == Bool && type is 1 or 2) && !(kind == Number && type is 4 or 5 or 6))
        {
            throw Damaged($"has a field of type {type} where the format has a {kind}");
        }
        switch (type)
        {
            case 1 or 2:
                break;
            case 3:
                Take(1);
                break;
            case 4 or 5 or 6:
                Varint();
                break;
            case 7:
                Take(sizeof(double));
                break;
            case 8:
                Take(Varint());
                break;
            case 9:
                List(kind?[..^Many.Length], depth);
                break;
            case 12:
                Struct(kind, depth + 1);
                break;
            default:
                throw Damaged($"has a field of type {type}, which the format does not use");
        }
    }

    private void List(string? kind, int depth)
    {
        var head = Next();
        var (count, type) = (head >> 4 == 15 ? Varint() : (ulong)(head >> 4), head & 15);
        // Every element takes a byte. The format has no lists of truth values or of lists.
        if (count > (ulong)(bytes.Length - at) || type is 1 or 2 or 9)
        {
            throw Damaged($"has a list of {count} elements of type {type}, {bytes.Length - at} bytes before its end");
        }
        for (var i = 0UL; i < count; i++)
        {
            Value(type, kind, depth);
        }
    }

    private static int TypeOf(string kind) => kind.EndsWith(Many, StringComparison.Ordinal) ? 9 : kind switch { Number => 6, Bool => 1, Byte => 3, Double => 7, Binary => 8, _ => 12 };

    private ulong Varint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var part = Next();
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }
        throw Damaged("has a number of more than 64 bits");
    }

    private static long ZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    private int Next()
    {
        Take(1);
        return bytes[at - 1];
    }

    private void Take(ulong count)
    {
        if (count > (ulong)(bytes.Length - at))
        {
            throw Damaged($"has a value of {count} bytes, {bytes.Length - at} before its end");
        }
        at += (int)count;
    }

    private readonly InvalidDataException Damaged(string what) => new($"its footer is damaged: at byte {at} of {bytes.Length} it {what}");
}
