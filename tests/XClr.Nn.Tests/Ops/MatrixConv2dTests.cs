using XClr.Bench;
using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;
using XClr.TestKit.References;

namespace XClr.Nn.Tests.Ops;

/// <summary>Convolutions and linear layers on cooperative matrices (suffix `_coopmat`), on the devices that have them; also which tile is taken.</summary>
public sealed class MatrixConv2dTests
{
    private const string Suffix = "_coopmat";

    /// <summary>Beside the cases of all variants: tiles of 128 x 128 in each direction and of 64 x 128, C or K no multiple of 8, slots in use, more than one tile each way.</summary>
    private static readonly IReadOnlyList<Conv2dCase> Cases =
    [
        .. Conv2dCases.All,
        .. Enum.GetValues<ConvPass>().Select(pass => new Conv2dCase(pass, new(2, 15, 11, 120, 116, 3, 3, 1, 1))),
        .. Enum.GetValues<ConvPass>().Select(pass => new Conv2dCase(pass, new(1, 7, 7, 244, 244, 1, 1, 1, 0))),
        new(ConvPass.Forward, new(2, 15, 11, 40, 116, 3, 3, 1, 1), Prologue: true, Relu: true, Epilogue: true, AddEvery: 1),
        new(ConvPass.Forward, new(1, 7, 7, 24, 252, 1, 1, 1, 0), Epilogue: true),
        new(ConvPass.Forward, new(2, 15, 11, 40, 116, 3, 3, 1, 1), OnStore: true, Relu: true, AddEvery: 1),
        new(ConvPass.BackwardWeight, new(5, 33, 31, 16, 24, 3, 3, 2, 1), Prologue: true, Relu: true),
        new(ConvPass.BackwardWeight, new(3, 9, 7, 56, 8, 1, 1, 1, 0)),
        .. Enum.GetValues<ConvPass>().Select(pass => new Conv2dCase(pass, new(2, 15, 11, 192, 128, 1, 1, 1, 0))),
        .. Enum.GetValues<ConvPass>().Select(pass => new Conv2dCase(pass, new(2, 9, 7, 128, 64, 3, 3, 2, 1))),
        new(ConvPass.Forward, new(3, 9, 7, 64, 72, 1, 1, 1, 0), Prologue: true, Relu: true, Epilogue: true),
    ];

    public static EachDeviceAnd Names => new(Cases.Select(c => c.Name));

    /// <summary>With one core the tiles are as large as the shape allows.</summary>
    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Matches_reference(string device, string name)
    {
        var c = Cases.Single(c => c.Name == name);
        var caps = MatrixDevices.Caps(device) with { ShaderCores = 1 };
        foreach (var storage in MatrixDevices.StoragesOf(device))
        {
            var op = c.ToOpCase(caps).In(storage, "x", "w", "y", "dy", "dx");
            Assert.All(Kernels(caps, op), k => Assert.Contains(Suffix, k.Name, StringComparison.Ordinal));
            OpRunner.Check(device, op, t => ConvChecks.Reference(c, caps, t), ConvChecks.StoredTolerance(c, storage, onMatrices: true), ConvChecks.Unread(c.Geometry, c.AddEvery), caps);
        }
    }

    /// <summary>The tiles with shallow steps and fewer sums per lane, which are taken where the compiler does the first ones badly.</summary>
    [SkippableTheory, EachDevice]
    public void Other_tiles_match_reference(string device)
    {
        var caps = MatrixDevices.Caps(device) with { ShaderCores = 1000 };
        var g = new ConvGeometry(2, 9, 7, 40, 64, 3, 3, 1, 1);
        foreach (var c in new Conv2dCase[] { new(ConvPass.Forward, g, Prologue: true, Relu: true, Epilogue: true), new(ConvPass.BackwardData, g, AddEvery: 1), new(ConvPass.BackwardWeight, g) })
        {
            var op = c.ToOpCase(caps).In(DType.Float16, "x", "w", "y", "dy", "dx");
            var depths = new HashSet<uint>();
            for (var kernel = Kernels(caps, op)[0]; kernel.Name.EndsWith(Suffix, StringComparison.Ordinal); kernel = Kernels(caps, op)[0])
            {
                if (depths.Add(kernel.Specialization[8]) || kernel.Specialization[7] == 1)
                {
                    // As in Matches_reference.
                    OpRunner.Check(device, op, t => ConvChecks.Reference(c, caps, t), c.Pass == ConvPass.BackwardWeight ? 3e-5 : 6.0 / 2048, caps: caps);
                }
                caps = caps with { KernelsPassedOver = caps.KernelsPassedOver.Append(kernel.Key).ToHashSet() };
            }
            Assert.Equal([16u, 32u], depths.Order());
        }
    }

    /// <summary>What is too large for a half is stored as infinite, so that the loss scale notices; what lies between two halves goes to the nearer.</summary>
    [SkippableTheory, EachDevice]
    public void Stores_the_nearest_half(string device)
    {
        var caps = MatrixDevices.Caps(device);
        var c = new Conv2dCase(ConvPass.Forward, new(1, 64, 1, 8, 8, 1, 1, 1, 0));
        var op = c.ToOpCase(caps).In(DType.Float16, "x", "w", "y");
        var inputs = OpRunner.Inputs(op);
        // y[m,k] = x[m,0] * w[0,k] + x[m,1]: the first is exact in fp32.
        var (x, w) = (inputs["x"], inputs["w"]);
        for (var i = 0; i < x.Length; i++)
        {
            x[i] = i % 8 == 0 ? (float)(Half)(i < 16 ? 60000 : 1 + i / 1024f) : 0;
            w[i % 64] = i % 64 < 8 ? (float)(Half)(1.37f + i % 64 * 0.113f) : 0;
        }
        var y = OpRunner.Run(TestDevices.Get(device), op, inputs, caps)["y"];
        Assert.All(Enumerable.Range(0, y.Length), i => Assert.Equal((float)(Half)(x[i / 8 * 8] * w[i % 8]), y[i]));
        Assert.Contains(float.PositiveInfinity, y);
    }

    [SkippableTheory, EachDevice]
    public void Linear_layers_match_reference(string device)
    {
        var caps = MatrixDevices.Caps(device);
        foreach (var layer in LinearCases.All)
        {
            var op = layer.ToOpCase();
            op = op.In(DType.Float16, "x", "w", "y", "dy", "dx") with
            {
                Name = $"{layer.Name} matrices",
                Outputs = [.. op.In(DType.Float16, "y", "dx").Outputs.Where(o => o.Name != "dbias")],
                Record = (gpu, t) =>
                {
                    LinearOp.Forward(gpu, t["x"], t["w"], null, t["y"]);
                    LinearOp.BackwardData(gpu, t["dy"], t["w"], t["dx"]);
                    LinearOp.BackwardWeight(gpu, t["x"], t["dy"], t["dw"]);
                },
            };
            Assert.All(Kernels(caps, op), k => Assert.EndsWith(Suffix, k.Name, StringComparison.Ordinal));
            OpRunner.Check(device, op, t => LinearReference.All(layer.M, layer.C, layer.K, t["x"], t["w"], null, t["dy"]).Where(o => o.Key != "dbias").ToDictionary(), 6.0 / 2048, caps: caps);
        }
    }

    /// <summary>The tile follows from the shape, the cores and the compiler's figures; without a tile that runs well the portable kernel is taken.</summary>
    [Fact]
    public void Tile_follows_shape_cores_and_figures()
    {
        var shape = new CooperativeMatrixShape(16, 16, 16, "float16", "float16", "float32", "float32");
        var caps = PaperDevice.Caps with { CooperativeMatrix = true, CooperativeMatrixShapes = [shape with { N = 8 }, shape, shape with { A = "bfloat16", B = "bfloat16" }], ShaderCores = 100 };
        string Key(int m, int k, DType storage = DType.Float16, int c = 64) => Kernels(caps, new Conv2dCase(ConvPass.Forward, new(1, m, 1, c, k, 1, 1, 1, 0)).ToOpCase(caps).In(storage, "x", "w", "y")).Single().Key;
        Assert.Equal("conv/conv2d_fwd_bf16<0,0,0,2>", Key(128 * 200, 128, DType.BFloat16));
        caps = caps with { BFloat16 = true, BFloat16Matrices = true, PipelineStatistics = true };
        // 128 sums per lane; 200 workgroups run at a time.
        Assert.Equal("conv/conv2d_fwd_coopmat_bf16<16,16,16,128,2,2,4,4,32,0,0,0,31>", Key(128 * 200, 128, DType.BFloat16, 192));
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,2,2,4,4,32,0,0,0,31>", Key(128 * 200, 128, c: 192));
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,2,2,4,4,32,0,0,0,31>", Key(128 * 200, 128));
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,2,2,4,2,32,0,0,0,31>", Key(128 * 200, 64));
        // 160 of 200 places are enough for large tiles, 100 are not; 300 workgroups keep three quarters of two rounds busy, twice as many of half the size all of three.
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,2,2,4,4,32,0,0,0,31>", Key(128 * 160, 128, c: 192));
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,1,4,4,2,32,0,0,0,31>", Key(128 * 100, 128, c: 192));
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,1,4,4,2,32,0,0,0,31>", Key(128 * 300, 128, c: 192));
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,2,2,2,2,32,0,0,0,29>", Key(500, 68, c: 192));
        caps = caps with { KernelsPassedOver = new HashSet<string> { Key(500, 64, c: 192) } };
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,2,2,2,2,16,0,0,0,31>", Key(500, 64, c: 192));
        while (Key(500, 64) is var key && key.Contains(Suffix, StringComparison.Ordinal))
        {
            caps = caps with { KernelsPassedOver = caps.KernelsPassedOver.Append(key).ToHashSet() };
        }
        Assert.Equal("conv/conv2d_fwd_f16<0,0,0,1>", Key(500, 64));
        caps = caps with { KernelsPassedOver = new HashSet<string>(), ShaderFloat16 = false, PipelineStatistics = false };
        Assert.Equal("conv/conv2d_fwd_f16<0,0,0,2>", Key(128 * 200, 128));
    }

    /// <summary>A compiler that does not say what spills is given no tile that might, and matrices that do not pay, or whose subgroup size a kernel cannot ask for, are not used.</summary>
    [Fact]
    public void Matrices_are_used_with_care_where_little_is_known_of_them()
    {
        var shape = new CooperativeMatrixShape(16, 16, 16, "float16", "float16", "float32", "float32");
        var told = PaperDevice.Caps with { CooperativeMatrix = true, CooperativeMatrixShapes = [shape], PipelineStatistics = true, ShaderCores = 100 };
        string Key(DeviceCaps caps) => Kernels(caps, new Conv2dCase(ConvPass.Forward, new(1, 128 * 200, 1, 192, 128, 1, 1, 1, 0)).ToOpCase(caps).In(DType.Float16, "x", "w", "y")).Single().Key;
        Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,128,2,2,4,4,32,0,0,0,31>", Key(told));
        foreach (var silent in new[] { told with { PipelineStatistics = false }, told with { HidesSpills = true } })
        {
            Assert.Equal("conv/conv2d_fwd_coopmat<16,16,16,256,2,4,2,2,32,0,0,0,31>", Key(silent));
        }
        Assert.Equal("conv/conv2d_fwd_f16<0,0,0,4>", Key(told with { MatricesPay = false }));
        var sizes = told with { MinSubgroupSize = 8 };
        Assert.Equal("conv/conv2d_fwd_f16<0,0,0,4>", Key(sizes));
        Assert.Contains(Suffix, Key(sizes with { SubgroupSizeControl = true }), StringComparison.Ordinal);
    }

    /// <summary>Operands are loaded from shared memory in words of eight values, so that matrices whose depth is no multiple of eight are of no use.</summary>
    [Theory]
    [InlineData(16, true)]
    [InlineData(8, true)]
    [InlineData(4, false)]
    public void A_depth_is_whole_words_of_shared_memory(int depth, bool fits)
    {
        var caps = PaperDevice.Caps with { CooperativeMatrix = true, CooperativeMatrixShapes = [new CooperativeMatrixShape(16, 16, depth, "float16", "float16", "float32", "float32")] };
        Assert.Equal(fits, MatrixTile.Tiles(caps, DType.Float16).Any());
    }

    /// <summary>A split sum has the fewest parts that keep nine tenths of the device busy, or of those that do not the ones that keep most.</summary>
    [Theory]
    [InlineData(36, 1000, 5)]
    [InlineData(144, 1000, 4)]
    [InlineData(144, 2, 1)]
    [InlineData(1, 64, 64)]
    [InlineData(1000, 7, 1)]
    public void Parts_fill_the_device(int groups, int most, int parts) =>
        Assert.Equal(parts, MatrixTile.Parts(PaperDevice.Caps with { ShaderCores = 100 }, groups, most));

    // What multiplies in a case.
    private static IReadOnlyList<Kernel> Kernels(DeviceCaps caps, OpCase op)
    {
        var gpu = new Recorder(caps);
        op.Record(gpu, op.NewTensors());
        return [.. gpu.Dispatches.Select(d => d.Kernel).Where(k => k.Name.StartsWith("conv/conv2d", StringComparison.Ordinal) && !k.Name.Contains("taps", StringComparison.Ordinal))];
    }
}
