using XClr.Bench.Cases;
using XClr.Gpu;
using XClr.Nn.Ops;

namespace XClr.Nn.Tests.Ops;

public class CastOpTests
{
    // To the nearest half, ties to even, as .NET rounds.
    [SkippableTheory, EachDevice]
    public void Rounds_to_the_nearest_half(string device)
    {
        foreach (var op in CastCases.All(DType.Float16))
        {
            OpRunner.Check(device, op, t => new Dictionary<string, double[]> { ["y"] = [.. t["x"].Select(v => (double)(Half)v)] }, 0);
        }
    }

    // To the nearest number of eight digits, ties to even.
    [SkippableTheory, EachDevice]
    public void Rounds_to_the_nearest_b_float16(string device)
    {
        static double Nearest(double v)
        {
            var unit = v == 0 ? 1 : Math.ScaleB(1, Math.ILogB(v) - 7);
            return Math.Round(v / unit, MidpointRounding.ToEven) * unit;
        }
        foreach (var op in CastCases.All(DType.BFloat16))
        {
            OpRunner.Check(device, op, t => new Dictionary<string, double[]> { ["y"] = [.. t["x"].Select(Nearest)] }, 0);
        }
        // Ties and carries, the smallest and the largest numbers, what is beyond them, and a NaN whose bits rounding would carry away.
        float[] x = [1 + 1 / 256f, 1 + 3 / 256f, 2 - 1 / 256f, -1 - 1 / 128f, 1e-40f, float.Epsilon, -1e-39f, float.MaxValue, 3.3895e38f, -3.397e38f, float.NegativeInfinity, BitConverter.UInt32BitsToSingle(0x7fffffff)];
        float[] y = [1, 1 + 4 / 256f, 2, -1 - 1 / 128f, BitConverter.UInt32BitsToSingle(0x00010000), 0, BitConverter.UInt32BitsToSingle(0x800b0000), float.PositiveInfinity, 3.3895314e38f, float.NegativeInfinity, float.NegativeInfinity, float.NaN];
        Assert.Equal(y, OpRunner.Run(TestDevices.Get(device), CastCases.Forward([3, 4], DType.BFloat16), new() { ["x"] = x })["y"]);
    }

    [SkippableFact]
    public void What_is_beyond_halves_is_infinite()
    {
        var op = CastCases.Forward([1, 4], DType.Float16);
        Assert.Equal([float.PositiveInfinity, float.NegativeInfinity, 65504, float.NaN], OpRunner.Run(TestDevices.Get(TestDevices.Lavapipe), op, new() { ["x"] = [1e5f, -1e5f, 65504, float.NaN] })["y"]);
    }

    [SkippableFact]
    public void Channels_must_come_in_fours()
    {
        var recorder = new Recorder(TestDevices.Get(TestDevices.Lavapipe).Caps);
        Tensor New(DType type) => recorder.NewTensor("odd", new Shape(2, 3), type: type);
        Assert.Contains("multiple of 4", Assert.Throws<ShapeException>(() => CastOp.Forward(recorder, New(DType.Float32), New(DType.Float16))).Message, StringComparison.Ordinal);
    }
}
