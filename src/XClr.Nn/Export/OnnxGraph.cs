using System.Runtime.InteropServices;
using XClr.Nn.Models;

namespace XClr.Nn.Export;

/// <summary>An ONNX model built node by node; field numbers are those of onnx.proto (ONNX 1.8, IR version 7, operator set 13).</summary>
internal sealed class OnnxGraph(string name)
{
    private const int IrVersion = 7, OperatorSet = 13;
    private const int FloatElements = 1, IntAttribute = 2, IntsAttribute = 7;

    private readonly List<ProtoMessage> nodes = [], initializers = [], inputs = [], outputs = [];

    /// <summary>Adds a float32 constant; returns its name.</summary>
    public string Constant(NamedArray array)
    {
        var tensor = new ProtoMessage();
        foreach (var dimension in array.Shape)
        {
            tensor.Integer(1, dimension);
        }
        initializers.Add(tensor.Integer(2, FloatElements).Text(8, array.Name).Bytes(9, MemoryMarshal.AsBytes(array.Values.AsSpan()).ToArray()));
        return array.Name;
    }

    /// <summary>Adds a node with one output; returns the output's name. Attributes are integers or lists of them.</summary>
    public string Node(string type, string output, IEnumerable<string> inputs, params (string Name, long[] Values)[] attributes)
    {
        var node = new ProtoMessage();
        foreach (var input in inputs)
        {
            node.Text(1, input);
        }
        node.Text(2, output).Text(3, output).Text(4, type);
        foreach (var (attribute, values) in attributes)
        {
            node.Message(5, Attribute(attribute, values));
        }
        nodes.Add(node);
        return output;
    }

    /// <summary>Declares an input of float32; a dimension is a number or the name of one that varies.</summary>
    public string Input(string name, params object[] shape)
    {
        inputs.Add(Value(name, shape));
        return name;
    }

    /// <summary>Declares an output of float32.</summary>
    public void Output(string name, params object[] shape) => outputs.Add(Value(name, shape));

    /// <summary>The whole model with its metadata.</summary>
    public ProtoMessage Build(IReadOnlyDictionary<string, string> metadata)
    {
        var graph = new ProtoMessage();
        nodes.ForEach(n => graph.Message(1, n));
        graph.Text(2, name);
        initializers.ForEach(i => graph.Message(5, i));
        inputs.ForEach(i => graph.Message(11, i));
        outputs.ForEach(o => graph.Message(12, o));
        var model = new ProtoMessage().Integer(1, IrVersion).Text(2, "XClr.Vulkan").Message(7, graph).Message(8, new ProtoMessage().Text(1, "").Integer(2, OperatorSet));
        foreach (var (key, value) in metadata)
        {
            model.Message(14, new ProtoMessage().Text(1, key).Text(2, value));
        }
        return model;
    }

    // One number is an attribute of type INT, several are one of type INTS.
    private static ProtoMessage Attribute(string name, long[] values)
    {
        var attribute = new ProtoMessage().Text(1, name);
        if (values is [var only])
        {
            return attribute.Integer(3, only).Integer(20, IntAttribute);
        }
        foreach (var value in values)
        {
            attribute.Integer(8, value);
        }
        return attribute.Integer(20, IntsAttribute);
    }

    private static ProtoMessage Value(string name, object[] shape)
    {
        var dimensions = new ProtoMessage();
        foreach (var dimension in shape)
        {
            dimensions.Message(1, dimension is int number ? new ProtoMessage().Integer(1, number) : new ProtoMessage().Text(2, (string)dimension));
        }
        return new ProtoMessage().Text(1, name).Message(2, new ProtoMessage().Message(1, new ProtoMessage().Integer(1, FloatElements).Message(2, dimensions)));
    }
}
