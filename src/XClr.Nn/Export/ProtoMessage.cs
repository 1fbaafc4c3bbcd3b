using System.Buffers.Binary;
using System.Text;

namespace XClr.Nn.Export;

/// <summary>A message in Protocol Buffers' wire format, built field by field. Byte fields are referred to, not copied, so that a file of weights is held once.</summary>
public sealed class ProtoMessage
{
    private const int VarintType = 0, Fixed64Type = 1, LengthType = 2, Fixed32Type = 5;
    private readonly List<ReadOnlyMemory<byte>> parts = [];

    /// <summary>Bytes of the message so far.</summary>
    public long Length { get; private set; }

    /// <summary>An int32, int64, bool or enum field.</summary>
    public ProtoMessage Integer(int field, long value) => Tag(field, VarintType).Varint((ulong)value);

    /// <summary>A double field.</summary>
    public ProtoMessage Double(int field, double value)
    {
        var bytes = new byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        return Tag(field, Fixed64Type).Add(bytes);
    }

    /// <summary>A float field.</summary>
    public ProtoMessage Float(int field, float value)
    {
        var bytes = new byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        return Tag(field, Fixed32Type).Add(bytes);
    }

    /// <summary>A string field.</summary>
    public ProtoMessage Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    /// <summary>A bytes field.</summary>
    public ProtoMessage Bytes(int field, ReadOnlyMemory<byte> value) => Tag(field, LengthType).Varint((ulong)value.Length).Add(value);

    /// <summary>A message field; the message must be complete.</summary>
    public ProtoMessage Message(int field, ProtoMessage value)
    {
        Tag(field, LengthType).Varint((ulong)value.Length);
        value.parts.ForEach(p => Add(p));
        return this;
    }

    /// <summary>Writes the message.</summary>
    public void CopyTo(Stream stream) => parts.ForEach(p => stream.Write(p.Span));

    /// <summary>The message as one array.</summary>
    public byte[] ToArray()
    {
        using var stream = new MemoryStream();
        CopyTo(stream);
        return stream.ToArray();
    }

    private ProtoMessage Tag(int field, int type) => Varint((ulong)(field << 3 | type));

    private ProtoMessage Varint(ulong value)
    {
        var bytes = new List<byte>();
        for (; value > 127; value >>= 7)
        {
            bytes.Add((byte)(value | 128));
        }
        return Add((byte[])[.. bytes, (byte)value]);
    }

    private ProtoMessage Add(ReadOnlyMemory<byte> bytes)
    {
        parts.Add(bytes);
        Length += bytes.Length;
        return this;
    }
}
