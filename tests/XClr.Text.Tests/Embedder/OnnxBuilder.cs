using System.Text;

namespace XClr.Text.Tests;

/// <summary>
/// Writes small ONNX text encoders, to have every form of inputs and outputs at hand: a table of token vectors [V,D], looked up by
/// input_ids, and where asked for pooled in the graph by the attention mask. Only the protobuf fields needed are written.
/// </summary>
internal sealed class OnnxBuilder
{
    private const int Float = 1;
    private const int Int32 = 6;
    private const int Int64 = 7;

    private readonly List<byte[]> nodes = [];
    private readonly List<byte[]> initializers = [];
    private readonly List<byte[]> inputs = [];
    private readonly List<byte[]> outputs = [];

    /// <summary>A model whose output is the table's rows [B,S,D] under a name, or their sum over the mask [B,D] for sentence_embedding.
    /// extraInputs: declared and used, without effect on the result.</summary>
    public static byte[] Encoder(float[][] table, string output, string[] extraInputs, bool int32 = false, bool openWidth = false)
    {
        var model = new OnnxBuilder();
        var (rows, width) = (table.Length, table[0].Length);
        model.initializers.Add(Tensor("table", Float, [rows, width], table.SelectMany(r => r).SelectMany(BitConverter.GetBytes).ToArray()));
        model.Declare("input_ids", int32);
        foreach (var extra in extraInputs.Prepend("attention_mask"))
        {
            model.Declare(extra, int32);
        }
        var pooled = output == "sentence_embedding";
        model.Node("Gather", ["table", "input_ids"], "rows");
        model.Node("Cast", ["attention_mask"], "mask", Attribute("to", Float));
        model.initializers.Add(Tensor("axis2", Int64, [1], BitConverter.GetBytes(2L)));
        model.initializers.Add(Tensor("axis1", Int64, [1], BitConverter.GetBytes(1L)));
        model.initializers.Add(Tensor("zero", Float, [], BitConverter.GetBytes(0f)));
        model.Node("Unsqueeze", ["mask", "axis2"], "column");
        // Rows under the mask's zeros become huge: whoever averages over padding notices.
        model.initializers.Add(Tensor("one", Float, [], BitConverter.GetBytes(1f)));
        model.initializers.Add(Tensor("huge", Float, [], BitConverter.GetBytes(1000f)));
        model.Node("Sub", ["one", "column"], "outside");
        model.Node("Mul", ["outside", "huge"], "poison");
        model.Node("Mul", ["rows", "column"], "inside");
        var last = pooled ? "inside" : model.Node("Add", ["rows", "poison"], "poisoned");
        foreach (var extra in extraInputs)
        {
            model.Node("Cast", [extra], extra + "_f", Attribute("to", Float));
            model.Node("Mul", [extra + "_f", "zero"], extra + "_0");
            model.Node("Unsqueeze", [extra + "_0", "axis2"], extra + "_c");
            last = model.Node("Add", [last, extra + "_c"], extra + "_sum");
        }
        if (pooled)
        {
            model.Node("ReduceSum", [last, "axis1"], output, Attribute("keepdims", 0));
        }
        else
        {
            model.Node("Identity", [last], output);
        }
        object d = openWidth ? "D" : width;
        model.outputs.Add(Value(output, Float, pooled ? ["B", d] : ["B", "S", d]));
        return model.Build();
    }

    private void Declare(string name, bool int32) => inputs.Add(Value(name, int32 ? Int32 : Int64, ["B", "S"]));

    private string Node(string type, string[] inputs, string output, byte[]? attribute = null)
    {
        nodes.Add([.. inputs.SelectMany(i => Text(1, i)), .. Text(2, output), .. Text(4, type), .. attribute is null ? [] : Bytes(5, attribute)]);
        return output;
    }

    private byte[] Build()
    {
        byte[] graph =
        [
            .. nodes.SelectMany(n => Bytes(1, n)), .. Text(2, "g"), .. initializers.SelectMany(t => Bytes(5, t)),
            .. inputs.SelectMany(i => Bytes(11, i)), .. outputs.SelectMany(o => Bytes(12, o)),
        ];
        return [.. Number(1, 8), .. Bytes(7, graph), .. Bytes(8, [.. Text(1, ""), .. Number(2, 13)])];
    }

    private static byte[] Attribute(string name, long value) => [.. Text(1, name), .. Number(3, value), .. Number(20, 2)];

    private static byte[] Tensor(string name, int type, int[] shape, byte[] data) =>
        [.. shape.SelectMany(s => Number(1, s)), .. Number(2, type), .. Text(8, name), .. Bytes(9, data)];

    private static byte[] Value(string name, int type, object[] shape)
    {
        var dimensions = shape.SelectMany(s => Bytes(1, s is int i ? Number(1, i) : Text(2, (string)s))).ToArray();
        return [.. Text(1, name), .. Bytes(2, Bytes(1, [.. Number(1, type), .. Bytes(2, dimensions)]))];
    }

    private static byte[] Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    private static byte[] Bytes(int field, byte[] data) => [.. Varint(field << 3 | 2), .. Varint(data.Length), .. data];

    private static byte[] Number(int field, long value) => [.. Varint(field << 3), .. Varint(value)];

    private static List<byte> Varint(long value)
    {
        var bytes = new List<byte>();
        for (; value > 127; value >>= 7)
        {
            bytes.Add((byte)(value & 127 | 128));
        }
        bytes.Add((byte)value);
        return bytes;
    }
}
