using System.Buffers.Binary;
using System.Text;

namespace XClr.Nn.Weights;

/// <summary>
/// Reads the pickle of a torch.save file as data. Only what rebuilds tensors is understood: numbers, strings, tuples, lists, dictionaries, storages and the calls of <see cref="TorchGlobals"/>;
/// every other opcode and global is refused by name, and nothing that the file names is ever run. Time and memory are bounded by the pickle's length.
/// Values: null, bool, long, double, string, object?[] (tuple), List (list), OrderedDictionary (entries with string keys; others are dropped), <see cref="TorchTensor"/>.
/// </summary>
internal sealed class TorchUnpickler
{
    private const int MaxProtocol = 5;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly object MarkObject = new();

    private readonly string path;
    private readonly byte[] pickle;
    private readonly List<object?> stack = [];
    private readonly Dictionary<uint, object?> memo = [];
    private int at, opAt;

    private TorchUnpickler(string path, byte[] pickle) => (this.path, this.pickle) = (path, pickle);

    /// <summary>The value that the pickle describes.</summary>
    /// <exception cref="CheckpointException">It holds something that is not accepted, or is damaged.</exception>
    public static object? Read(string path, byte[] pickle) => new TorchUnpickler(path, pickle).Run();

    private object? Run()
    {
        while (true)
        {
            opAt = at;
            var op = (PickleOp)Take(1)[0];
            if (op == PickleOp.STOP)
            {
                return Pop();
            }
            if (!Literal(op) && !Memo(op) && !Container(op) && !Call(op))
            {
                throw new CheckpointException($"{path}: byte {opAt} of its pickle is the opcode {(Enum.IsDefined(op) ? op.ToString() : $"0x{(byte)op:x2}")}, which no state dict needs; it is refused, nothing was run. {Remedy}");
            }
        }
    }

    private bool Literal(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.PROTO:
                if (Take(1)[0] is > MaxProtocol and var protocol)
                {
                    throw Damaged($"has protocol {protocol}, known are 0 to {MaxProtocol}");
                }
                return true;
            case PickleOp.FRAME: Take(8); return true;
            case PickleOp.NONE: return Push(null);
            case PickleOp.NEWTRUE: return Push(true);
            case PickleOp.NEWFALSE: return Push(false);
            case PickleOp.BININT: return Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
            case PickleOp.BININT1: return Push((long)Take(1)[0]);
            case PickleOp.BININT2: return Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
            case PickleOp.LONG1: return Push(Long(Take(Take(1)[0])));
            case PickleOp.BINFLOAT: return Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
            case PickleOp.BINUNICODE: return Push(Text(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))));
            case PickleOp.SHORT_BINUNICODE: return Push(Text(Take(Take(1)[0])));
            default: return false;
        }
    }

    private bool Memo(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.BINPUT: memo[Take(1)[0]] = Peek(); return true;
            case PickleOp.LONG_BINPUT: memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek(); return true;
            case PickleOp.MEMOIZE: memo[(uint)memo.Count] = Peek(); return true;
            case PickleOp.BINGET: return Push(Remembered(Take(1)[0]));
            case PickleOp.LONG_BINGET: return Push(Remembered(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
            default: return false;
        }
    }

    private bool Container(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.MARK: return Push(MarkObject);
            case PickleOp.EMPTY_DICT: return Push(new OrderedDictionary<string, object?>(StringComparer.Ordinal));
            case PickleOp.EMPTY_LIST: return Push(new List<object?>());
            case PickleOp.EMPTY_TUPLE: return Push(Array.Empty<object?>());
            case PickleOp.TUPLE1: return Push(PopLast(1));
            case PickleOp.TUPLE2: return Push(PopLast(2));
            case PickleOp.TUPLE3: return Push(PopLast(3));
            case PickleOp.TUPLE: return Push(PopToMark());
            case PickleOp.APPEND: return Append(PopLast(1));
            case PickleOp.APPENDS: return Append(PopToMark());
            case PickleOp.SETITEM: return SetItems(PopLast(2));
            case PickleOp.SETITEMS: return SetItems(PopToMark());
            default: return false;
        }
    }

    private bool Call(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.GLOBAL: return Push(Global(Line(), Line()));
            case PickleOp.STACK_GLOBAL: return PopLast(2) is [string module, string name] ? Push(Global(module, name)) : throw Damaged("names a global by something that is no text");
            case PickleOp.BINPERSID: return Push(TorchGlobals.Storage(Pop()) ?? throw Damaged("refers to something outside that is no storage"));
            case PickleOp.REDUCE: return Reduce(PopLast(2));
            case PickleOp.BUILD:
                // A state dict carries its modules' versions as the attribute _metadata, which nothing here needs.
                _ = Pop();
                return Peek() is OrderedDictionary<string, object?> ? true : throw Damaged("gives attributes to something that is no dictionary");
            default: return false;
        }
    }

    private bool Reduce(object?[] call) => call is [TorchGlobals.Global function, object?[] arguments]
        ? Push(TorchGlobals.Call(function, arguments) ?? throw Damaged($"calls {function.Name} with arguments that torch.save does not write, or a view that reaches outside its storage"))
        : throw Damaged("calls something that is no function");

    private TorchGlobals.Global Global(string module, string name) => TorchGlobals.Find($"{module}.{name}")
        ?? throw new CheckpointException($"{path}: byte {opAt} of its pickle names {module}.{name}, which no state dict needs; it is refused, nothing was run. {Remedy}");

    private bool Append(object?[] items)
    {
        (Peek() as List<object?> ?? throw Damaged("appends to something that is no list")).AddRange(items);
        return true;
    }

    private bool SetItems(object?[] items)
    {
        if (Peek() is not OrderedDictionary<string, object?> dictionary || items.Length % 2 != 0)
        {
            throw Damaged("sets items of something that is no dictionary, or a key without a value");
        }
        for (var i = 0; i < items.Length; i += 2)
        {
            if (items[i] is string key)
            {
                dictionary[key] = items[i + 1];
            }
        }
        return true;
    }

    private bool Push(object? value)
    {
        stack.Add(value);
        return true;
    }

    private object? Peek() => stack.Count > 0 && !ReferenceEquals(stack[^1], MarkObject) ? stack[^1] : throw Damaged("takes from an empty stack");

    private object? Pop() => PopLast(1)[0];

    private object?[] PopLast(int count)
    {
        var first = stack.Count - count;
        if (first < 0 || stack.IndexOf(MarkObject, first) >= 0)
        {
            throw Damaged("takes from an empty stack");
        }
        object?[] items = [.. stack[first..]];
        stack.RemoveRange(first, count);
        return items;
    }

    private object?[] PopToMark()
    {
        var mark = stack.LastIndexOf(MarkObject);
        if (mark < 0)
        {
            throw Damaged("takes to a mark that is not there");
        }
        object?[] items = [.. stack[(mark + 1)..]];
        stack.RemoveRange(mark, stack.Count - mark);
        return items;
    }

    private object? Remembered(uint index) => memo.TryGetValue(index, out var value) ? value : throw Damaged($"asks for memo {index}, which was not kept");

    private ReadOnlySpan<byte> Take(uint count)
    {
        if (count > pickle.Length - at)
        {
            throw Damaged("ends in the middle of a value");
        }
        at += (int)count;
        return pickle.AsSpan(at - (int)count, (int)count);
    }

    private string Line()
    {
        var length = pickle.AsSpan(at).IndexOf((byte)'\n');
        var text = length < 0 ? throw Damaged("ends in the middle of a name") : Text(pickle.AsSpan(at, length));
        at += length + 1;
        return text;
    }

    private long Long(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > sizeof(long))
        {
            throw Damaged($"holds an integer of {bytes.Length} bytes, at most 8 are read");
        }
        var value = bytes.Length > 0 && (bytes[^1] & 0x80) != 0 ? -1L : 0;
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            value = value << 8 | bytes[i];
        }
        return value;
    }

    private string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Damaged("holds a text that is no UTF-8");
        }
    }

    private string Remedy => $"If you trust the file, save its tensors alone: python3 -c \"import torch; c = torch.load('{path}', map_location='cpu', weights_only=False); "
        + $"c = c.state_dict() if hasattr(c, 'state_dict') else c; c = next((c[k] for k in ({string.Join(", ", TorchFile.Wrappers.Select(w => $"'{w}'"))}) if isinstance(c.get(k), dict)), c); torch.save({{k: v for k, v in c.items() if torch.is_tensor(v)}}, 'weights.pth')\"";

    private CheckpointException Damaged(string what) => new($"{path}: its pickle is damaged: at byte {opAt} it {what}.");
}
