using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Layers;

/// <summary>
/// What the layers of a pass work on in the place of the model's own tensors: convolution weights in the activations' storage (copies of 16 bits, made once per pass; fp32 as they are), and in
/// training running statistics of its own, which become the model's only where the step's update is made.
/// </summary>
internal sealed class WorkingSet(ParameterSet parameters)
{
    private readonly record struct CopyParams(uint Quads);

    private const int Columns = ParameterSet.Alignment / sizeof(float);

    private static readonly Kernel<CopyParams> Copy = new("norm/running_copy_update", reads: 1, writes: 1);
    private static readonly Kernel<CopyParams> Take = new("norm/running_commit_update", reads: 2, writes: 1);

    private Tensor? weights, statistics;
    private bool movesStatistics;

    /// <summary>The model's own tensors.</summary>
    public ParameterSet Parameters => parameters;

    /// <summary>Records what a pass begins with. <paramref name="weightCount"/>: elements of the flat buffer before the first tensor that is needed in fp32 only.</summary>
    public void Begin(Recorder gpu, DType storage, Mode mode, long weightCount)
    {
        weights = storage == DType.Float32 ? null : Copies(gpu, storage, weightCount);
        statistics = mode == Mode.Train && parameters.BufferValues is { } flat ? Begin(gpu, flat) : null;
    }

    /// <summary>Whether the backward pass adds to the parameters' gradients instead of writing them.</summary>
    public bool AddsGradients { get; private set; }

    /// <summary>Says whether the next pass moves the running statistics.</summary>
    public void BeginForward(bool moveStatistics) => movesStatistics = moveStatistics;

    /// <summary>Says whether the next backward pass adds to the parameters' gradients.</summary>
    public void BeginBackward(bool accumulate) => AddsGradients = accumulate;

    /// <summary>A convolution's weight in the storage of the activations.</summary>
    public Tensor Weight(string name)
    {
        if (weights is null)
        {
            return parameters.Value(name);
        }
        var parameter = parameters.Find(name);
        var bytes = Tensor.SizeOf(weights.Type);
        return new Tensor(name, weights.View.Slice(parameter.Offset * bytes, parameter.Count * bytes), parameter.Shape, weights.Type);
    }

    /// <summary>A batch norm's parameters (null: none) and the running statistics to use and move.</summary>
    public BatchNormState Norm(string name, bool affine = true)
    {
        var state = new BatchNormState(
            affine ? parameters.Value($"{name}.weight") : null, affine ? parameters.Value($"{name}.bias") : null, Statistic($"{name}.running_mean"), Statistic($"{name}.running_var"));
        return movesStatistics ? state : state with { Momentum = 0 };
    }

    /// <summary>Records that the moved running statistics become the model's. optimizerResult: <see cref="Optim.Optimizer.Result"/>, which says whether the update was made.</summary>
    public void Commit(Recorder gpu, Tensor optimizerResult)
    {
        if (statistics is not null)
        {
            var quads = statistics.Shape.Count / 4;
            gpu.Dispatch(Take, OpMath.CeilDiv(quads, 64), new CopyParams((uint)quads), reads: [statistics, optimizerResult], writes: [Flat(parameters.BufferValues!)], detail: $"{statistics.Shape.Count}");
        }
    }

    private Tensor Statistic(string name) => statistics is null ? parameters.Buffer(name) : parameters.BufferIn(statistics, name);

    private Tensor Copies(Recorder gpu, DType storage, long count)
    {
        var shape = new Shape((int)(count / Columns), Columns);
        var copies = gpu.NewTensor("working_weights", shape, MemoryCategory.Parameters, storage);
        CastOp.Forward(gpu, new Tensor("weights", parameters.Values.Slice(0, count * sizeof(float)), shape), copies);
        return copies;
    }

    private static Tensor Begin(Recorder gpu, GpuBuffer flat)
    {
        var source = Flat(flat);
        var moved = gpu.NewTensor("running_statistics", source.Shape, MemoryCategory.Parameters);
        var quads = source.Shape.Count / 4;
        gpu.Dispatch(Copy, OpMath.CeilDiv(quads, 64), new CopyParams((uint)quads), reads: [source], writes: [moved], detail: $"{source.Shape.Count}");
        return moved;
    }

    private static Tensor Flat(GpuBuffer flat) => new(flat.Name, flat.Slice(0, flat.Bytes), new Shape((int)(flat.Bytes / sizeof(float))));
}
