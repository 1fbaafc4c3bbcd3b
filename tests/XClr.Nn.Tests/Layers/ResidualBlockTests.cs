using XClr.Gpu;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Tests.Ops;

namespace XClr.Nn.Tests.Layers;

/// <summary>Two bottlenecks, the first with a projection, whose last convolutions keep no output (<see cref="MomentNormOp"/>), beside the same two that keep it.</summary>
public sealed class ResidualBlockTests
{
    private static readonly Shape Input = new(8, 8, 8, 64), Output = new(8, 8, 8, 256);

    /// <summary>
    /// Neither y, nor dx, nor the parameters' gradients are further from fp32's than of blocks that store the outputs in 16 bits; with two passes, whose gradients add up, too.
    /// </summary>
    [SkippableTheory, EachDevice]
    public void Last_convolutions_without_outputs_are_as_close_to_fp32(string name)
    {
        var device = TestDevices.Get(name);
        // With one core all tiles are alike: fewer kernels to compile.
        var caps = MatrixDevices.Caps(name) with { LaneRowKernels = false, ShaderCores = 1 };
        foreach (var storage in MatrixDevices.StoragesOf(name))
        {
            foreach (var passes in new[] { 1, 2 })
            {
                var want = Run(device, device.Caps, DType.Float32, passes);
                var stored = Run(device, caps, storage, passes);
                var moments = Run(device, caps with { MomentNormRows = 0 }, storage, passes);
                foreach (var (what, values) in want)
                {
                    double Distance(float[] from) => Math.Sqrt(from.Zip(values, (a, b) => ((double)a - b) * ((double)a - b)).Sum() / values.Sum(v => (double)v * v));
                    // That is what 16 bits cost on the longest way, ReLUs that close or open by it included; a fifth of it may be chance.
                    Assert.InRange(Distance(stored[what]), 0, 128 * StoredValues.Rounding(storage));
                    Assert.True(Distance(moments[what]) <= 1.25 * Distance(stored[what]), $"{storage}, {passes} passes, {what}: {Distance(moments[what]):g3} of its norm from fp32, with stored outputs {Distance(stored[what]):g3}");
                }
            }
        }
        TestDevices.RequireSilence(device);
    }

    // A device's forward and backward passes, by what they leave.
    private static Dictionary<string, float[]> Run(GpuDevice device, DeviceCaps caps, DType storage, int passes)
    {
        var specs = new ResNetBlueprint(new ModelSpec(Arch.ResNet50)).Blocks.Take(2).ToList();
        var layers = specs.SelectMany(b => b.Downsample is { } d ? b.Main.Append(d) : b.Main).ToList();
        lock (TestDevices.Gate)
        {
            using var parameters = new ParameterSet(layers.SelectMany(l => l.Parameters), layers.SelectMany(l => l.Buffers));
            var working = new WorkingSet(parameters);
            var blocks = specs.ConvertAll(s => new ResidualBlock(s, working));
            Tensor Persistent(string name, Shape shape) => Tensor.Persistent(name, shape, MemoryCategory.Inputs, storage);
            Tensor x = Persistent("x", Input), dy = Persistent("dy", Output), y = Persistent("y", Output), dx = Persistent("dx", Input);
            GpuBuffer[] images = [x.View.Buffer, dy.View.Buffer, y.View.Buffer, dx.View.Buffer];
            try
            {
                device.Place([parameters.Values, parameters.Gradients, parameters.BufferValues!, .. images]);
                Fill(device, parameters, [x, dy]);
                var gpu = new Recorder(caps);
                working.Begin(gpu, storage, Mode.Train, parameters.FlatCount);
                for (var pass = 0; pass < passes; pass++)
                {
                    working.BeginForward(moveStatistics: true);
                    Copy(gpu, blocks.Aggregate(x, (hidden, block) => block.Forward(gpu, hidden, Mode.Train)), y);
                    working.BeginBackward(accumulate: pass > 0);
                    var gradient = gpu.NewTensor("gradient", Output, type: storage);
                    Copy(gpu, dy, gradient);
                    Copy(gpu, blocks[0].Backward(gpu, blocks[1].Backward(gpu, new(gradient), blocks[0].PassAbove), null).Values, dx);
                }
                Assert.Equal(caps.MomentNormRows == 0, gpu.Dispatches.Any(d => d.Kernel.Name == "norm/momentnorm_stats"));
                using var plan = Plan.Build(device, gpu, new PlanOptions { Poison = true });
                plan.Run();
                return new()
                {
                    ["y"] = StoredValues.Download(device, y), ["dx"] = StoredValues.Download(device, dx),
                    ["gradients"] = [.. parameters.Parameters.SelectMany(p => device.Transfer.Download(parameters.Gradient(p.Name), (int)p.Count))],
                };
            }
            finally
            {
                foreach (var buffer in images)
                {
                    buffer.Dispose();
                }
            }
        }
    }

    // Weights of He's scale, gammas next to one, betas next to zero; images.
    private static void Fill(GpuDevice device, ParameterSet parameters, Tensor[] images)
    {
        var random = new Random(1);
        foreach (var parameter in parameters.Parameters)
        {
            var (scale, center) = parameter.Shape.Rank > 1 ? (Math.Sqrt(2.0 / (parameter.Shape.Count / parameter.Shape.Dims[^1])), 0) : (0.3, parameter.Name.EndsWith(".weight", StringComparison.Ordinal) ? 1 : 0);
            device.Transfer.Upload<float>(parameters.Value(parameter.Name), RandomValues.Normal(random, parameter.Count, scale, center));
        }
        device.Transfer.Upload<float>(parameters.BufferValues!.Slice(0, parameters.BufferValues.Bytes), new float[parameters.BufferValues.Bytes / sizeof(float)]);
        foreach (var image in images)
        {
            StoredValues.Upload(device, image, RandomValues.Normal(random, image.Shape.Count));
        }
    }

    // Windows of one pixel.
    private static void Copy(Recorder gpu, Tensor from, Tensor to) => MaxPoolOp.Forward(gpu, from, new PoolWindow(1, 1, Stride: 1, Pad: 0), to, argmax: null);
}
