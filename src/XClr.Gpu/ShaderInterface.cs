namespace XClr.Gpu;

/// <summary>What a shader binds.</summary>
public enum BindingKind
{
    Storage,

    /// <summary>A uniform texel buffer.</summary>
    Texels,

    /// <summary>A sampled image, without a sampler.</summary>
    Image,
}

/// <summary>A binding of a shader.</summary>
public sealed record ShaderBinding(int Binding, bool NonWritable, bool NonReadable, BindingKind Kind);

/// <summary>What a shader needs that not every device has, by SPIR-V's numbers.</summary>
public enum ShaderCapability
{
    Float16 = 9,
    Int64 = 11,
    StorageBuffer16Bit = 4433,
    BFloat16 = 5116,
    BFloat16Matrices = 5118,
    VulkanMemoryModel = 5345,
    BufferAddresses = 5347,
    CooperativeMatrix = 6022,
}

/// <summary>
/// What a compiled shader expects of its caller, read from the SPIR-V: storage buffers, texel buffers and images (set 0), bytes of push constants, local size
/// (null where a specialisation constant decides), ids of specialisation constants, capabilities beyond the floor. Source: the SPIR-V specification, section 3.
/// </summary>
public sealed record ShaderInterface(
    IReadOnlyList<ShaderBinding> Bindings, int PushBytes, (int X, int Y, int Z)? LocalSize, IReadOnlyList<int> SpecializationIds, IReadOnlyList<ShaderCapability> Capabilities)
{
    /// <summary>Reads a kernel's interface.</summary>
    /// <exception cref="GpuException">The words are no SPIR-V module.</exception>
    public static ShaderInterface Read(ReadOnlySpan<uint> words)
    {
        const uint Magic = 0x07230203;
        if (words.Length < 5 || words[0] != Magic)
        {
            throw new GpuException("These words are no SPIR-V module.");
        }
        var reader = new Reader();
        for (var at = 5; at < words.Length;)
        {
            var count = (int)(words[at] >> 16);
            if (count == 0 || at + count > words.Length)
            {
                throw new GpuException($"The SPIR-V module is damaged at word {at}.");
            }
            reader.Take(words[at] & 0xffff, words.Slice(at + 1, count - 1));
            at += count;
        }
        return reader.Result();
    }

    private sealed class Reader
    {
        private const uint OpTypeInt = 21, OpTypeFloat = 22, OpTypeVector = 23, OpTypeImage = 25, OpTypeArray = 28, OpTypeStruct = 30, OpTypePointer = 32, OpConstant = 43, OpSpecConstantComposite = 51, OpVariable = 59;
        private const uint OpCapability = 17, OpDecorate = 71, OpMemberDecorate = 72, OpExecutionMode = 16, OpExecutionModeId = 331;
        private const uint SpecId = 1, BuiltIn = 11, NonWritable = 24, NonReadable = 25, Binding = 33, Offset = 35, WorkgroupSize = 25, LocalSizeMode = 17;
        private const uint StorageUniformConstant = 0, StoragePushConstant = 9, StorageBuffer = 12;
        private readonly Dictionary<uint, uint> bindingOf = [];
        private readonly HashSet<(uint Id, uint Flag)> flags = [];
        private readonly HashSet<(uint Type, uint Member, uint Flag)> memberFlags = [];
        private readonly Dictionary<(uint Type, uint Member), uint> offsets = [];
        private readonly Dictionary<uint, uint[]> structs = [];
        private readonly Dictionary<uint, int> sizes = [];
        private readonly Dictionary<uint, uint> pointees = [];
        private readonly Dictionary<uint, uint> constants = [];
        private readonly HashSet<uint> images = [];
        private readonly List<(uint Id, uint Pointer, uint Storage)> variables = [];
        private readonly List<int> specIds = [];
        private readonly List<ShaderCapability> capabilities = [];
        private (int, int, int)? local;
        private bool specialisedSize;
        private uint workgroupSize;

        public void Take(uint op, ReadOnlySpan<uint> w)
        {
            switch (op)
            {
                case OpCapability when Enum.IsDefined((ShaderCapability)w[0]):
                    capabilities.Add((ShaderCapability)w[0]);
                    break;
                case OpExecutionMode when w[1] == LocalSizeMode:
                    local = ((int)w[2], (int)w[3], (int)w[4]);
                    break;
                case OpExecutionModeId:
                    specialisedSize = true;
                    break;
                case OpDecorate:
                    Decorate(w);
                    break;
                case OpMemberDecorate when w[2] == Offset:
                    offsets[(w[0], w[1])] = w[3];
                    break;
                case OpMemberDecorate:
                    memberFlags.Add((w[0], w[1], w[2]));
                    break;
                case OpTypeInt or OpTypeFloat:
                    sizes[w[0]] = (int)w[1] / 8;
                    break;
                case OpTypeVector:
                    sizes[w[0]] = sizes.GetValueOrDefault(w[1]) * (int)w[2];
                    break;
                case OpTypeImage:
                    images.Add(w[0]);
                    break;
                case OpTypeArray:
                    sizes[w[0]] = sizes.GetValueOrDefault(w[1]) * (int)constants.GetValueOrDefault(w[2]);
                    break;
                case OpConstant:
                    constants[w[1]] = w[2];
                    break;
                case OpSpecConstantComposite when w[1] == workgroupSize:
                    specialisedSize = true;
                    break;
                case OpTypeStruct:
                    structs[w[0]] = w[1..].ToArray();
                    break;
                case OpTypePointer:
                    pointees[w[0]] = w[2];
                    break;
                case OpVariable:
                    variables.Add((w[1], w[0], w[2]));
                    break;
            }
        }

        public ShaderInterface Result()
        {
            var buffers = variables.Where(v => v.Storage is StorageBuffer or StorageUniformConstant && bindingOf.ContainsKey(v.Id))
                .Select(v => v.Storage == StorageUniformConstant
                    ? new ShaderBinding((int)bindingOf[v.Id], NonWritable: true, NonReadable: false, images.Contains(pointees[v.Pointer]) ? BindingKind.Image : BindingKind.Texels)
                    : new ShaderBinding((int)bindingOf[v.Id], Has(v, NonWritable), Has(v, NonReadable), BindingKind.Storage))
                // A buffer may be declared more than once, to be read in words of several sizes.
                .DistinctBy(b => b.Binding).OrderBy(b => b.Binding).ToList();
            var push = variables.Where(v => v.Storage == StoragePushConstant).Select(v => SizeOf(pointees[v.Pointer])).FirstOrDefault();
            specIds.Sort();
            return new ShaderInterface(buffers, push, specialisedSize ? null : local, specIds, capabilities);
        }

        private void Decorate(ReadOnlySpan<uint> w)
        {
            switch (w[1])
            {
                case Binding:
                    bindingOf[w[0]] = w[2];
                    break;
                case SpecId:
                    specIds.Add((int)w[2]);
                    break;
                case BuiltIn when w[2] == WorkgroupSize:
                    workgroupSize = w[0];
                    break;
                case NonWritable or NonReadable:
                    flags.Add((w[0], w[1]));
                    break;
            }
        }

        // glslang marks every member of the block, newer compilers the variable.
        private bool Has((uint Id, uint Pointer, uint Storage) variable, uint flag)
        {
            var type = pointees[variable.Pointer];
            return flags.Contains((variable.Id, flag))
                || (structs.TryGetValue(type, out var members) && Enumerable.Range(0, members.Length).All(m => memberFlags.Contains((type, (uint)m, flag))));
        }

        private int SizeOf(uint type)
        {
            var members = structs[type];
            var last = (uint)members.Length - 1;
            return (int)offsets.GetValueOrDefault((type, last)) + sizes.GetValueOrDefault(members[^1]);
        }
    }
}
