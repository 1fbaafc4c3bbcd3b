namespace XClr.Gpu.Tests;

public sealed class CacheFileTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_is_replaced_and_its_folder_made()
    {
        var file = Path.Combine(folder, "a", "b", "c.txt");
        Assert.True(CacheFile.TryReplace(file, "first"u8));
        CacheFile.Replace(file, "second"u8);
        Assert.Equal("second", File.ReadAllText(file));
        Assert.Equal([file], Directory.GetFiles(Path.GetDirectoryName(file)!));
    }

    [Fact]
    public void Where_no_folder_can_be_made_nothing_is_kept_and_nothing_ends()
    {
        var file = folder.File("file");
        File.WriteAllText(file, "");
        Assert.False(CacheFile.TryReplace(Path.Combine(file, "below", "c.txt"), "x"u8));
        Assert.ThrowsAny<IOException>(() => CacheFile.Replace(Path.Combine(file, "below", "c.txt"), "x"u8));
    }

    /// <summary>A whole start with a cache folder that cannot be made: pipelines, the compiler's figures, tuning.</summary>
    [SkippableFact]
    public void A_device_opens_and_runs_without_its_cache()
    {
        _ = TestDevices.Get(TestDevices.Lavapipe);
        var nowhere = Path.Combine(folder, "file", "below");
        File.WriteAllText(folder.File("file"), "");
        using var device = GpuDevice.Open(new DeviceOptions { Device = "llvmpipe", CacheFolder = nowhere });
        using var buffer = new GpuBuffer("numbers", 16, MemoryCategory.Inputs);
        device.Transfer.Upload<float>(buffer, [1, 2, 3, 4]);
        Assert.Equal([1, 2, 3, 4], device.Transfer.Download(buffer, 4));
    }
}
