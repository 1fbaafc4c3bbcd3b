using XClr.Gpu;

namespace XClr.Nn;

/// <summary>
/// A named tensor that a model declares. <paramref name="Decay"/>: weight decay and LARS's adaptation apply (weights yes; biases and batch norm no).
/// <paramref name="Unpadded"/>: the dimensions that hold values, where channels were padded with zeros (which stay zero); null = all do.
/// </summary>
public sealed record ParameterSpec(string Name, Shape Shape, bool Decay, Shape? Unpadded = null)
{
    /// <summary>The usual rule: tensors of more than one dimension decay, 1-D ones do not.</summary>
    public ParameterSpec(string name, Shape shape)
        : this(name, shape, shape.Rank > 1)
    {
    }
}

/// <summary>A declared tensor and where it lies. Offset and Count are in elements (fp32) of the flat buffer.</summary>
public sealed record Parameter(int Index, ParameterSpec Spec, long Offset)
{
    public string Name => Spec.Name;
    public Shape Shape => Spec.Shape;
    public bool Decay => Spec.Decay;
    public long Count => Spec.Shape.Count;
}

/// <summary>
/// All trained tensors of a model in one contiguous fp32 buffer, in the order of declaration, each at a multiple of 512 bytes; gradients and optimiser
/// states lie in buffers of the same layout. The gaps between tensors mean nothing (kernels may overwrite them). Tensors that are not trained (running mean and
/// variance) have a flat buffer of their own.
/// </summary>
public sealed class ParameterSet : IDisposable
{
    /// <summary>Alignment of every tensor, in bytes: twice the largest minStorageBufferOffsetAlignment that Vulkan allows, so that an fp16 copy of the buffer is aligned too.</summary>
    public const int Alignment = 512;

    private const int AlignedElements = Alignment / sizeof(float);
    private readonly Dictionary<string, Parameter> trained;
    private readonly Dictionary<string, Parameter> untrained;

    /// <exception cref="ShapeException">A name occurs twice, or there is no trained tensor.</exception>
    public ParameterSet(IEnumerable<ParameterSpec> parameters, IEnumerable<ParameterSpec>? buffers = null)
    {
        Parameters = LayOut(parameters);
        Buffers = LayOut(buffers ?? []);
        trained = Index(Parameters, "parameter");
        untrained = Index(Buffers, "buffer");
        if (Parameters.Count == 0)
        {
            throw new ShapeException("A ParameterSet needs at least one trained tensor.");
        }
        Values = NewFlat("parameters", MemoryCategory.Parameters);
        Gradients = NewFlat("gradients", MemoryCategory.Gradients);
        BufferValues = Buffers.Count == 0 ? null : new GpuBuffer("buffers", End(Buffers) * sizeof(float), MemoryCategory.Parameters);
    }

    /// <summary>Trained tensors in order.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Tensors that the step updates without a gradient (running statistics), in order.</summary>
    public IReadOnlyList<Parameter> Buffers { get; }

    /// <summary>The flat buffer of the trained values.</summary>
    public GpuBuffer Values { get; }

    /// <summary>The flat buffer of the gradients.</summary>
    public GpuBuffer Gradients { get; }

    /// <summary>The flat buffer of the tensors that are not trained; null where there are none.</summary>
    public GpuBuffer? BufferValues { get; }

    /// <summary>Number of trained values, gaps not counted.</summary>
    public long Count => Parameters.Sum(p => p.Count);

    /// <summary>Elements of a flat buffer, gaps included.</summary>
    public long FlatCount => End(Parameters);

    /// <summary>The value of a trained tensor, under its declared shape.</summary>
    public Tensor Value(string name) => In(Values, name);

    /// <summary>The gradient of a trained tensor, under its declared shape.</summary>
    public Tensor Gradient(string name) => In(Gradients, name);

    /// <summary>A tensor that is not trained, such as "bn1.running_mean".</summary>
    public Tensor Buffer(string name) => BufferIn(BufferValues!.Slice(0, BufferValues.Bytes), name);

    /// <summary>A tensor that is not trained in a copy of <see cref="BufferValues"/>.</summary>
    public Tensor BufferIn(BufferView flat, string name)
    {
        var buffer = Find(untrained, name, "buffer");
        return new Tensor(name, flat.Slice(buffer.Offset * sizeof(float), buffer.Count * sizeof(float)), buffer.Shape);
    }

    /// <summary>True where a trained tensor has this name.</summary>
    public bool Contains(string name) => trained.ContainsKey(name);

    /// <summary>A trained tensor's description.</summary>
    public Parameter Find(string name) => Find(trained, name, "parameter");

    /// <summary>A tensor's view in a flat buffer of this layout: values, gradients or an optimiser's state.</summary>
    public Tensor In(GpuBuffer flat, string name) => View(flat, Find(trained, name, "parameter"));

    /// <summary>A flat buffer of this layout, for a state of the optimiser.</summary>
    public GpuBuffer NewFlat(string name, MemoryCategory category = MemoryCategory.OptimizerState) => new(name, FlatCount * sizeof(float), category);

    public void Dispose()
    {
        Values.Dispose();
        Gradients.Dispose();
        BufferValues?.Dispose();
    }

    private static Tensor View(GpuBuffer flat, Parameter parameter) =>
        new(parameter.Name, flat.Slice(parameter.Offset * sizeof(float), parameter.Count * sizeof(float)), parameter.Shape);

    private static List<Parameter> LayOut(IEnumerable<ParameterSpec> specs)
    {
        var placed = new List<Parameter>();
        long offset = 0;
        foreach (var spec in specs)
        {
            placed.Add(new Parameter(placed.Count, spec, offset));
            offset += Tensor.RoundUp(spec.Shape.Count, AlignedElements);
        }
        return placed;
    }

    private static long End(IReadOnlyList<Parameter> placed) => placed.Count == 0 ? 0 : Tensor.RoundUp(placed[^1].Offset + placed[^1].Count, AlignedElements);

    private static Dictionary<string, Parameter> Index(IEnumerable<Parameter> placed, string what)
    {
        var byName = new Dictionary<string, Parameter>();
        foreach (var parameter in placed)
        {
            if (!byName.TryAdd(parameter.Name, parameter))
            {
                throw new ShapeException($"The {what} '{parameter.Name}' is declared twice.");
            }
        }
        return byName;
    }

    private static Parameter Find(Dictionary<string, Parameter> byName, string name, string what) => byName.TryGetValue(name, out var found)
        ? found
        : throw new ShapeException($"The model has no {what} '{name}'.");
}
