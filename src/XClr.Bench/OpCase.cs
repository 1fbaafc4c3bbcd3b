using XClr.Gpu;
using XClr.Nn;

namespace XClr.Bench;

/// <summary>How an input of an op case is filled: seeded, the same on every machine.</summary>
public enum Fill
{
    Normal,
    Uniform01,
    Positive,
    Zero,
}

/// <summary>A tensor that an op case binds. Integer tensors (UInt32, UInt8) are filled by the case's own <paramref name="Values"/>.</summary>
public sealed record OpTensor(string Name, Shape Shape, Fill Fill = Fill.Normal, DType Type = DType.Float32, Func<uint[]>? Values = null);

/// <summary>
/// One op at one shape. The same list serves tests (with a double-precision reference), benchmarks and the driver matrix.
/// An output whose name is also an input's is read and written in place.
/// </summary>
/// <param name="Name">Kernel family and shapes: "conv2d_fwd 2x7x5x12 k20 3x3 s2 p1".</param>
/// <param name="Inputs">Tensors that are filled before the run.</param>
/// <param name="Outputs">Tensors that are read back after it.</param>
/// <param name="Record">Records the op on tensors found by name.</param>
public sealed record OpCase(string Name, IReadOnlyList<OpTensor> Inputs, IReadOnlyList<OpTensor> Outputs, Action<Recorder, IReadOnlyDictionary<string, Tensor>> Record)
{
    public override string ToString() => Name;

    /// <summary>A persistent tensor for every input and output, by name; not placed yet.</summary>
    public Dictionary<string, Tensor> NewTensors() =>
        Inputs.Concat(Outputs).DistinctBy(t => t.Name).ToDictionary(t => t.Name, t => Tensor.Persistent(t.Name, t.Shape, MemoryCategory.Inputs, t.Type));

    /// <summary>The same case with these tensors stored as fp16 or bf16; itself for fp32.</summary>
    public OpCase In(DType storage, params IReadOnlyList<string> names)
    {
        if (storage == DType.Float32)
        {
            return this;
        }
        OpTensor Stored(OpTensor t) => names.Contains(t.Name) ? t with { Type = storage } : t;
        return this with { Name = $"{Name} {(storage == DType.BFloat16 ? "bf16" : "f16")}", Inputs = [.. Inputs.Select(Stored)], Outputs = [.. Outputs.Select(Stored)] };
    }
}
