using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Ops;

namespace XClr.Bench.Cases;

/// <summary>One convolution in one direction, with the slots that are in use.</summary>
/// <param name="Pass">Direction.</param>
/// <param name="Geometry">Shapes, stride and padding.</param>
/// <param name="Prologue">x passes through scale and shift as it is loaded; not by the kernels for CPU drivers.</param>
/// <param name="Relu">ReLU follows scale and shift.</param>
/// <param name="Epilogue">Statistics of y are written.</param>
/// <param name="AddEvery">1: the result is added to what is there; s > 1, of a data gradient: only at pixels whose row and column are multiples of s.</param>
/// <param name="OnStore">Scale and shift (and ReLU) are applied to the sums, not to x.</param>
/// <param name="LeaveUnreached">A data gradient leaves the pixels that no output reaches as they are.</param>
public sealed record Conv2dCase(ConvPass Pass, ConvGeometry Geometry, bool Prologue = false, bool Relu = false, bool Epilogue = false, int AddEvery = 0, bool OnStore = false, bool LeaveUnreached = false)
{
    /// <summary>"conv2d_fwd 2x7x5x12 k20 3x3 s2 p1 relu".</summary>
    public string Name => string.Join(' ', new[]
    {
        $"{Pass.OpName()} {Geometry}",
        Relu ? "relu" : Prologue || OnStore ? "affine" : "", OnStore ? "stored" : "", Epilogue ? "stats" : "", ConvWork.AddName(AddEvery), LeaveUnreached ? "unreached left" : "",
    }.Where(s => s.Length > 0));

    /// <summary>Whether a data gradient adds to value <paramref name="index"/> of dx what is there.</summary>
    public static bool IsAddedTo(ConvGeometry g, int addEvery, int index)
    {
        var pixel = index / g.C;
        return addEvery > 0 && pixel / g.W % g.H % addEvery == 0 && pixel % g.W % addEvery == 0;
    }

    /// <summary>The case for a device (the shape of the statistics depends on its kernels).</summary>
    public OpCase ToOpCase(DeviceCaps caps)
    {
        var g = Geometry;
        OpTensor x = new("x", g.X), w = new("w", g.Weights), dy = new("dy", g.Y);
        var vector = new Shape(OnStore ? g.K : g.C);
        List<OpTensor> slots = Prologue || OnStore ? [new("scale", vector), new("shift", vector)] : [];
        NormOnLoad? Slot(IReadOnlyDictionary<string, Tensor> t) => Prologue ? new(t["scale"], t["shift"], Relu) : null;
        switch (Pass)
        {
            case ConvPass.Forward:
                OpTensor y = new("y", g.Y), partials = new("partials", ConvEpilogue.PartialsShape(caps, g));
                return new OpCase(Name, [x, w, .. slots, .. AddEvery > 0 ? [y] : (OpTensor[])[]], [y, .. Epilogue ? [partials] : (OpTensor[])[]], (gpu, t) =>
                    Conv2dOp.Forward(gpu, t["x"], t["w"], t["y"], g, Slot(t), Epilogue ? new(t["partials"]) : null, AddEvery > 0, OnStore ? new(t["scale"], t["shift"], Relu) : null));
            case ConvPass.BackwardData:
                OpTensor dx = new("dx", g.X);
                return new OpCase(Name, [dy, w, .. AddEvery > 0 || LeaveUnreached ? [dx] : (OpTensor[])[]], [dx], (gpu, t) => Conv2dOp.BackwardData(gpu, t["dy"], t["w"], t["dx"], g, AddEvery, leaveUnreached: LeaveUnreached));
            default:
                return new OpCase(Name, [x, dy, .. slots], [new("dw", g.Weights)], (gpu, t) => Conv2dOp.BackwardWeight(gpu, t["x"], t["dy"], t["dw"], g, Slot(t)));
        }
    }
}

/// <summary>Convolutions of every kind at small, ragged shapes.</summary>
public static class Conv2dCases
{
    /// <summary>Kernel sizes, strides, paddings and channel counts off every tile size; images of one pixel; pixels that no output reaches.</summary>
    public static IReadOnlyList<ConvGeometry> Geometries { get; } =
    [
        new(2, 9, 7, 8, 20, 3, 3, 2, 1),
        new(1, 7, 7, 4, 64, 7, 7, 2, 3),
        new(3, 5, 5, 12, 132, 3, 3, 1, 1),
        new(5, 13, 1, 4, 4, 5, 1, 3, 2),
        new(1, 1, 1, 32, 8, 3, 3, 1, 1),
        new(2, 9, 8, 16, 8, 1, 1, 2, 0),
        new(2, 6, 5, 64, 12, 3, 2, 3, 1),
        new(7, 3, 3, 68, 68, 1, 1, 1, 0),
        new(1, 127, 1, 4, 4, 1, 1, 1, 0),
        new(2, 8, 8, 16, 64, 3, 3, 1, 0),
    ];

    public static IEnumerable<Conv2dCase> All =>
    [
        .. Enum.GetValues<ConvPass>().SelectMany(pass => Geometries.Select(g => new Conv2dCase(pass, g))),
        new(ConvPass.Forward, Geometries[0], Prologue: true, Relu: true, Epilogue: true),
        new(ConvPass.Forward, Geometries[2], Prologue: true, Epilogue: true),
        new(ConvPass.Forward, Geometries[7], Prologue: true, Relu: true, Epilogue: true),
        new(ConvPass.Forward, Geometries[0], Epilogue: true),
        new(ConvPass.Forward, Geometries[2], Epilogue: true),
        new(ConvPass.Forward, Geometries[4], Epilogue: true),
        new(ConvPass.Forward, Geometries[7], Epilogue: true),
        new(ConvPass.Forward, Geometries[0], AddEvery: 1),
        .. Geometries.Select((g, i) => new Conv2dCase(ConvPass.Forward, g, OnStore: true, Relu: i % 2 == 0, AddEvery: i % 3 == 0 ? 1 : 0)),
        new(ConvPass.BackwardData, Geometries[0], AddEvery: 1),
        new(ConvPass.BackwardData, Geometries[5], AddEvery: 1),
        // The stride a multiple of it, a part of it, neither.
        new(ConvPass.BackwardData, Geometries[0], AddEvery: 2),
        new(ConvPass.BackwardData, Geometries[5], AddEvery: 2),
        new(ConvPass.BackwardData, Geometries[2], AddEvery: 2),
        new(ConvPass.BackwardData, Geometries[7], AddEvery: 3),
        new(ConvPass.BackwardData, Geometries[0], AddEvery: 3),
        new(ConvPass.BackwardData, Geometries[7], AddEvery: 1),
        // A last tile that begins early: of the widest, and under several taps. Tiles of rows in one tap, of which most hit no pixel.
        new(ConvPass.Forward, new(2, 3, 3, 8, 196, 3, 3, 1, 1)),
        new(ConvPass.BackwardWeight, new(2, 3, 3, 8, 196, 3, 3, 1, 1)),
        new(ConvPass.BackwardData, new(2, 5, 4, 68, 8, 3, 3, 1, 1)),
        new(ConvPass.BackwardWeight, new(3, 1, 1, 64, 12, 3, 3, 1, 1)),
        // Rows of the weights 4 KiB apart.
        new(ConvPass.BackwardData, new(1, 3, 5, 12, 1024, 1, 1, 1, 0)),
        new(ConvPass.BackwardData, new(1, 4, 3, 20, 1024, 3, 3, 2, 1)),
        new(ConvPass.BackwardWeight, Geometries[0], Prologue: true, Relu: true),
        new(ConvPass.BackwardWeight, Geometries[6], Prologue: true),
        // Larger than one binding at the portable floor (1 MiB): runs of images, parts of the weight gradient added across runs.
        new(ConvPass.Forward, new(8, 64, 48, 16, 4, 3, 3, 2, 1), Epilogue: true),
        new(ConvPass.BackwardData, new(8, 64, 48, 16, 4, 3, 3, 2, 1)),
        new(ConvPass.BackwardWeight, new(8, 64, 48, 16, 4, 3, 3, 2, 1)),
        new(ConvPass.BackwardWeight, new(8, 64, 48, 16, 4, 3, 3, 2, 1), Prologue: true, Relu: true),
    ];
}
