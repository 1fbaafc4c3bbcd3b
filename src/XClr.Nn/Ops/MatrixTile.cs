using System.Numerics;
using XClr.Gpu;
using static XClr.Nn.Ops.OpMath;

namespace XClr.Nn.Ops;

/// <summary>
/// How a workgroup shares out its tile of a product on cooperative matrices (shaders/conv/matrix_tile.glsl): <paramref name="SY"/> x <paramref name="SX"/> subgroups of
/// <paramref name="Lanes"/> invocations, with <paramref name="WM"/> x <paramref name="WN"/> matrices of sums each; a step is <paramref name="Depth"/> deep.
/// </summary>
internal readonly record struct MatrixTile(CooperativeMatrixShape Shape, int Lanes, int SY, int SX, int WM, int WN, int Depth)
{
    /// <summary>Invocations of a workgroup that every device has; cores of a device that does not say; workgroups that a core runs at a time.</summary>
    private const int MaxInvocations = 256, UnknownCores = 32, GroupsPerCore = 2;

    /// <summary>Share of the device that the workgroups of a product keep busy, the last round of them included, that is enough.</summary>
    private const double EnoughBusy = 0.8, EnoughBusyParts = 0.9;

    /// <summary>Sums per lane that every compiler seen has registers for (Intel's for no more).</summary>
    private const int CautiousSums = 32;

    /// <summary>Fewer leave a processor's schedulers without work.</summary>
    private const int LeastSubgroups = 4;

    /// <summary>Rows of blocks of statistics: every tile is a whole number of them.</summary>
    private const int BlockRows = Conv2dKernels.TileRows;

    public int Rows => SY * WM * Shape.M;
    public int Columns => SX * WN * Shape.N;
    private int Invocations => Lanes * SY * SX;

    /// <summary>Columns of a subgroup.</summary>
    public int SubgroupColumns => WN * Shape.N;

    private int SumsPerLane => WM * WN * Shape.M * Shape.N / Lanes;

    /// <summary>" of 16x16x16, 2x2 subgroups, 32 deep": what its rows and columns do not say.</summary>
    public override string ToString() => $" of {Shape.M}x{Shape.N}x{Shape.K}, {SY}x{SX} subgroups, {Depth} deep";

    /// <summary>Values of the specialisation constants 0 to 8.</summary>
    public uint[] Constants => [(uint)Shape.M, (uint)Shape.N, (uint)Shape.K, (uint)Invocations, (uint)SY, (uint)SX, (uint)WM, (uint)WN, (uint)Depth];

    /// <summary>
    /// The kernel, and rows and columns of its tile, for a product of so many rows and columns; null where the device has no cooperative matrices of that storage, runs the kernels for CPU drivers, or its
    /// compiler does all tiles badly. The first tile (<see cref="Modelled"/>) that hardly pads further than the smallest and whose workgroups keep <see cref="EnoughBusy"/> of the device busy, else the one that keeps most of it; with
    /// <paramref name="split"/> the sum is shared out too (<see cref="Parts"/>), so that any tile does. None whose subgroups have fewer than <paramref name="leastColumns"/>; on a card whose compiler does not say what spills, none that might.
    /// </summary>
    public static TiledKernel<T>? Choose<T>(DeviceCaps caps, KernelVariants<T> variants, DType storage, long rows, long columns, bool split, ReadOnlySpan<uint> constants, int leastColumns = 0) where T : unmanaged
    {
        if (caps.CpuKernels)
        {
            return null;
        }
        TiledKernel<T>? best = null;
        var bestBusy = 0.0;
        var mostSums = caps.TellsSpills || caps.Kind == GpuKind.Cpu ? int.MaxValue : CautiousSums;
        foreach (var tile in Modelled(caps, storage, split).Where(t => t.Suits(rows, columns) && t.SubgroupColumns >= leastColumns && t.SumsPerLane <= mostSums))
        {
            var specialised = variants.Matrices(storage).With([.. tile.Constants, .. constants]);
            if (caps.KernelsPassedOver.Contains(specialised.Key))
            {
                continue;
            }
            var busy = split ? 1 : Busy(caps, CeilDiv(rows, tile.Rows) * CeilDiv(columns, tile.Columns));
            // Of one size the first that the compiler does well.
            if (busy > bestBusy)
            {
                (best, bestBusy) = (new(specialised, tile.Rows, tile.Columns), busy);
            }
            if (busy >= EnoughBusy)
            {
                break;
            }
        }
        return best;
    }

    /// <summary>Whether so many workgroups keep enough of the device busy, the last round of them included; true where it does not tell its cores.</summary>
    public static bool IsBusy(DeviceCaps caps, long groups) => caps.ShaderCores == 0 || Busy(caps, groups) >= EnoughBusy;

    /// <summary>Parts of a sum that is shared out, each of so many workgroups: the fewest that keep <see cref="EnoughBusyParts"/> of the device busy, of at most <paramref name="most"/>.</summary>
    public static int Parts(DeviceCaps caps, long groups, int most)
    {
        var (best, bestBusy) = (1, 0.0);
        for (var parts = 1; parts <= most && bestBusy < EnoughBusyParts && (parts - 1) * groups <= 8 * Slots(caps); parts++)
        {
            if (Busy(caps, parts * groups) is var busy && busy > bestBusy)
            {
                (best, bestBusy) = (parts, busy);
            }
        }
        return best;
    }

    // Workgroups that run at a time, and the share of them that work does so many keep busy.
    private static long Slots(DeviceCaps caps) => GroupsPerCore * (caps.ShaderCores > 0 ? caps.ShaderCores : UnknownCores);

    private static double Busy(DeviceCaps caps, long groups) => (double)groups / (CeilDiv(groups, Slots(caps)) * Slots(caps));

    /// <summary>Whether a product of so many rows and columns has at most an eighth more padding than in tiles of 64 x 64.</summary>
    public bool Suits(long rows, long columns)
    {
        static bool IsClose(long count, int tile) => 8 * CeilDiv(count, tile) * tile <= 9 * CeilDiv(count, BlockRows) * BlockRows;
        return IsClose(rows, Rows) && IsClose(columns, Columns);
    }

    /// <summary>
    /// The tiles that the cost model takes (docs/decisions.md), the best first: those of four subgroups with most sums per lane (of products whose sum is shared out also those that are longer than wide: of others they are too few); then
    /// the larger before the smaller, and of one size those with most sums per lane and deep steps first, since they read shared memory least often.
    /// </summary>
    public static IEnumerable<MatrixTile> Modelled(DeviceCaps caps, DType storage, bool split) =>
    [
        .. Of(caps, storage, [(128, 128)], [(128, 32)]),
        .. split ? Of(caps, storage, [(256, 64), (64, 256)], [(128, 32)]) : [],
        .. Of(caps, storage, [(64, 128), (128, 64)], [(64, 32)]),
        .. Of(caps, storage, [(128, 128), (64, 128), (128, 64), (64, 64)], [(64, 32), (64, 16), (32, 32), (32, 16), (16, 32), (16, 16)]),
    ];

    /// <summary>All tiles that fit a device and a storage (none for fp32); none twice.</summary>
    public static IEnumerable<MatrixTile> Tiles(DeviceCaps caps, DType storage) =>
        [.. Modelled(caps, storage, split: true).Concat(Of(caps, storage, [(256, 128), (128, 256)], [(128, 32)])).Distinct()];

    // Tiles of such sizes, with such sums per lane and depths of a step; each with the device's largest matrices that fit.
    private static IEnumerable<MatrixTile> Of(DeviceCaps caps, DType storage, (int Rows, int Columns)[] sizes, (int Sums, int Depth)[] shares)
    {
        var shapes = !caps.UsesMatrices ? [] : storage switch { DType.Float16 => caps.HalfMatrixShapes, DType.BFloat16 => caps.BFloat16MatrixShapes, _ => [] };
        CooperativeMatrixShape[] largestFirst = [.. shapes.OrderByDescending(s => s.M * s.N * s.K)];
        IEnumerable<MatrixTile> Shaped((int Rows, int Columns) size, (int Sums, int Depth) share)
        {
            // A subgroup's share, square or twice as high as wide.
            var lanes = caps.MatrixSubgroupSize;
            var width = 1 << BitOperations.Log2((uint)(share.Sums * lanes)) / 2;
            var height = share.Sums * lanes / width;
            return largestFirst.Select(shape => new MatrixTile(shape, lanes, size.Rows / height, size.Columns / width, height / shape.M, width / shape.N, share.Depth))
                .Where(tile => (tile.Rows, tile.Columns) == size && tile.Fits(caps)).Take(1);
        }
        return sizes.SelectMany(size => shares.SelectMany(share => Shaped(size, share)));
    }

    private bool Fits(DeviceCaps caps) =>
        SY * SX >= LeastSubgroups && Depth % Shape.K == 0 && Shape.M % 8 == 0 && Shape.N % 8 == 0 && Shape.K % 8 == 0 && WM * Shape.M <= BlockRows && SharesStrips(NarrowStrip) && SharesStrips(WideStrip)
        && Rows * Depth / 8 % Invocations == 0 && Columns * Depth / 8 % Invocations == 0
        && Invocations <= Math.Min(MaxInvocations, caps.MaxComputeWorkGroupInvocations) && SharedBytes <= caps.MaxComputeSharedMemorySize;

    // Whether each lane has the same number of octets of a strip of at most so many columns.
    private bool SharesStrips(int width) => Math.Min(SubgroupColumns, width) / 8 is var octets && Lanes % octets == 0 && Shape.M % (Lanes / octets) == 0;

    // Columns of the sums that a subgroup stages at a time on their way out; the more where that takes no more memory than the operands did.
    private const int NarrowStrip = 32, WideStrip = 64;

    // As matrix_tile.glsl counts it, whichever way the first operand lies.
    private int SharedBytes
    {
        get
        {
            var operands = Math.Max(Rows * (Depth / 8 + 1), Depth * (Rows / 8 + 1)) + Depth * (Columns / 8 + 1);
            var strips = SY * SX * Shape.M * (Math.Min(SubgroupColumns, NarrowStrip) / 4 + 2) + (WM * Shape.M < BlockRows ? SY * Columns / 2 : 0);
            return 16 * Math.Max(operands, strips);
        }
    }
}
