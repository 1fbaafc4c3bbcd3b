using XClr.Gpu;

namespace XClr.Gpu.Tests;

public class PlanTests
{
    [SkippableTheory, EachDevice]
    public void Uploads_are_read_back_and_validation_is_silent(string name)
    {
        using var device = TestDevices.Open(name);
        using var buffer = new GpuBuffer("data", 40 << 20, MemoryCategory.Inputs);
        var data = new uint[buffer.Bytes / 4];
        for (var i = 0u; i < data.Length; i++)
        {
            data[i] = i * 2654435761u;
        }
        device.Transfer.Upload<uint>(buffer, data);
        var back = new uint[data.Length];
        device.Transfer.Download(buffer.View, back.AsSpan());
        Assert.True(data.AsSpan().SequenceEqual(back));
        TestDevices.RequireSilence(device);
    }

    /// <summary>Of sizes of which no whole number fills the staging memory.</summary>
    [SkippableFact]
    public void Uploads_go_round_their_staging_memory()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var buffer = new GpuBuffer("data", 7 << 20, MemoryCategory.Inputs);
        var (data, back) = (new byte[buffer.Bytes], new byte[buffer.Bytes]);
        for (var i = 0; i < 6; i++)
        {
            Array.Fill(data, (byte)i);
            device.Transfer.Upload<byte>(buffer, data);
            device.Transfer.Download(buffer.View, back.AsSpan());
            Assert.True(data.AsSpan().SequenceEqual(back), $"round {i}");
        }
        TestDevices.RequireSilence(device);
    }

    [SkippableTheory, EachDevice]
    public void A_buffer_may_be_disposed_while_an_upload_writes_to_it(string name)
    {
        using var device = TestDevices.Open(name);
        var data = new byte[96 << 20];
        for (var i = 0; i < 3; i++)
        {
            using var buffer = new GpuBuffer("data", data.Length, MemoryCategory.Inputs);
            device.Transfer.Upload<byte>(buffer, data);
        }
        TestDevices.RequireSilence(device);
    }
}
