using XClr.Gpu;
using XClr.TestKit;
using Xunit;

namespace XClr.Gpu.Tests;

public class DeviceTests
{
    [Theory]
    [InlineData("maxStorageBufferRange=1M", 1 << 20)]
    [InlineData("maxStorageBufferRange=4096, shaderFloat16=0", 4096)]
    public void Caps_can_be_lowered(string text, long range) => Assert.Equal(range, PaperDevice.Caps.Lower(text).MaxStorageBufferRange);

    [Theory]
    [InlineData("maxStorageBufferRange=8G", "can only be lowered")]
    [InlineData("cooperativeMatrix=1", "lacks")]
    [InlineData("bFloat16=1", "lacks")]
    [InlineData("colour=1", "colour")]
    [InlineData("shaderInt64", "name=value")]
    [InlineData("maxPushConstantsSize=many", "many")]
    public void Caps_are_not_raised_nor_guessed(string text, string told)
    {
        var error = Assert.Throws<GpuException>(() => PaperDevice.Caps.Lower(text));
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_best_device_is_chosen_and_wishes_are_followed()
    {
        DeviceInfo Device(int index, string name, GpuKind kind, long bytes) =>
            new(index, PaperDevice.Caps with { Name = name, Kind = kind, DeviceLocalBytes = bytes, DeviceUuid = new Guid(index, 1, 2, new byte[8]) });
        DeviceInfo[] devices = [Device(0, "llvmpipe", GpuKind.Cpu, 64), Device(1, "Card A", GpuKind.Discrete, 8), Device(2, "Card B", GpuKind.Discrete, 16), Device(3, "Iris", GpuKind.Integrated, 32)];
        Assert.Equal(2, DeviceSelector.Pick(devices, null).Index);
        // SwiftShader takes a hundred times as long as lavapipe.
        DeviceInfo[] drivers = [new(0, devices[0].Caps with { SubgroupSize = 4, DeviceLocalBytes = 128 }), new(1, devices[0].Caps with { SubgroupSize = 8 })];
        Assert.Equal(1, DeviceSelector.Pick(drivers, null).Index);
        Assert.Equal(3, DeviceSelector.Pick(devices, "iris").Index);
        Assert.Equal(0, DeviceSelector.Pick(devices, "0").Index);
        Assert.Equal(1, DeviceSelector.Pick(devices, devices[1].Caps.DeviceUuid.ToString()).Index);
        Assert.Contains("ambiguous", Assert.Throws<GpuException>(() => DeviceSelector.Pick(devices, "card")).Message, StringComparison.Ordinal);
        Assert.Contains("Iris", Assert.Throws<GpuException>(() => DeviceSelector.Pick(devices, "9")).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_leaked_buffer_is_reported_at_disposal()
    {
        var device = TestDevices.Open(TestDevices.Lavapipe);
        var buffer = new GpuBuffer("forgotten", 1024, MemoryCategory.Inputs);
        device.Transfer.Upload<uint>(buffer, new uint[256]);
        Assert.Contains("forgotten", Assert.Throws<GpuException>(device.Dispose).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void An_allocation_that_cannot_fit_names_what_was_asked()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var buffer = new GpuBuffer("huge", 1L << 40, MemoryCategory.Activations);
        Assert.Contains("huge", Assert.Throws<GpuException>(() => device.Place(buffer)).Message, StringComparison.Ordinal);
    }
}
