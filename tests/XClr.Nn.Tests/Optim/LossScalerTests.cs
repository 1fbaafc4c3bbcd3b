using XClr.Gpu;
using XClr.Nn.Optim;

namespace XClr.Nn.Tests.Optim;

public sealed class LossScalerTests
{
    /// <summary>However many steps are skipped between two looks, a gradient can still be divided by the scale; and it grows from there.</summary>
    [SkippableTheory, EachDevice]
    public void The_scale_neither_falls_to_zero_nor_grows_without_bound(string name)
    {
        var device = TestDevices.Get(name);
        const float Floor = 1f / (1 << 30), Top = 1 << 24;
        Assert.Equal(new LossScale(Floor, 0, 8, 4), Updated(device, new(2 * Floor, 5, 4, 0), finite: false, times: 4));
        Assert.Equal(new LossScale(2 * Floor, 0, 8, 0), Updated(device, new(Floor, LossScaler.GrowthInterval - 1, 8, 4), finite: true, times: 1));
        Assert.Equal(new LossScale(Top, 0), Updated(device, new(Top, LossScaler.GrowthInterval - 1), finite: true, times: 1));
        // A step that is made ends the row of skipped ones, whether the scale grows or not.
        Assert.Equal(new LossScale(8, 2, 3, 0), Updated(device, new(8, 1, 3, 2), finite: true, times: 1));
        TestDevices.RequireSilence(device);
    }

    /// <summary>fp16's first scale, 65536, is 1/1024 after 26 steps without an update.</summary>
    [Fact]
    public void Training_ends_below_the_smallest_scale_and_behind_a_longer_row_of_skipped_steps()
    {
        Assert.Null(new LossScale(1f / 1024, Skipped: 30, SkippedInRow: 26).Problem);
        Assert.Contains("26 steps in a row, at a loss scale of 4.9e-4 (30 steps of the run were skipped)", new LossScale(1f / 2048, Skipped: 30, SkippedInRow: 26).Problem);
        Assert.NotNull(new LossScale(1, Skipped: 30, SkippedInRow: 27).Problem);
    }

    private static LossScale Updated(GpuDevice device, LossScale before, bool finite, int times)
    {
        lock (TestDevices.Gate)
        {
            using var scaler = new LossScaler(DType.Float16);
            using var result = new GpuBuffer("result", 16, MemoryCategory.Inputs);
            scaler.Upload(device, before);
            device.Transfer.Upload<float>(result.Slice(0, 16), [1, 1, -1, finite ? 1 : 0]);
            var gpu = new Recorder(device.Caps);
            scaler.Update(gpu, new Tensor("result", result.Slice(0, 16), new Shape(4)));
            using var plan = Plan.Build(device, gpu);
            for (var i = 0; i < times; i++)
            {
                plan.Run();
            }
            return scaler.Download(device);
        }
    }
}
