using System.Numerics;
using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// How a workgroup shares out its tile of a product on cooperative matrices (shaders/conv/matrix_tile.glsl): <paramref name="SY"/> x <paramref name="SX"/> subgroups of
/// <paramref name="Lanes"/> invocations, with <paramref name="WM"/> x <paramref name="WN"/> matrices of sums each; a step is <paramref name="Depth"/> deep, and shared memory holds the operands of <paramref name="Stages"/> of them.
/// </summary>
internal readonly record struct MatrixTile(CooperativeMatrixShape Shape, int Lanes, int SY, int SX, int WM, int WN, int Depth, int Stages)
{
    /// <summary>Invocations of a workgroup that every device has; cores of a device that does not say; workgroups per core that fill it.</summary>
    private const int MaxInvocations = 256, UnknownCores = 32, GroupsPerCore = 2;

    /// <summary>Fewer leave a processor's schedulers without work.</summary>
    private const int LeastSubgroups = 4;

    /// <summary>Rows of blocks of statistics: every tile is a whole number of them.</summary>
    private const int BlockRows = Conv2dKernels.TileRows;

    public int Rows => SY * WM * Shape.M;
    public int Columns => SX * WN * Shape.N;
    private int Invocations => Lanes * SY * SX;

    /// <summary>Whether the cost model takes it.</summary>
    public bool IsModelled => Math.Max(Rows, Columns) <= 128 && WM * WN * Shape.M * Shape.N <= 64 * Lanes && Stages == 1;

    /// <summary>" of 16x16x16, 2x2 subgroups, 32 deep twice": what its rows and columns do not say.</summary>
    public override string ToString() => $" of {Shape.M}x{Shape.N}x{Shape.K}, {SY}x{SX} subgroups, {Depth} deep{(Stages > 1 ? " twice" : "")}";

    /// <summary>Values of the specialisation constants 0 to 9.</summary>
    public uint[] Constants => [(uint)Shape.M, (uint)Shape.N, (uint)Shape.K, (uint)Invocations, (uint)SY, (uint)SX, (uint)WM, (uint)WN, (uint)Depth, (uint)Stages];

    /// <summary>
    /// The kernel, and rows and columns of its tile, for a product of so many rows and columns; null where the device has no cooperative matrices of that storage, runs the kernels for CPU drivers, or its compiler does all tiles badly.
    /// The largest tile that hardly pads further than the smallest and leaves <see cref="GroupsPerCore"/> workgroups to each core is taken; with <paramref name="split"/> the sum over the depth is shared out too, so that any tile does.
    /// </summary>
    public static (Kernel<T> Kernel, int Rows, int Columns)? Choose<T>(DeviceCaps caps, KernelVariants<T> variants, DType storage, long rows, long columns, bool split, ReadOnlySpan<uint> constants) where T : unmanaged
    {
        if (caps.CpuKernels)
        {
            return null;
        }
        (Kernel<T> Kernel, int Rows, int Columns)? smallest = null;
        foreach (var tile in Tiles(caps, storage).Where(t => t.IsModelled && t.Suits(rows, columns)))
        {
            var specialised = variants.Matrices(storage).With([.. tile.Constants, .. constants]);
            var isFirstOfSize = smallest is not { } before || (before.Rows, before.Columns) != (tile.Rows, tile.Columns);
            if (isFirstOfSize && !caps.KernelsPassedOver.Contains(specialised.Key))
            {
                smallest = (specialised, tile.Rows, tile.Columns);
                if (split || CeilDiv(rows, tile.Rows) * CeilDiv(columns, tile.Columns) >= GroupsPerCore * (caps.ShaderCores > 0 ? caps.ShaderCores : UnknownCores))
                {
                    break;
                }
            }
        }
        return smallest;
    }

    /// <summary>Whether a product of so many rows and columns has at most an eighth more padding than in tiles of 64 x 64.</summary>
    public bool Suits(long rows, long columns)
    {
        static bool IsClose(long count, int tile) => 8 * CeilDiv(count, tile) * tile <= 9 * CeilDiv(count, BlockRows) * BlockRows;
        return IsClose(rows, Rows) && IsClose(columns, Columns);
    }

    /// <summary>All tiles that fit a device and a storage (none for fp32), from the largest to the smallest; of one size, those with most sums per lane first (64 leave half of the usual 128 registers to operands) and the deeper steps, each with the device's largest matrices first.</summary>
    public static IEnumerable<MatrixTile> Tiles(DeviceCaps caps, DType storage)
    {
        var shapes = storage switch { DType.Float16 => caps.HalfMatrixShapes, DType.BFloat16 => caps.BFloat16MatrixShapes, _ => [] };
        var lanes = caps.MatrixSubgroupSize;
        foreach (var (rows, columns) in new[] { (256, 128), (128, 256), (256, 64), (128, 128), (128, 64), (64, 128), (64, 64) })
        {
            foreach (var (sums, depth, stages) in new[] { (128, 32, 1), (128, 16, 2), (128, 16, 1), (64, 32, 1), (64, 16, 2), (64, 16, 1), (32, 32, 1), (32, 16, 2), (32, 16, 1), (16, 32, 1), (16, 16, 1) })
            {
                // A subgroup's share, square or twice as high as wide.
                var width = 1 << BitOperations.Log2((uint)(sums * lanes)) / 2;
                var height = sums * lanes / width;
                var fitting = shapes.OrderByDescending(s => s.M * s.N * s.K)
                    .Select(shape => new MatrixTile(shape, lanes, rows / height, columns / width, height / shape.M, width / shape.N, depth, stages))
                    .Where(tile => tile.Rows == rows && tile.Columns == columns && tile.Fits(caps)).Take(1);
                foreach (var tile in fitting)
                {
                    yield return tile;
                }
            }
        }
    }

    private bool Fits(DeviceCaps caps)
    {
        var octets = StripColumns / 8;
        return SY * SX >= LeastSubgroups && Depth % Shape.K == 0 && Shape.M % 8 == 0 && Shape.N % 8 == 0 && WM * Shape.M <= BlockRows && Lanes % octets == 0 && Shape.M % (Lanes / octets) == 0
            && Rows * Depth / 8 % Invocations == 0 && Columns * Depth / 8 % Invocations == 0
            && Invocations <= Math.Min(MaxInvocations, caps.MaxComputeWorkGroupInvocations) && SharedBytes <= caps.MaxComputeSharedMemorySize;
    }

    // Of the sums that a subgroup stages at a time on their way out.
    private int StripColumns => Math.Min(WN * Shape.N, 32);

    // As matrix_tile.glsl counts it, whichever way the first operand lies.
    private int SharedBytes
    {
        get
        {
            var operands = Math.Max(Rows * (Depth / 8 + 1), Depth * (Rows / 8 + 1)) + Depth * (Columns / 8 + 1);
            var strips = SY * SX * Shape.M * (StripColumns / 4 + 2) + (WM * Shape.M < BlockRows ? SY * Columns / 2 : 0);
            return 16 * Math.Max(Stages * operands, strips);
        }
    }
}
